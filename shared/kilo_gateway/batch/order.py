"""Gives results in the order of their requests, holding back no more than a bounded window of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.batch.results import Result

WINDOW: Final = 4
"""How many times the concurrency results may be ahead of the oldest request that is still open."""


class Order:
    """Holds results until it is their turn; passes them on at once where no order is wanted."""

    def __init__(self, concurrency: int, *, is_wanted: bool) -> None:
        self._room = asyncio.Semaphore(concurrency * WINDOW) if is_wanted else None
        self._held: dict[int, Result] = {}
        self._next = 0

    async def wait_for_room(self) -> None:
        """Wait until one more request may be begun."""
        if self._room is not None:
            await self._room.acquire()

    def add(self, place: int, result: Result) -> Iterator[Result]:
        """Yield the results whose turn it is, now that this one is here. `place` counts requests from 0."""
        if self._room is None:
            yield result
            return
        self._held[place] = result
        while (ready := self._held.pop(self._next, None)) is not None:
            self._next += 1
            self._room.release()
            yield ready

    def remaining(self) -> Iterator[Result]:
        """Yield, in order, the results whose turn cannot come any more: the run has ended before one of theirs."""
        for place in sorted(self._held):
            yield self._held.pop(place)
