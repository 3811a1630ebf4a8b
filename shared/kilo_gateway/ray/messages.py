"""What workers and their coordinator tell each other.

Numbers count from a worker's start, so that a report may come twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from kilo_gateway.batch.results import ResultSums

if TYPE_CHECKING:
    from kilo_gateway.errors import BatchStoppedError, KiloError

LEASE_SECONDS: Final = 10.0
"""After so long without a word from a worker, what it holds is given to others."""
FRESH_SECONDS: Final = 7.0
"""After so long without a word from the coordinator a worker sends nothing new: others may have what it holds."""
WATCH_SECONDS: Final = 1.0
"""How long a worker's question for news stays open."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A 429, a 503 or a refused connection."""

    epoch: int
    """How many pauses the sender knew of when it sent the request."""
    retry_after_seconds: float | None


@dataclass(slots=True)
class Tally(ResultSums):
    """Sums of rows and costs."""

    reused: int = 0
    """Rows whose answer, or failure, stood in the journal."""

    def add_tally(self, other: Tally) -> None:
        """Add other sums."""
        for one in fields(Tally):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


@dataclass(slots=True)
class WorkerReport:
    """How a worker stands."""

    worker: str
    place: str
    """Its process and host, for people."""
    version: int = 0
    """The grant that it goes by."""
    slots: int = 0
    """How many requests it may have under way by that grant."""
    under_way: int = 0
    waiting: int = 0
    """Requests that could be sent."""
    successes: int = 0
    """Requests that the gateway took, counted from the worker's start."""
    success_epoch: int = -1
    """The newest epoch of which one was taken."""
    answers: int = 0
    pause_seconds: float = 0.0
    """How long it knows the gate to stay closed."""
    refusals: tuple[Refusal, ...] = ()
    """Since its last report."""
    busy_error: KiloError | None = None
    """The last error of a gateway that was too busy; None once it has taken a request."""
    tally: Tally = field(default_factory=Tally)
    spent: Decimal = Decimal(0)
    reserved: Decimal = Decimal(0)
    allowance: Decimal = Decimal(0)
    """What it may spend in all, by its grant."""
    wanted: Decimal = Decimal(0)
    """What its requests that wait for money, and those soon to come, need beyond that which is spent or reserved."""
    least_wanted: Decimal = Decimal(0)
    """What one of them needs; 0 while none waits."""
    stop: BatchStoppedError | None = None
    """Why the whole run must end."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a worker may do, until a grant of a higher version."""

    version: int = 0
    slots: int = 0
    epoch: int = 0
    """Pauses so far."""
    pause_seconds: float = 0.0
    allowance: Decimal = Decimal(0)
    is_growing: bool = False
    """Whether the limit would grow with more successes: then they are worth telling soon."""
    stop: BatchStoppedError | None = None
    """Why the run ends."""


@dataclass(slots=True)
class RunTotals(Tally):
    """The sums of a run, over all workers, those that have ended included."""

    spent: Decimal = Decimal(0)
    """Counted against the budget, in USD: requests whose cost is not known count as what they could cost."""
    workers: int = 0
    lost_workers: int = 0
    """Workers that fell silent, as killed ones do."""
    lost_requests: int = 0
    """The most that may have been under way on them; they are sent again, and the gateway may bill them twice."""
    under_way: int = 0
    limit: int = 0
    """How many requests may be under way now, on all workers together."""
    pause_seconds: float = 0.0
