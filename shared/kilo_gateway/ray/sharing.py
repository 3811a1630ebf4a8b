"""What all workers of a run share: the limit of requests under way, the pause, the budget, and why the run ends.

Decides by the clock it is given; never sleeps, never talks. A worker holds what its newest report does not rule out:
only what surely nobody holds is granted, so that sums are kept at every moment.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from kilo_gateway.batch.concurrency import ConcurrencyLimit
from kilo_gateway.batch.stops import no_progress
from kilo_gateway.costs.budget import budget_used_up
from kilo_gateway.errors import BatchStoppedError
from kilo_gateway.gate import Gate, Permit
from kilo_gateway.ray.member import Member
from kilo_gateway.ray.messages import LEASE_SECONDS, Grant, RunTotals
from kilo_gateway.ray.shares import fair_shares, money_shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.errors import KiloError
    from kilo_gateway.ray.messages import WorkerReport
    from kilo_gateway.ray.plan import SharedLimits

_FIRST_ROWS: Final = 100
"""A share of errors counts as if there were at least so many rows: the first failure does not end a run."""
_SAME_PAUSE_SECONDS: Final = 3.0
"""Workers that tell a restarted coordinator of a pause all mean the same one, each by its own clock."""


class Sharing:
    """The shared state of a run. `take` a report, then read `members[...].grant` of all.

    `epoch` is where pauses are counted from: one that has begun anew must begin above all it ever counted.
    `known_until` is when workers that the state before a restart knew of have told, or are gone.
    """

    def __init__(
        self,
        limits: SharedLimits,
        *,
        epoch: int = 0,
        known_until: float = 0.0,
        allowances: Mapping[str, Decimal] | None = None,
    ) -> None:
        self._limits = limits
        self.members: dict[str, Member] = {}
        self._stopped: BatchStoppedError | None = None
        self._epoch = epoch
        self._known_until = known_until
        self._unreported = dict(allowances or {})
        """Workers of before a restart that have not told yet -> what they may spend."""
        self._gate = Gate()
        self._limit = ConcurrencyLimit(limits.requests_at_once)
        self._versions = 0
        self._gone: dict[str, Member] = {}
        """Workers that have fallen silent; what they held counts as spent."""
        self._progress = (0, 0.0)
        self._busy_error: KiloError | None = None

    @property
    def paused_until(self) -> float:
        """When the pause ends, by the monotonic clock."""
        return self._gate.paused_until

    @property
    def is_needed(self) -> bool:
        """Whether any worker has requests."""
        return any(member.need for member in self.members.values())

    def allowances(self) -> dict[str, Decimal]:
        """Return what each worker may spend at the most, or may have spent: fit to be kept."""
        held = {name: member.held_money for name, member in {**self._gone, **self.members}.items()}
        return {**self._unreported, **held}

    def take(self, report: WorkerReport, now: float) -> None:
        """Note a report, and grant anew what it changes."""
        member = self.members.get(report.worker)
        if member is None:
            member = self._add(report, now)
        before, member.report, member.seen_at = member.report, report, now
        member.in_force = [grant for grant in member.in_force if grant.version >= report.version]
        for _ in range(report.successes - before.successes):
            self._limit.succeeded()
        self._busy_error = report.busy_error or self._busy_error
        if report.success_epoch == self._epoch:
            self._busy_error = None
            self._gate.note_success(self._gate.permit_of_sent_request())
        for refusal in report.refusals:
            self._refuse(refusal.epoch, refusal.retry_after_seconds, now)
        self._stopped = self._stopped or report.stop or self._too_many_errors()
        self._grant_shares(now)

    def look(self, now: float) -> list[Member]:
        """Do what time brings; return the workers that fell silent over work: others get now what these held."""
        silent = {name: one for name, one in self.members.items() if now - one.seen_at > LEASE_SECONDS}
        self._gone.update(silent)
        self.members = {name: one for name, one in self.members.items() if name not in silent}
        self._look_at_progress(now)
        self._grant_shares(now)
        return [member for member in silent.values() if member.need]

    def totals(self, now: float) -> RunTotals:
        """Return the sums so far."""
        sums = RunTotals(
            spent=self._spent_by_others + sum((one.used for one in self.members.values()), Decimal(0)),
            workers=len(self.members),
            lost_workers=sum(bool(one.need) for one in self._gone.values()),
            lost_requests=sum(one.held_slots for one in self._gone.values() if one.need),
            under_way=sum(one.report.under_way for one in self.members.values()),
            limit=self._limit.value,
            pause_seconds=max(0.0, self.paused_until - now),
        )
        for one in (*self._gone.values(), *self.members.values()):
            sums.add_tally(one.report.tally)
        return sums

    def _grant_shares(self, now: float) -> None:
        """Grant each worker its share of what is free."""
        slots = self._slots(now)
        money = self._money(now)
        pause = max(0.0, self.paused_until - now)
        for name, member in self.members.items():
            old = member.grant
            is_growing = self._limit.value < self._limit.ceiling
            is_same = (slots[name], money[name], self._epoch, self._stopped) == (
                old.slots,
                old.allowance,
                old.epoch,
                old.stop,
            )
            if is_same and is_growing == old.is_growing and pause <= old.pause_seconds:
                continue
            self._versions += 1
            member.grant = Grant(
                self._versions, slots[name], self._epoch, pause, money[name], is_growing, self._stopped
            )
            member.in_force.append(member.grant)

    def _add(self, report: WorkerReport, now: float) -> Member:
        self._unreported.pop(report.worker, None)
        self._gone.pop(report.worker, None)
        member = Member(report, now)
        member.grant = Grant(report.version, report.slots, -1, allowance=report.allowance)
        member.in_force.append(member.grant)
        self._versions = max(self._versions, report.version)
        if report.slots:  # of before a restart
            self._limit.value = min(self._limit.ceiling, max(self._limit.value, self._held() + report.slots))
        if report.pause_seconds and now + report.pause_seconds > self.paused_until + _SAME_PAUSE_SECONDS:
            self._refuse(self._epoch, report.pause_seconds, now)
        self.members[report.worker] = member
        return member

    def _is_recovering(self, now: float) -> bool:
        """Return whether there may be workers that have not told since a restart."""
        return now < self._known_until

    def _held(self) -> int:
        return sum(member.held_slots for member in self.members.values())

    def _refuse(self, epoch: int, retry_after_seconds: float | None, now: float) -> None:
        permit = self._gate.permit_of_sent_request() if epoch == self._epoch else Permit(0, -1)
        is_new = self._gate.note_refusal(
            permit,
            now=now,
            retry_after_seconds=retry_after_seconds,
            longest_pause_seconds=self._limits.no_progress_seconds / 2,
        )
        if is_new:
            self._epoch += 1
            self._limit.paused(sum(member.report.under_way for member in self.members.values()))

    def _slots(self, now: float) -> dict[str, int]:
        """Return how many requests each may have under way: less than it has at once, more where some are free."""
        is_open = self._stopped is None and now >= self.paused_until
        total = self._limit.value if is_open else 0
        shares = fair_shares(total, {name: member.need for name, member in self.members.items()})
        free = total - self._held() if not self._is_recovering(now) else 0
        for name, member in self.members.items():
            wanted = shares[name] - member.grant.slots
            if wanted > 0:
                more = max(0, min(wanted, free + max(0, member.held_slots - member.grant.slots)))
                free -= max(0, member.grant.slots + more - member.held_slots)
                shares[name] = member.grant.slots + more
        return shares

    def _money(self, now: float) -> dict[str, Decimal]:
        """Return what each may spend in all; says that the run ends when no request fits any more."""
        budget = self._limits.budget
        if budget is None:
            return dict.fromkeys(self.members, Decimal(0))
        gone = self._spent_by_others
        left = budget - gone - sum((member.used for member in self.members.values()), Decimal(0))
        needs = {name: (one.report.wanted, one.report.least_wanted) for name, one in self.members.items()}
        shares = money_shares(max(left, Decimal(0)), needs)
        free = budget - gone - sum((member.held_money for member in self.members.values()), Decimal(0))
        free = Decimal(0) if self._is_recovering(now) else free
        missing = (one.used + one.report.wanted - one.held_money for one in self.members.values())
        is_enough = sum(max(Decimal(0), usd) for usd in missing) <= free
        found = {}
        for name, member in self.members.items():
            target = member.used + shares[name]
            if is_enough and (member.need or member.report.wanted):
                target = max(target, member.grant.allowance)
            if target > member.held_money:
                more = min(target - member.held_money, max(free, Decimal(0)))
                free -= more
                target = member.held_money + more
            found[name] = target
        self._stop_when_used_up(budget, left, now, shares)
        return found

    @property
    def _spent_by_others(self) -> Decimal:
        """What workers may have spent that are gone, or have not told since a restart."""
        gone = sum((member.held_money for member in self._gone.values()), Decimal(0))
        return gone + sum(self._unreported.values(), Decimal(0))

    def _stop_when_used_up(self, budget: Decimal, left: Decimal, now: float, shares: Mapping[str, Decimal]) -> None:
        waiting = [one.report.least_wanted for one in self.members.values() if one.report.least_wanted]
        is_any_reserved = any(one.report.reserved or one.report.under_way for one in self.members.values())
        if self._stopped or not waiting or is_any_reserved or self._is_recovering(now) or any(shares.values()):
            return
        if min(waiting) > left:
            self._stopped = budget_used_up(budget, budget - left, min(waiting))

    def _too_many_errors(self) -> BatchStoppedError | None:
        share = self._limits.max_error_share
        if share is None:
            return None
        sums = self.totals(0.0)
        if sums.failed <= share * max(_FIRST_ROWS, sums.done + sums.failed):
            return None
        return BatchStoppedError(
            f"The run was stopped: {sums.failed} of {sums.done + sums.failed} rows failed, and max_error_share is "
            f"{share:g}. See why in the journal, then start it again.",
            reason="errors",
        )

    def _look_at_progress(self, now: float) -> None:
        """Stop the run when requests wait and the gateway answers none."""
        answers = sum(one.report.answers for one in self.members.values())
        if answers != self._progress[0] or not self._progress[1] or not self.is_needed:
            self._progress = (answers, now)
        elif now - self._progress[1] > self._limits.no_progress_seconds and self._stopped is None:
            self._stopped = no_progress(self._limits.no_progress_seconds, self._busy_error)
