"""How what is scarce is divided among workers: slots by need, and money by need. Decides; no state."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def fair_shares(total: int, needs: Mapping[str, int]) -> dict[str, int]:
    """Return what each gets: nobody more than he needs, and what one leaves goes to the others.

    Needs beyond the total count as the total, so that shares stay as they are while all need much.
    """
    shares: dict[str, int] = {}
    left = total
    by_need = sorted(needs.items(), key=lambda item: min(item[1], total))
    for others, (name, need) in zip(range(len(by_need), 0, -1), by_need, strict=True):
        shares[name] = min(need, -(-left // others))
        left -= shares[name]
    return shares


def money_shares(total: Decimal, needs: Mapping[str, tuple[Decimal, Decimal]]) -> dict[str, Decimal]:
    """Return what each gets of the money: all that he wants while it is enough for all.

    A need is (all that is wanted, the least that is of use). Where it is not enough for all, who comes first gets the
    least that is of use to him, then the next.
    """
    if sum(wanted for wanted, _ in needs.values()) <= total:
        return {name: wanted for name, (wanted, _) in needs.items()}
    shares = dict.fromkeys(needs, Decimal(0))
    for name, (_, least) in needs.items():
        if least and least <= total:
            shares[name] = least
            total -= least
    return shares
