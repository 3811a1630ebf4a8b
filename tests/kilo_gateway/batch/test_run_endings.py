"""How runs and rows end: one time for all tries, nothing paid for is lost, and only the gateway lacks progress."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

import pytest

from kilo_gateway.batch import Result
from kilo_gateway.errors import (
    BatchStoppedError,
    InsufficientCreditsError,
    InvalidRequestError,
    KiloError,
    RateLimitError,
    RequestTimeoutError,
)
from kilo_gateway.gate import Permit

from .conftest import Gateway, collect, request, requests


def busy(*, after: float | None) -> RateLimitError:
    """Return a 429."""
    return RateLimitError("Slow down", status=429, http_status=429, retry="soon", retry_after_seconds=after)


def test_a_row_has_one_time_for_all_its_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """A further try gets what the earlier ones have left, and none is begun without any."""
    monkeypatch.setattr("kilo_gateway.errors.waits.FIRST_BACKOFF_SECONDS", 0.0)
    given: list[float] = []

    class Hanging(Gateway):
        async def ask(self, sent: Any, seconds: float) -> Result:
            given.append(seconds)
            await asyncio.sleep(seconds / 2 if len(given) == 1 else seconds)
            raise RequestTimeoutError("too late")

    [result] = asyncio.run(collect(Hanging().run(requests(1), row_timeout_seconds=0.1, tries=5)))
    assert (result.tries, given[0]) == (2, 0.1)
    assert given[1] <= 0.05


def test_an_ordered_run_that_ends_early_gives_out_what_was_paid_for() -> None:
    """Answers that wait for an earlier row come out, in order, when that row never comes."""
    refused = InsufficientCreditsError("No credits", status=402, http_status=402)

    class First(Gateway):
        async def ask(self, sent: Any, seconds: float) -> Result:
            if sent.custom_id == "r0":
                await asyncio.sleep(0.02)
                raise refused
            return await super().ask(sent, seconds)

    found: list[str] = []

    async def drive() -> None:
        async for result in First().run(requests(6), ordered=True, concurrency=3):
            found.append(result.custom_id)  # noqa: PERF401 - kept although the run raises in the end

    with pytest.raises(BatchStoppedError):
        asyncio.run(drive())
    assert found == ["r1", "r2", "r3", "r4", "r5"]


def test_a_request_that_cannot_be_sent_is_a_result() -> None:
    """What cannot be sent is a failed result that was tried no time."""
    gateway = Gateway()
    bad = replace(request("bad"), problem=InvalidRequestError("`body` has no messages."))
    results = {result.custom_id: result for result in asyncio.run(collect(gateway.run([request("good"), bad])))}
    assert (results["bad"].error, results["bad"].tries) == (bad.problem, 0)
    assert gateway.sent == ["good"]


def test_what_a_callers_client_raises_is_an_error_of_its_row() -> None:
    """An exception that nobody thought of fails one row; cancelling is none."""
    gateway = Gateway(fate=lambda sent, number: LookupError("hook") if sent.custom_id == "r1" else None)  # type: ignore[arg-type,return-value]
    results = {result.custom_id: result for result in asyncio.run(collect(gateway.run(requests(5))))}
    assert isinstance(results["r1"].error, KiloError)
    assert "LookupError. It said: hook" in str(results["r1"].error)
    assert sum(result.is_done for result in results.values()) == 4


def test_a_slow_reader_is_no_lack_of_progress() -> None:
    """A caller may take as long as it likes over a result, and hold the loop meanwhile."""

    async def drive() -> int:
        count = 0
        async for _ in Gateway().run(requests(8), concurrency=2, no_progress_seconds=0.04):
            count += 1
            await asyncio.sleep(0.06 if count == 2 else 0)
            if count == 4:
                sleep(0.06)  # noqa: ASYNC251 - the caller's own fault, and none of the gateway's
        return count

    assert asyncio.run(drive()) == 8


def test_a_slow_source_is_no_lack_of_progress() -> None:
    """Requests may come late: nothing is asked meanwhile."""

    async def source() -> Any:
        yield request("a")
        await asyncio.sleep(0.08)
        yield request("b")

    assert len(asyncio.run(collect(Gateway().run(source(), no_progress_seconds=0.04)))) == 2


def test_pauses_of_our_own_stay_below_the_time_without_progress() -> None:
    """A gateway that names no time is asked again within the time that a run may stand still."""
    gateway = Gateway(fate=lambda sent, number: busy(after=None) if number == 1 else None)
    results = asyncio.run(collect(gateway.run(requests(1), no_progress_seconds=0.1)))
    assert results[0].is_done


def test_a_pause_that_others_were_told_of_ends_a_run_at_once() -> None:
    """A run that begins inside a pause longer than it may stand still sends nothing and says until when."""
    gateway = Gateway()
    permit = gateway.gate.try_acquire(monotonic())
    assert isinstance(permit, Permit)
    gateway.gate.note_refusal(permit, now=monotonic(), retry_after_seconds=3600)
    with pytest.raises(BatchStoppedError, match="a pause until"):
        asyncio.run(collect(gateway.run(requests(3))))
    assert gateway.sent == []


def test_an_error_of_the_requests_loses_no_answer() -> None:
    """What was under way when the caller's own iterable failed is still given out."""

    def source() -> Any:
        yield from requests(3)
        raise LookupError("my own")

    found: list[str] = []

    async def drive() -> None:
        async for result in Gateway(seconds=0.01).run(source(), concurrency=4):
            found.append(result.custom_id)  # noqa: PERF401 - kept although the run raises in the end

    with pytest.raises(LookupError, match="my own"):
        asyncio.run(drive())
    assert sorted(found) == ["r0", "r1", "r2"]


