"""Closing that has to await, for those who must not: it runs in a task that nobody waits for and nobody cancels."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_tasks: set[asyncio.Task[None]] = set()
"""A task that nobody holds may be collected before it ran."""


def close_later(close: Callable[[], Awaitable[Any]]) -> None:
    """Run `close` on the running loop; where none runs, there is nothing left to close."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        if trio is not None:
            with suppress(RuntimeError):
                trio.lowlevel.spawn_system_task(_close, close)
        return
    task = loop.create_task(_close(close))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def _close(close: Callable[[], Awaitable[Any]]) -> None:
    with suppress(Exception):  # what is being left cannot fail any more
        await close()
