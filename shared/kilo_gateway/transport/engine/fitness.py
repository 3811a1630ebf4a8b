"""Where the engine was tested, and is therefore used: interpreters with a lock, systems that have poll."""

from __future__ import annotations

import select
import sys

HAS_POLL = sys.platform != "win32" and hasattr(select, "poll")
"""Whether sockets can be waited for as all of ours are. Windows cannot, and its event loop watches none."""

_PATCHERS = (("gevent.monkey", "is_module_patched"), ("eventlet.patcher", "is_monkey_patched"))


def is_tested_here() -> bool:
    """Return whether the engine was tested on such a system and interpreter: no free-threaded one was."""
    return HAS_POLL and bool(getattr(sys, "_is_gil_enabled", lambda: True)())


def has_green_sockets() -> bool:
    """Return whether gevent or eventlet has replaced the sockets of this process."""
    for name, ask in _PATCHERS:
        module = sys.modules.get(name)
        if module is not None and getattr(module, ask)("socket"):
            return True
    return False
