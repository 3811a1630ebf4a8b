"""The line of calls before a gate: first come, first served, and few at a time after a pause. Decides; never sleeps."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.waiting import Waker

Ticket = TypeVar("Ticket")

FOLLOWERS: Final = 3
"""How many calls follow each one that got through: after a pause they do not come all at once."""
PATIENCE_SECONDS: Final = 1.0
"""After so long the first in the line goes on uncalled: whoever should have called it may have vanished."""


class Place:
    """The place of one call in the line."""

    __slots__ = ("is_called", "waker")

    def __init__(self, waker: Waker) -> None:
        self.waker = waker
        self.is_called = False


class Line(Generic[Ticket]):
    """Calls that wait. `enter` asks the gate for a ticket; `on_empty` is told when the last one has gone."""

    def __init__(self, enter: Callable[[float], Ticket | float | None], on_empty: Callable[[], None]) -> None:
        self._enter = enter
        self._on_empty = on_empty
        self._lock = threading.RLock()
        self._places: deque[Place] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def join(self, waker: Waker) -> Place:
        """Return a place at the end of the line."""
        place = Place(waker)
        with self._lock:
            place.is_called = not self._places
            self._places.append(place)
        return place

    def ask(self, place: Place, now: float, *, is_overdue: bool = False) -> Ticket | float:
        """Return a ticket, or the seconds after which to ask again unless woken before.

        `is_overdue` says that the wait went by without a call.
        """
        if is_overdue and self._places and self._places[0] is place:
            place.is_called = True
        if not place.is_called:
            return PATIENCE_SECONDS
        found = self._enter(now)
        if found is None:
            return PATIENCE_SECONDS
        if not isinstance(found, float):
            self.leave(place)
        return found

    def leave(self, place: Place) -> None:
        """Take a place out of the line; a call that gives up passes its turn on."""
        with self._lock:
            if place not in self._places:
                return
            self._places.remove(place)
            is_empty = not self._places
        if is_empty:
            self._on_empty()

    def call(self, count: int) -> None:
        """Let the first `count` go on, beside those that were called before."""
        with self._lock:
            for place in self._places:
                if not place.is_called:
                    if count == 0:
                        break
                    place.is_called, count = True, count - 1
                place.waker.wake()
