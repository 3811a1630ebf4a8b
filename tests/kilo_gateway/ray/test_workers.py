"""Several workers under one coordinator: the limit, the pause, the budget and the end are those of all together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

from kilo_gateway.batch.options import RunOptions
from kilo_gateway.errors import (
    BadRequestError,
    BatchStoppedError,
    BudgetExceededError,
    KiloError,
    RateLimitError,
    RequestTimeoutError,
)
from kilo_gateway.ray import coordinator as coordinators
from kilo_gateway.ray import link as links
from kilo_gateway.ray import sharing
from kilo_gateway.ray.plan import RunPlan, SharedLimits

from .in_process import PRICE, Cluster, Gateway, plan_of, restarted, rows

__all__ = ["restarted"]


@pytest.fixture(autouse=True)
def _fresh(restarted: Callable[[bool], None]) -> None:
    restarted(False)


def run(plan: RunPlan, gateway: Gateway, *, workers: int, count: int, during: Any = None, **options: Any) -> Any:
    """Have each of some workers complete so many rows; return what came of each, and the totals."""

    async def drive() -> Any:
        cluster = Cluster(plan, gateway)
        for _ in range(workers):
            await cluster.add_worker()
        batches = [rows(number * count, count, **options) for number in range(workers)]
        work = [worker.complete(batch) for worker, batch in zip(cluster.workers, batches, strict=True)]
        beside = [] if during is None else [during(cluster)]
        try:
            found = await asyncio.gather(*work, *beside, return_exceptions=True)
            return found[:workers], await cluster.coordinator.totals()
        finally:
            await cluster.end()

    return asyncio.run(drive())


def shorten_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have silent workers be missed after a second."""
    for module in (sharing, coordinators):
        monkeypatch.setattr(module, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(links, "WATCH_SECONDS", 0.1)


def limits(**fields: Any) -> dict[str, Any]:
    """Return what a plan needs for limits."""
    return {"limits": SharedLimits(**fields)}


def test_all_rows_are_answered_once_within_the_limit(tmp_path: Path) -> None:
    """Four workers have no more requests under way than one may, and send each row once."""
    gateway = Gateway()
    found, totals = run(plan_of(tmp_path, **limits(requests_at_once=30)), gateway, workers=4, count=150)
    assert [outcome.answer for batch in found for outcome in batch] == [f"Answer to r{n}" for n in range(600)]
    assert set(gateway.sent.values()) == {1}
    assert 25 <= gateway.most_under_way <= 30
    assert (totals.done, totals.failed, totals.under_way) == (600, 0, 0)


def test_slots_go_to_whoever_needs_them(tmp_path: Path) -> None:
    """A worker alone has the whole limit, also after others have come and gone."""
    gateway = Gateway()

    async def drive() -> int:
        cluster = Cluster(plan_of(tmp_path, **limits(requests_at_once=20)), gateway)
        first, second = await cluster.add_worker(), await cluster.add_worker()
        await asyncio.gather(first.complete(rows(0, 100)), second.complete(rows(100, 100)))
        gateway.most_under_way = 0
        await first.complete(rows(200, 200))
        await cluster.end()
        return gateway.most_under_way

    assert asyncio.run(drive()) == 20


def test_fewer_slots_than_workers(tmp_path: Path) -> None:
    """With one request at a time for three workers every row is answered in the end."""
    gateway = Gateway(seconds=0.001)
    found, _ = run(plan_of(tmp_path, **limits(requests_at_once=1)), gateway, workers=3, count=10)
    assert all(outcome.error is None for batch in found for outcome in batch)
    assert gateway.most_under_way == 1


def test_a_pause_is_everybodys(tmp_path: Path) -> None:
    """After a 429 nobody sends anything while the pause lasts, then one tries; no row is lost."""
    sent_at: list[float] = []
    refused_at: list[float] = []

    def fate(custom_id: str, number: int) -> KiloError | None:
        if number >= 100 and (not refused_at or time.monotonic() < refused_at[0] + 0.5):
            refused_at.append(time.monotonic())
            return RateLimitError("Slow down", status=429, retry="soon", retry_after_seconds=1.0)
        return None

    class Timed(Gateway):
        async def ask(self, request: Any, seconds: float) -> Any:
            sent_at.append(time.monotonic())
            return await super().ask(request, seconds)

    gateway = Timed(fate=fate)
    found, _ = run(plan_of(tmp_path, **limits(requests_at_once=20)), gateway, workers=4, count=100)
    assert all(outcome.error is None for batch in found for outcome in batch)
    assert len(refused_at) <= 20
    told = refused_at[0] + 0.05  # what was let out before the word had gone round
    assert [at for at in sent_at if told < at < refused_at[0] + 1.0] == []
    assert gateway.most_under_way <= 20


def test_a_bad_row_is_an_error_of_its_own(tmp_path: Path) -> None:
    """A refused row has its error and no other row does."""
    gateway = Gateway(fate=lambda custom_id, number: BadRequestError("No", status=400) if custom_id == "r7" else None)
    found, totals = run(plan_of(tmp_path), gateway, workers=2, count=20)
    assert [outcome.error for batch in found for outcome in batch if outcome.error] == ["No"]
    assert (totals.done, totals.failed) == (39, 1)


def test_too_many_errors_end_the_run_for_all(tmp_path: Path) -> None:
    """A share of errors above the limit ends the run, of every worker."""
    gateway = Gateway(fate=lambda custom_id, number: BadRequestError("No", status=400) if number % 2 else None)
    plan = plan_of(tmp_path, **limits(requests_at_once=10, max_error_share=0.2))
    found, _ = run(plan, gateway, workers=2, count=2000)
    assert [type(error) for error in found] == [BatchStoppedError, BatchStoppedError]
    assert found[0].reason == "errors"
    assert gateway.sent.total() < 200


@pytest.mark.parametrize("cost", [1.0, 5.0, None])
def test_a_budget_is_never_passed(tmp_path: Path, cost: float | None) -> None:
    """Four workers together spend no more than the budget, and nearly all of it; unknown costs count as bounds."""
    gateway = Gateway(cost=cost)
    plan = plan_of(tmp_path, price=PRICE, **limits(requests_at_once=20, budget=Decimal(100)))
    found, totals = run(plan, gateway, workers=4, count=200, max_tokens=5)
    assert all(isinstance(error, BudgetExceededError) for error in found)
    spent = gateway.sent.total() * (5.0 if cost is None else cost)
    assert 95 <= spent <= 100
    assert totals.spent == Decimal(str(spent))


def test_a_restarted_coordinator_keeps_the_limit_and_the_budget(
    tmp_path: Path, restarted: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The actor dies twice in a run: never more under way than allowed, the budget holds, every row is known."""
    shorten_leases(monkeypatch)
    gateway = Gateway(cost=1.0)

    async def die_twice(cluster: Cluster) -> None:
        for _ in range(2):
            await asyncio.sleep(0.1)
            restarted(True)
            cluster.restart_coordinator()

    plan = plan_of(tmp_path, price=PRICE, **limits(requests_at_once=10, budget=Decimal(300)))
    found, totals = run(plan, gateway, workers=4, count=200, max_tokens=5, during=die_twice)
    assert all(isinstance(error, BudgetExceededError) for error in found)
    assert gateway.most_under_way <= 10
    assert 280 <= gateway.spent <= 300
    assert totals.spent <= 300


def test_what_a_dead_worker_held_is_given_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a worker has fallen silent, the others have the whole limit."""
    shorten_leases(monkeypatch)
    gateway = Gateway(seconds=0.01)

    async def drive() -> Any:
        cluster = Cluster(plan_of(tmp_path, **limits(requests_at_once=16)), gateway)
        first, second = await cluster.add_worker(), await cluster.add_worker()
        lost = asyncio.create_task(first.complete(rows(0, 1000)))
        kept = asyncio.create_task(second.complete(rows(1000, 3000)))
        await asyncio.sleep(0.3)
        cluster.kill(first)
        await asyncio.sleep(0.1)
        gateway.most_under_way = 0
        await kept
        lost.cancel()
        totals = await cluster.coordinator.totals()
        await cluster.end()
        return totals

    totals = asyncio.run(drive())
    assert gateway.most_under_way == 16
    assert totals.lost_workers == 1
    assert 8 <= totals.lost_requests <= 16


def test_a_dead_gateway_ends_the_run(tmp_path: Path) -> None:
    """A gateway that takes nothing ends the run after the time without progress, with what it said."""
    error = RateLimitError("Come back later", status=429, retry="soon")
    plan = plan_of(tmp_path, run=RunOptions(no_progress_seconds=1.0), **limits(no_progress_seconds=1.0))
    began = time.monotonic()
    found, _ = run(plan, Gateway(fate=lambda custom_id, number: error), workers=2, count=50)
    assert [stop.reason for stop in found] == ["no_progress", "no_progress"]
    assert "Come back later" in found[0].message
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "error", [RateLimitError("busy", status=429), RequestTimeoutError("too late")], ids=["busy", "late"]
)
def test_what_fails_after_a_stop_is_not_tried_again(tmp_path: Path, error: KiloError) -> None:
    """A request that was under way at the stop, and fails, is left for another run at once."""
    clusters: list[Cluster] = []

    def stop_and_fail(custom_id: str, number: int) -> KiloError:
        clusters[0].workers[0]._stop(BatchStoppedError("Stop."))
        return error

    async def note(cluster: Cluster) -> None:
        clusters.append(cluster)

    gateway = Gateway(fate=stop_and_fail)
    plan = plan_of(tmp_path, run=RunOptions(grace_seconds=30.0))
    began = time.monotonic()
    (stop,), totals = run(plan, gateway, workers=1, count=1, during=note)
    assert time.monotonic() - began < 15
    assert isinstance(stop, BatchStoppedError)
    assert gateway.sent == {"r0": 1}
    assert (totals.done, totals.failed) == (0, 0)


def test_a_journal_that_cannot_be_written_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full nothing more is sent, and the error says so."""

    def full(self: object, result: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kilo_gateway.batch.journal.Journal.write", full)
    gateway = Gateway()
    found, _ = run(plan_of(tmp_path), gateway, workers=2, count=200)
    assert "No space left" in found[0].message
    assert gateway.sent.total() <= 60


def test_a_coordinator_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers do not wait for ever for a coordinator that cannot work."""

    async def broken(self: object, report: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(coordinators.Coordinator, "tell", broken)
    found, _ = run(plan_of(tmp_path), Gateway(), workers=1, count=3)
    assert "its coordinator failed" in found[0].message
