"""What the coordinator knows of one worker: how it stands, and what it may hold at the most. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from kilo_gateway.ray.messages import Grant

if TYPE_CHECKING:
    from kilo_gateway.ray.messages import WorkerReport


@dataclass(slots=True)
class Member:
    """A worker, as it told, and what it was granted since."""

    report: WorkerReport
    seen_at: float
    grant: Grant = field(default_factory=Grant)
    in_force: list[Grant] = field(default_factory=list)
    """The grant that it told to go by, and those since."""

    @property
    def held_slots(self) -> int:
        """The most requests that it may have under way."""
        return max(self.report.under_way, 0, *(grant.slots for grant in self.in_force))

    @property
    def used(self) -> Decimal:
        """What it has spent and reserved, in USD, as it told."""
        return self.report.spent + self.report.reserved

    @property
    def held_money(self) -> Decimal:
        """The most that it may spend in all, in USD."""
        return max(self.used, Decimal(0), *(grant.allowance for grant in self.in_force))

    @property
    def need(self) -> int:
        """How many requests it could have under way."""
        return self.report.under_way + self.report.waiting