def test_a_stop_inside_a_pause_waits_for_nothing() -> None:
    """Inside a pause there is no grace: the run ends at once."""
    gateway = Gateway(fate=lambda *_: busy(after=60))

    async def drive() -> float:
        run = gateway.run(requests(9), grace_seconds=30)
        asyncio.get_running_loop().call_later(0.05, run.stop, BatchStoppedError("enough", reason="interrupted"))
        began = monotonic()
        with pytest.raises(BatchStoppedError, match="enough"):
            await collect(run)
        return monotonic() - began

    assert asyncio.run(drive()) < 5


@pytest.mark.parametrize("error", [busy(after=0.0), RequestTimeoutError("too late")], ids=["busy", "late"])
def test_what_fails_after_a_stop_is_not_tried_again(error: KiloError) -> None:
    """A request that was under way at the stop, and fails, is left for another run."""

    def stop_and_fail(*_: Any) -> KiloError:
        run.stop(BatchStoppedError("Stop.", reason="interrupted"))
        return error

    gateway = Gateway(fate=stop_and_fail)
    run = gateway.run(requests(1))
    with pytest.raises(BatchStoppedError, match="Stop"):
        asyncio.run(collect(run))
    assert gateway.sent == ["r0"]
    assert (run.totals.done, run.totals.failed, run.cut_off) == (0, 0, 0)


def test_a_stop_after_the_last_request_loses_nothing() -> None:
    """A run that is stopped when all is answered, but not yet taken, gives out every result."""
    found: list[str] = []

    async def drive() -> None:
        run = Gateway().run(requests(4), concurrency=4)
        async for result in run:
            found.append(result.custom_id)
            if len(found) == 1:
                await asyncio.sleep(0.01)
                run.stop(BatchStoppedError("enough", reason="interrupted"))

    with pytest.raises(BatchStoppedError):
        asyncio.run(drive())
    assert sorted(found) == ["r0", "r1", "r2", "r3"]


def test_a_result_that_nobody_has_dealt_with_is_under_way() -> None:
    """Whatever the pace of the caller, never are more requests sent and not dealt with than may be at once."""
    gateway = Gateway()
    most = 0

    async def drive() -> None:
        nonlocal most
        dealt_with = 0
        async for _ in gateway.run(requests(60), concurrency=5):
            await asyncio.sleep(0.001)
            most = max(most, len(gateway.sent) - dealt_with)
            dealt_with += 1

    asyncio.run(drive())
    assert most == 5


def test_requests_that_were_not_waited_for_are_counted() -> None:
    """What was sent and cut off may have been paid for, so it is counted."""
    gateway = Gateway(seconds=5)

    async def drive() -> int:
        run = gateway.run(requests(9), grace_seconds=0, concurrency=3)
        asyncio.get_running_loop().call_later(0.02, run.stop, BatchStoppedError("enough", reason="interrupted"))
        with pytest.raises(BatchStoppedError):
            await collect(run)
        return run.cut_off

    assert asyncio.run(drive()) == 3
