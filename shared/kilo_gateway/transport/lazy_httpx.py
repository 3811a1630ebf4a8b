"""httpx, loaded when something of it is first asked for: our own engine needs it only to say what went wrong.

Loading it, and all that it loads, takes most of the time of a process's first call. `httpx.URL` and the rest are looked
up each time, so what somebody puts into httpx's place is found.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
else:

    class _LazyModule:
        """Stands for the module."""

        def __getattr__(self, name: str) -> Any:
            return getattr(import_module("httpx"), name)

    httpx = _LazyModule()

__all__ = ["httpx"]
