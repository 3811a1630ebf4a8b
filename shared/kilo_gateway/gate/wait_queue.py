"""The queue of calls before a gate: first come, first served, and few at a time after a pause. Never sleeps."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.waiting import Waker

Permit = TypeVar("Permit")

FOLLOWERS: Final = 3
"""How many calls follow each one that was accepted: after a pause they do not come all at once."""
OVERDUE_SECONDS: Final = 1.0
"""After this time the first call goes on without being woken: the call that should wake it may have ended."""


class QueuedCall:
    """One call in the queue."""

    __slots__ = ("is_called", "waker")

    def __init__(self, waker: Waker) -> None:
        self.waker = waker
        self.is_called = False


class WaitQueue(Generic[Permit]):
    """Calls that wait. `try_acquire` asks the gate for a permit; `on_empty` is told when the last one has gone."""

    def __init__(self, try_acquire: Callable[[float], Permit | float | None], on_empty: Callable[[], None]) -> None:
        self._try_acquire = try_acquire
        self._on_empty = on_empty
        self._lock = threading.RLock()
        self._calls: deque[QueuedCall] = deque()

    def __len__(self) -> int:
        return len(self._calls)

    def join(self, waker: Waker) -> QueuedCall:
        """Add a call to the end of the queue."""
        queued = QueuedCall(waker)
        with self._lock:
            queued.is_called = not self._calls
            self._calls.append(queued)
        return queued

    def try_acquire(self, queued: QueuedCall, now: float, *, is_overdue: bool = False) -> Permit | float:
        """Return a permit, or the seconds after which to ask again unless woken before.

        `is_overdue` says that the wait went by without a call.
        """
        if is_overdue and self._calls and self._calls[0] is queued:
            queued.is_called = True
        if not queued.is_called:
            return OVERDUE_SECONDS
        found = self._try_acquire(now)
        if found is None:
            return OVERDUE_SECONDS
        if not isinstance(found, float):
            self.leave(queued)
        return found

    def leave(self, queued: QueuedCall) -> None:
        """Take a call out of the queue; a call that gives up passes its turn on."""
        with self._lock:
            if queued not in self._calls:
                return
            self._calls.remove(queued)
            is_empty = not self._calls
        if is_empty:
            self._on_empty()

    def wake_first(self, count: int) -> None:
        """Wake the first `count` calls, in addition to those that were woken before."""
        with self._lock:
            for queued in self._calls:
                if not queued.is_called:
                    if count == 0:
                        break
                    queued.is_called, count = True, count - 1
                queued.waker.wake()
