"""A worker's part of the run's gate and limit: lets requests out while it holds slots. One event loop's."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from kilo_gateway.clock import monotonic
from kilo_gateway.gate import Permit
from kilo_gateway.ray.messages import FRESH_SECONDS, Grant, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.ray.messages import WorkerReport


class SharedThrottle:
    """The way out for the requests of a worker. `on_change` is told whether the coordinator should hear at once."""

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        self._on_change = on_change
        self.under_way = 0
        """Requests that are being sent or answered."""
        self.paused_until = 0.0
        """When the pause ends, by the monotonic clock."""
        self.heard_at = 0.0
        """When the last question was sent that the coordinator has answered."""
        self._grant = Grant()
        self._waiting: deque[asyncio.Future[Permit]] = deque()
        self._refusals: list[Refusal] = []
        self._is_held_back = False
        """Whether a refusal of here has not been answered yet: nothing is sent until then."""
        self._got_through = 0
        self._got_through_epoch = -1
        self._told = 0

    @property
    def slots(self) -> int:
        """How many may be under way now; none while nothing has been heard for long."""
        return 0 if self._is_held_back else self._held

    @property
    def _held(self) -> int:
        return self._grant.slots if monotonic() - self.heard_at < FRESH_SECONDS else 0

    def take(self, grant: Grant) -> None:
        """Go by a grant."""
        pause_ends = monotonic() + grant.pause_seconds if grant.pause_seconds else 0.0
        shrinks = grant.slots < self._grant.slots
        self._grant, self.paused_until = grant, pause_ends
        self.let_out()
        if shrinks:
            self._on_change(False)

    def fill(self, report: WorkerReport) -> None:
        """Put into a report what is known here."""
        report.version, report.slots, report.under_way = self._grant.version, self._held, self.under_way
        report.waiting += len(self._waiting)
        report.got_through, report.got_through_epoch = self._got_through, self._got_through_epoch
        report.pause_seconds = max(0.0, self.paused_until - monotonic())
        report.refusals = tuple(self._refusals)
        self._told = self._got_through

    def told(self, report: WorkerReport, sent_at: float) -> None:
        """Note that the coordinator has answered a report that was sent at this moment, and its grant was taken."""
        self.heard_at = max(self.heard_at, sent_at)
        del self._refusals[: len(report.refusals)]
        self._is_held_back = bool(self._refusals)
        self.let_out()

    async def acquire(self) -> Permit:
        """Return when a request may be sent; it is under way until one of the `note_` methods is called."""
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self.let_out()
        if not waiter.done():
            self._on_change(False)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self.note_abandoned(waiter.result())
            raise

    def note_success(self, permit: Permit) -> None:
        """Note that the gateway took the request."""
        self._got_through += 1
        self._got_through_epoch = max(self._got_through_epoch, permit.pauses_before)
        if self._grant.is_growing and self._got_through - self._told >= self._grant.slots:
            self._on_change(False)
        self._end()

    def note_refusal(self, permit: Permit, retry_after_seconds: float | None) -> None:
        """Note that the gateway was too busy for the request, and send nothing until the coordinator knows."""
        self._refusals.append(Refusal(permit.pauses_before, retry_after_seconds))
        self._is_held_back = True
        self._end()
        self._on_change(True)

    def note_abandoned(self, permit: Permit) -> None:
        """Note that the request ended without an answer."""
        self._end()

    def let_out(self) -> None:
        """Let out as many as may go."""
        while self._waiting and self.under_way < self.slots:
            waiter = self._waiting.popleft()
            if not waiter.done():  # else cancelled while it waited
                self.under_way += 1
                waiter.set_result(Permit(0, self._grant.epoch))

    def _end(self) -> None:
        self.under_way -= 1
        self.let_out()
        if self.under_way >= self._grant.slots:
            self._on_change(False)  # gives back what others may use
