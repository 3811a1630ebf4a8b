"""A worker's part of the run's gate and limit: starts requests while it holds slots. For one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.batch.throttle import Throttle
from kilo_gateway.clock import monotonic
from kilo_gateway.gate import Permit
from kilo_gateway.ray.messages import FRESH_SECONDS, Grant, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.ray.messages import WorkerReport


class SharedThrottle(Throttle):
    """A throttle that goes by the grants of a coordinator.

    `on_change` is told whether the coordinator should know at once how this worker stands.
    """

    def __init__(self, on_change: Callable[[bool], None]) -> None:
        super().__init__()
        self._on_change = on_change
        self._paused_until = 0.0
        self._answered_at = 0.0
        """When the last question was sent that the coordinator has answered."""
        self._grant = Grant()
        self._refusals: list[Refusal] = []
        """Those that the coordinator does not know of yet: nothing is sent until it does."""
        self._successes = 0
        self._success_epoch = -1
        self._told_successes = 0

    @property
    def paused_until(self) -> float:
        """When the pause ends, by the monotonic clock."""
        return self._paused_until

    @property
    def slots(self) -> int:
        """How many may be under way now; none while the coordinator has not answered for long."""
        return 0 if self._refusals else self._held

    @property
    def _held(self) -> int:
        return self._grant.slots if monotonic() - self._answered_at < FRESH_SECONDS else 0

    def take(self, grant: Grant) -> None:
        """Go by a grant."""
        shrinks = grant.slots < self._grant.slots
        self._grant = grant
        self._paused_until = monotonic() + grant.pause_seconds if grant.pause_seconds else 0.0
        self._start_waiting()
        if shrinks:
            self._on_change(False)

    def fill(self, report: WorkerReport) -> None:
        """Put into a report what is known here."""
        report.version, report.slots, report.under_way = self._grant.version, self._held, self.under_way
        report.waiting += len(self._waiting)
        report.successes, report.success_epoch = self._successes, self._success_epoch
        report.pause_seconds = max(0.0, self.paused_until - monotonic())
        report.refusals = tuple(self._refusals)
        self._told_successes = self._successes

    def note_answer(self, report: WorkerReport, sent_at: float) -> None:
        """Note that the coordinator has answered a report that was sent at this moment, and its grant was taken."""
        self._answered_at = max(self._answered_at, sent_at)
        del self._refusals[: len(report.refusals)]
        self._start_waiting()

    async def acquire(self) -> Permit:
        """Return when a request may be sent; it is under way until one of the three `note_` methods is called."""
        if self.under_way >= self.slots:
            self._on_change(False)
        return await super().acquire()

    def note_success(self, permit: Permit) -> None:
        """Note that the gateway took the request."""
        self._successes += 1
        self._success_epoch = max(self._success_epoch, permit.pauses_before)
        if self._grant.is_growing and self._successes - self._told_successes >= self._grant.slots:
            self._on_change(False)
        self._finish_one()

    def note_refusal(self, permit: Permit, retry_after_seconds: float | None) -> None:
        """Note that the gateway was too busy for the request, and send nothing until the coordinator knows."""
        self._refusals.append(Refusal(permit.pauses_before, retry_after_seconds))
        self._finish_one()
        self._on_change(True)

    def note_abandoned(self, permit: Permit) -> None:
        """Note that the request ended without an answer."""
        self._finish_one()

    def _try_acquire(self) -> Permit | None:
        return Permit(0, self._grant.epoch) if self.under_way < self.slots else None

    def _finish_one(self) -> None:
        super()._finish_one()
        if self.under_way >= self._grant.slots:
            self._on_change(False)  # gives back what others may use
