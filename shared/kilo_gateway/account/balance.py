"""What is left on an account, read from GET /api/profile/balance.

Source: the server, https://github.com/Kilo-Org/cloud d0ce2a8 (2026-02-22) and newer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left, in USD."""

    balance: float
    """May be negative. An organization's is at most what the member may still spend today."""
    is_depleted: bool
    """Whether paid models are refused."""
    organization_id: str | None = None
    """The organization whose balance this is; None for the account's own."""


def parse_balance(body: Any, *, organization_id: str | None) -> Balance:
    """Return the balance of `{"balance": number, "isDepleted": true or false}`.

    Raises: ValueError when it holds no amount.
    """
    amount = body.get("balance") if isinstance(body, dict) else None
    number = _finite(amount)
    if number is None:
        raise ValueError("holds no balance")
    is_depleted = body.get("isDepleted")
    known = is_depleted if isinstance(is_depleted, bool) else number <= 0
    return Balance(number, known, organization_id)


def _finite(amount: Any) -> float | None:
    """Return a JSON number; None for anything else, and for a number that no float holds."""
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return None
    try:
        number = float(amount)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
