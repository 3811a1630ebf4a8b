"""How many connections this process may have: each is an open file, and systems allow few unless asked."""

from __future__ import annotations

_OTHERS = 64
"""Files beside the connections."""


def allow_connections(wanted: int) -> int:
    """Raise this process's own limit of open files; returns how many connections it leaves, at most `wanted`."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    return max(1, min(wanted, max(soft, allowed) - _OTHERS))
