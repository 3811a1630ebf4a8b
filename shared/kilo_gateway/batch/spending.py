"""The budget of a run as its requests see it: reserve before sending, wait where others may set something free."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from kilo_gateway.costs.budget import budget_used_up
from kilo_gateway.costs.prices import bound_of_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.costs.budget import Budget

    PriceOf = Callable[[str], Awaitable[Pricing | None]]
    """Model id -> its prices; None for a model that is not known."""

_LONGEST_WAIT_SECONDS: Final = 0.25
"""A budget may be shared with runs in other threads, which tell nobody here when they settle."""


async def no_prices(model_id: str) -> Pricing | None:
    """Return no price: none is known."""
    return None


def bound_of(request: PreparedRequest, pricing: Pricing | None) -> Decimal:
    """Return the most that a request can cost, in USD. Raises InvalidSettingError where the price is unknown."""
    return bound_of_body(request.body, pricing, ref=request.ref, has_output=request.endpoint == "chat")


class Spending:
    """Reservations of one run in a budget; without a budget every request may be sent."""

    def __init__(self, budget: Budget | None, price_of: PriceOf) -> None:
        self._budget = budget
        self._price_of = price_of
        self._settled = asyncio.Event()

    async def reserve(self, request: PreparedRequest) -> Decimal:
        """Return the amount that is held for a request, once it fits.

        Raises:
            BudgetExceededError: it does not fit, and nothing is under way that could set anything free.
        """
        if self._budget is None:
            return Decimal(0)
        bound = bound_of(request, await self._price_of(request.model_id))
        while not self._budget.reserve(bound):
            if not self._budget.reserved:
                raise budget_used_up(self._budget.usd, self._budget.spent, bound, model=request.ref)
            self._settled.clear()
            try:
                async with asyncio.timeout(_LONGEST_WAIT_SECONDS):
                    await self._settled.wait()
            except TimeoutError:
                continue
        return bound

    def settle(self, reserved: Decimal, cost: Decimal | None) -> None:
        """Replace what was held by what it cost; None, an unknown cost, counts as all of it."""
        if self._budget is not None:
            self._budget.settle(reserved, cost)
            self._settled.set()
