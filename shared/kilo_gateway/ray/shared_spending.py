"""A worker's part of the run's budget: reserves out of an allowance, and asks for more before it is used up."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from kilo_gateway.batch.spending import bound_of
from kilo_gateway.costs.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.spending import PriceOf
    from kilo_gateway.ray.messages import Grant, WorkerReport


class SharedSpending:
    """Reservations of a worker; without a budget every request may be sent."""

    def __init__(self, *, is_limited: bool, price_of: PriceOf, on_change: Callable[[bool], None]) -> None:
        self._is_limited = is_limited
        self._price_of = price_of
        self._on_change = on_change
        self._budget = Budget(0)
        self._waiting: list[Decimal] = []
        """What requests that wait for money need."""
        self._changed = asyncio.Event()
        self._last_bound = Decimal(0)
        self._soon = 0
        """How many requests may follow soon."""

    def take(self, grant: Grant) -> None:
        """Go by a grant."""
        used = self._budget.spent + self._budget.reserved
        allowance = max(grant.allowance, used)
        shrinks = allowance < self._budget.usd
        self._budget.usd = allowance
        self._wake()
        if shrinks:
            self._on_change(False)

    def fill(self, report: WorkerReport, *, soon: int) -> None:
        """Put into a report what is known here; `soon` requests are expected to follow those that wait."""
        self._soon = soon
        report.spent, report.reserved, report.allowance = (
            self._budget.spent,
            self._budget.reserved,
            self._budget.usd,
        )
        report.wanted = sum(self._waiting, Decimal(0)) + self._last_bound * soon
        report.least_wanted = min(self._waiting, default=Decimal(0))

    async def reserve(self, request: PreparedRequest) -> Decimal:
        """Return the amount that is held for a request, once it fits.

        Raises:
            InvalidSettingError: the price is unknown.
        """
        if not self._is_limited:
            return Decimal(0)
        bound = bound_of(request, await self._price_of(request.model_id))
        self._last_bound = bound
        while not self._budget.reserve(bound):
            self._waiting.append(bound)
            try:
                self._on_change(False)
                self._changed.clear()
                await self._changed.wait()
            finally:
                self._waiting.remove(bound)
        if self._budget.left < bound * self._soon / 2:
            self._on_change(False)
        return bound

    def settle(self, reserved: Decimal, cost: Decimal | None) -> None:
        """Replace what was held by what it cost; None, an unknown cost, counts as all of it."""
        if self._is_limited:
            self._budget.settle(reserved, cost)
            self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._changed.set()
