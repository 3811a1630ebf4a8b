"""Sums of calls: tokens as counts, costs as exact decimals, what nobody told as unknown."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from kilo_gateway.costs.exact import EXACT

if TYPE_CHECKING:
    from kilo_gateway.answer.usage import Usage


@dataclass(slots=True)
class Sums:
    """What some calls used and cost. `cost` leaves out `unknown_costs` requests, whose cost nobody told."""

    calls: int = 0
    """Calls that were answered, or left before their answer ended."""
    failed: int = 0
    """Calls that ended with an error."""
    retries: int = 0
    """Requests after the first of a call."""
    input_tokens: int = 0
    """Cached ones included."""
    output_tokens: int = 0
    """Reasoning included."""
    cached_tokens: int = 0
    """The part of the input that was read from a prompt cache."""
    reasoning_tokens: int = 0
    """The part of the output that is reasoning."""
    cost: Decimal = Decimal(0)
    """In USD."""
    unknown_costs: int = 0
    """Requests that may have cost something, and nobody told what."""

    def add_usage(self, usage: Usage | None) -> None:
        """Add what an answer used and cost."""
        if usage is not None:
            self.input_tokens += usage.input_tokens
            self.output_tokens += usage.output_tokens
            self.cached_tokens += usage.cached_tokens or 0
            self.reasoning_tokens += usage.reasoning_tokens or 0
        self.add_cost(cost_of(usage))

    def add_cost(self, cost: Decimal | None) -> None:
        """Add the cost of a request; None for an unknown one."""
        if cost is None:
            self.unknown_costs += 1
        else:
            self.cost = EXACT.add(self.cost, cost)


def cost_of(usage: Usage | None) -> Decimal | None:
    """Return what the gateway bills for an answer, in USD, with the digits that it sent; None where it did not say.

    Below zero it did not: a budget would grow by it.
    """
    billed = None if usage is None else usage.billed_cost
    return None if billed is None or billed < 0 else Decimal(repr(billed))
