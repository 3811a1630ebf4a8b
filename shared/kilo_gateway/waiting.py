"""How a thread, or a task of an event loop, sleeps until another one wakes it or its time is over. Knows no reason."""

from __future__ import annotations

import asyncio
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable


class Waker(Protocol):
    """What can be woken, from any thread."""

    def wake(self) -> None:
        """End the wait, or the next one."""


class ThreadWaiter:
    """Sleeps a thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wake(self) -> None:
        """End the wait, or the next one."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Return whether woken within so many seconds."""
        is_woken = self._event.wait(max(0.0, seconds))
        self._event.clear()
        return is_woken


class TaskWaiter:
    """Sleeps a task of asyncio or trio. Made on the loop that it sleeps on."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._post = _poster()

    def wake(self) -> None:
        """End the wait, or the next one."""
        with suppress(RuntimeError):  # the loop has ended, and its tasks with it
            self._post(self._set)

    async def wait(self, seconds: float) -> bool:
        """Return whether woken within so many seconds."""
        with anyio.move_on_after(max(0.0, seconds)):
            await self._event.wait()
        is_woken = self._event.is_set()
        self._event = anyio.Event()
        return is_woken

    def _set(self) -> None:
        self._event.set()


def _poster() -> Callable[[Callable[[], None]], Any]:
    """Return what calls a function on the running loop, from any thread."""
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        trio = sys.modules.get("trio")
        if trio is None:
            raise
        run_soon: Callable[[Callable[[], None]], Any] = trio.lowlevel.current_trio_token().run_sync_soon
        return run_soon
