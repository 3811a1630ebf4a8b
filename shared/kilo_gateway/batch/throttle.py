"""Lets requests out: one at a time through the gate, at most as many at once as the limit says. One event loop's."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from kilo_gateway.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.batch.concurrency import ConcurrencyLimit
    from kilo_gateway.gate import Gate, Ticket


class Throttle:
    """The way out for the requests of a run. `await enter()` before each of them."""

    def __init__(self, gate: Gate, limit: ConcurrencyLimit, *, longest_pause_seconds: float) -> None:
        self._gate = gate
        self._limit = limit
        self._longest_pause_seconds = longest_pause_seconds
        """The longest pause of our own; what the gateway names may be longer."""
        self.under_way = 0
        """Requests that are being sent or answered."""
        self._waiting: deque[asyncio.Future[Ticket]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return self._limit.value

    @property
    def paused_until(self) -> float:
        """When the gate's pause ends, by the monotonic clock."""
        return self._gate.paused_until

    def open(self) -> None:
        """Listen to the gate, on the running event loop."""
        loop = asyncio.get_running_loop()

        def listen() -> None:
            loop.call_soon_threadsafe(self._let_out)

        self._unsubscribe = self._gate.subscribe(listen)

    def close(self) -> None:
        """Listen no more."""
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()

    async def enter(self) -> Ticket:
        """Return when a request may be sent; it counts as under way until `got_through`, `refused` or `left`."""
        waiter: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._let_out()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.left(waiter.result())
            raise

    def got_through(self, ticket: Ticket) -> None:
        """Note that the gateway took the request."""
        self._limit.succeeded()
        self._gate.got_through(ticket)
        self._end()

    def refused(self, ticket: Ticket, retry_after_seconds: float | None) -> None:
        """Note that the gateway was too busy for the request."""
        under_way = self.under_way
        is_new = self._gate.refused(
            ticket,
            now=monotonic(),
            retry_after_seconds=retry_after_seconds,
            longest_pause_seconds=self._longest_pause_seconds,
        )
        if is_new:
            self._limit.paused(under_way)
        self._end()

    def left(self, ticket: Ticket) -> None:
        """Note that the request ended without an answer."""
        self._gate.left(ticket)
        self._end()

    def _end(self) -> None:
        self.under_way -= 1
        self._let_out()

    def _let_out(self) -> None:
        while self._waiting and self.under_way < self._limit.value:
            if self._waiting[0].done():  # cancelled while it waited
                self._waiting.popleft()
                continue
            ticket = self._gate.enter(monotonic())
            if ticket is None:
                return
            if isinstance(ticket, float):
                self._wake_after(ticket)
                return
            self.under_way += 1
            self._waiting.popleft().set_result(ticket)

    def _wake_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._let_out)
