"""A sum that a run never passes: what a request may cost at the most is reserved before it is sent, settled after.

All amounts are exact decimals in USD. A cost that nobody told counts as its upper bound, never as nothing.
"""

from __future__ import annotations

import threading
from decimal import Decimal, InvalidOperation

from kilo_gateway.costs.exact import EXACT
from kilo_gateway.errors import BudgetExceededError, InvalidSettingError
from kilo_gateway.forks import renew_after_fork


class Budget:
    """An amount in USD for as many runs as the caller hands it to. Safe to share between threads.

    Raises:
        InvalidSettingError: no amount, or one below zero.
    """

    def __init__(self, usd: Decimal | float | str) -> None:
        try:
            self.usd = Decimal(str(usd))
        except InvalidOperation:
            raise InvalidSettingError(f"A budget is an amount in USD such as 5 or 0.50, not {usd!r}.") from None
        if not self.usd.is_finite() or self.usd < 0:
            raise InvalidSettingError(f"A budget is an amount of USD of at least 0, not {usd}.")
        self.spent = Decimal(0)
        """Settled so far, in USD."""
        self.reserved = Decimal(0)
        """Held by requests under way, in USD."""
        self._lock = threading.RLock()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Count what the parent's calls hold as spent: they end there."""
        self._lock = threading.RLock()
        self.settle(self.reserved, None)

    def __repr__(self) -> str:
        return f"Budget(usd={self.usd}, spent={self.spent}, reserved={self.reserved})"

    @property
    def left(self) -> Decimal:
        """What is neither spent nor reserved, in USD."""
        return EXACT.subtract(EXACT.subtract(self.usd, self.spent), self.reserved)

    def reserve(self, usd: Decimal) -> bool:
        """Hold an amount for a request; False, and nothing held, when it does not fit."""
        with self._lock:
            if usd > self.left:
                return False
            self.reserved = EXACT.add(self.reserved, usd)
            return True

    def settle(self, reserved: Decimal, cost: Decimal | None) -> None:
        """Replace a reservation by what the request cost; None, an unknown cost, counts as all that was reserved."""
        with self._lock:
            self.reserved = EXACT.subtract(self.reserved, reserved)
            self.spent = EXACT.add(self.spent, reserved if cost is None else cost)


def budget_used_up(usd: Decimal, spent: Decimal, bound: Decimal, *, model: str | None = None) -> BudgetExceededError:
    """Return the error of a request that may cost `bound`, which is more than a budget of `usd` has left."""
    return BudgetExceededError(
        f"The budget of ${usd} is used up: ${spent} are spent, and the next request may cost ${bound:f}. "
        "Raise it to go on.",
        model=model,
    )
