"""Starts requests: each with a permit, no more at once than a limit says. For one event loop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING

from kilo_gateway.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.batch.concurrency import ConcurrencyLimit
    from kilo_gateway.gate import Gate, Permit


class Throttle(ABC):
    """Says when a request of a run may start: `await acquire()` before each of them."""

    def __init__(self) -> None:
        self.under_way = 0
        """Requests that are being sent or answered."""
        self._waiting: deque[asyncio.Future[Permit]] = deque()

    @property
    @abstractmethod
    def paused_until(self) -> float:
        """When the gate's pause ends, by the monotonic clock."""

    async def acquire(self) -> Permit:
        """Return when a request may be sent; it is under way until one of the three `note_` methods is called."""
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._start_waiting()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.note_abandoned(waiter.result())
            raise

    @abstractmethod
    def note_success(self, permit: Permit) -> None:
        """Note that the gateway took the request."""

    @abstractmethod
    def note_refusal(self, permit: Permit, retry_after_seconds: float | None) -> None:
        """Note that the gateway was too busy for the request."""

    @abstractmethod
    def note_abandoned(self, permit: Permit) -> None:
        """Note that the request ended without an answer."""

    @abstractmethod
    def _try_acquire(self) -> Permit | None:
        """Return a permit for one more request now; None when it has to wait."""

    def _finish_one(self) -> None:
        self.under_way -= 1
        self._start_waiting()

    def _start_waiting(self) -> None:
        while self._waiting:
            if self._waiting[0].done():  # cancelled while it waited
                self._waiting.popleft()
                continue
            permit = self._try_acquire()
            if permit is None:
                return
            self.under_way += 1
            self._waiting.popleft().set_result(permit)


class GateThrottle(Throttle):
    """A throttle that goes by a gate of this process and a limit of its own."""

    def __init__(self, gate: Gate, limit: ConcurrencyLimit, *, longest_pause_seconds: float) -> None:
        super().__init__()
        self._gate = gate
        self._limit = limit
        self._longest_pause_seconds = longest_pause_seconds
        """The longest pause of our own; what the gateway names may be longer."""
        self._timer: asyncio.TimerHandle | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def paused_until(self) -> float:
        """When the gate's pause ends, by the monotonic clock."""
        return self._gate.paused_until

    def open(self) -> None:
        """Listen to the gate, on the running event loop."""
        loop = asyncio.get_running_loop()

        def listen() -> None:
            loop.call_soon_threadsafe(self._start_waiting)

        self._unsubscribe = self._gate.subscribe(listen)

    def close(self) -> None:
        """Listen no more."""
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()

    def note_success(self, permit: Permit) -> None:
        """Note that the gateway took the request."""
        self._limit.succeeded()
        self._gate.note_success(permit)
        self._finish_one()

    def note_refusal(self, permit: Permit, retry_after_seconds: float | None) -> None:
        """Note that the gateway was too busy for the request."""
        under_way = self.under_way
        is_new = self._gate.note_refusal(
            permit,
            now=monotonic(),
            retry_after_seconds=retry_after_seconds,
            longest_pause_seconds=self._longest_pause_seconds,
        )
        if is_new:
            self._limit.paused(under_way)
        self._finish_one()

    def note_abandoned(self, permit: Permit) -> None:
        """Note that the request ended without an answer."""
        self._gate.note_abandoned(permit)
        self._finish_one()

    def _try_acquire(self) -> Permit | None:
        if self.under_way >= self._limit.value:
            return None
        found = self._gate.try_acquire(monotonic())
        if not isinstance(found, float):
            return found
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(found, self._start_waiting)
        return None
