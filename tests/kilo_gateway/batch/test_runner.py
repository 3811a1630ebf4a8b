"""What a run promises: every result once, tied to its id; one pause for all; an end that loses nothing."""

from __future__ import annotations

import asyncio
from decimal import Decimal, localcontext
from itertools import pairwise
from time import monotonic
from typing import Any

import pytest

from kilo_gateway.batch import Budget, Result
from kilo_gateway.catalog.prices import Pricing
from kilo_gateway.errors import (
    AuthenticationError,
    BadRequestError,
    BatchStoppedError,
    BudgetExceededError,
    ConnectionFailedError,
    InsufficientCreditsError,
    InvalidSettingError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
)

from .conftest import Gateway, collect, request, requests

PRICE = Pricing(prompt=Decimal(1), completion=Decimal(1000))


def busy(*, after: float | None = 0.05) -> RateLimitError:
    """Return a 429."""
    return RateLimitError("Slow down", status=429, http_status=429, retry="soon", retry_after_seconds=after)


def wrong_certificate() -> ConnectionFailedError:
    """Return the error of a connection that no waiting mends."""
    error = ConnectionFailedError("The certificate is for another name.")
    error.was_sent, error.retry = False, "never"
    return error


async def priced(model_id: str) -> Pricing:
    """Return one price for all models."""
    return PRICE


def test_every_request_has_one_result() -> None:
    """All results come, each once, each with the id and the request that it belongs to."""
    gateway = Gateway()
    results = asyncio.run(collect(gateway.run(requests(300))))
    assert sorted(result.custom_id for result in results) == sorted(f"r{number}" for number in range(300))
    assert all(result.request.custom_id == result.custom_id for result in results)
    assert gateway.gate.paused_until == 0


def test_the_ceiling_holds() -> None:
    """Never are more requests under way than were allowed, and as many are in the end."""
    gateway = Gateway(seconds=0.001)
    asyncio.run(collect(gateway.run(requests(400), concurrency=50)))
    assert gateway.most_under_way == 50


def test_asynchronous_requests_are_taken_as_they_are_needed() -> None:
    """An asynchronous iterable works like a list, and is not read far ahead of what is sent."""
    gateway = Gateway()
    taken: list[int] = []

    async def source() -> Any:
        for number in range(100):
            taken.append(number)
            yield request(f"r{number}")

    async def first() -> int:
        run = gateway.run(source(), concurrency=2)
        async for _ in run:
            break
        await run.aclose()
        return len(taken)

    assert asyncio.run(first()) < 10
    assert len(asyncio.run(collect(gateway.run(source())))) == 100


def test_results_in_order() -> None:
    """On wish the results come in the order of the requests, and a bounded number waits for a slow one."""
    order = {"r0": 0.03}

    class Slow(Gateway):
        async def ask(self, sent: Any, seconds: float) -> Result:
            await asyncio.sleep(order.get(sent.custom_id, 0))
            return await super().ask(sent, seconds)

    gateway = Slow()
    results = asyncio.run(collect(gateway.run(requests(60), concurrency=4, ordered=True)))
    assert [result.custom_id for result in results] == [f"r{number}" for number in range(60)]
    assert gateway.sent.index("r0") <= 16


def test_a_slow_row_holds_no_other() -> None:
    """Without a wanted order, results come as they finish."""

    class Slow(Gateway):
        async def ask(self, sent: Any, seconds: float) -> Result:
            await asyncio.sleep(0.05 if sent.custom_id == "r0" else 0)
            return await super().ask(sent, seconds)

    results = asyncio.run(collect(Slow().run(requests(50), concurrency=4)))
    assert results[-1].custom_id == "r0"


def test_a_failed_request_is_a_result() -> None:
    """What the gateway refuses is a result with its error, and the others go on."""
    refused = BadRequestError("No", status=400, http_status=400)
    gateway = Gateway(fate=lambda sent, number: refused if sent.custom_id == "r3" else None)
    run = gateway.run(requests(10))
    results = {result.custom_id: result for result in asyncio.run(collect(run))}
    assert results["r3"].error is refused
    assert (run.totals.done, run.totals.failed) == (9, 1)


@pytest.mark.parametrize(("tries", "sent"), [(1, 1), (3, 3)])
def test_tries_are_counted(monkeypatch: pytest.MonkeyPatch, tries: int, sent: int) -> None:
    """A server's failure is tried again as often as was said, and the result says how often it was sent."""
    monkeypatch.setattr("kilo_gateway.errors.waits.FIRST_BACKOFF_SECONDS", 0.0)
    broken = ServerError("Broken", status=500, http_status=500, retry="soon")
    gateway = Gateway(fate=lambda *_: broken)
    [result] = asyncio.run(collect(gateway.run(requests(1), tries=tries)))
    assert (len(gateway.sent), result.tries, result.error) == (sent, sent, broken)


@pytest.mark.parametrize(
    "refusal",
    [
        busy(),
        ServiceUnavailableError("Full", status=503, http_status=503, retry="soon", retry_after_seconds=0.05),
    ],
    ids=["429", "503"],
)
def test_one_pause_for_all(refusal: Any) -> None:
    """A refusal pauses everybody until the time named, one probe goes first, and no request loses a try."""
    moments: list[float] = []

    def fate(sent: Any, number: int) -> Any:
        moments.append(monotonic())
        return refusal if number <= 20 else None

    gateway = Gateway(fate=fate, seconds=0.002)
    run = gateway.run(requests(100), tries=1)
    results = asyncio.run(collect(run))
    assert all(result.error is None for result in results)
    gaps = sorted((later - earlier for earlier, later in pairwise(moments)), reverse=True)
    assert gaps[0] >= 0.045
    assert len(gateway.sent) == 120


def test_nothing_is_sent_inside_a_pause() -> None:
    """A refused probe lengthens the pause for all: one request a period, until one gets through."""
    gateway = Gateway(fate=lambda sent, number: busy(after=0.02) if number <= 23 else None, seconds=0.001)
    asyncio.run(collect(gateway.run(requests(40), concurrency=20)))
    # twenty under way at first, then three probes refused, then the rest
    assert len(gateway.sent) == 40 + 23


def test_refused_connections_use_up_no_tries() -> None:
    """A gateway that cannot be connected to is waited for."""
    refused = ConnectionFailedError("refused")
    refused.was_sent = False
    refused.retry_after_seconds = 0.01
    gateway = Gateway(fate=lambda sent, number: refused if number <= 5 else None)
    results = asyncio.run(collect(gateway.run(requests(8), tries=1, concurrency=1)))
    assert all(result.error is None for result in results)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InsufficientCreditsError("No credits", status=402, http_status=402), "credits"),
        (RateLimitError("Quota", status=429, http_status=429, code="insufficient_quota", retry="later"), "credits"),
        (AuthenticationError("No", status=401, http_status=401), "key"),
        (wrong_certificate(), "no_progress"),
    ],
    ids=["402", "quota", "401", "certificate"],
)
def test_what_ends_a_run(error: Any, reason: str) -> None:
    """What no further request can mend ends the run at once, with its reason; what was under way still comes."""
    gateway = Gateway(fate=lambda sent, number: error if number == 30 else None, seconds=0.001)
    run = gateway.run(requests(500), concurrency=10)
    results: list[Result] = []

    async def drive() -> None:
        async for result in run:
            results.append(result)  # noqa: PERF401 - kept although the run raises in the end

    with pytest.raises(BatchStoppedError) as stopped:
        asyncio.run(drive())
    assert stopped.value.reason == reason
    assert stopped.value.__cause__ is error
    assert len(gateway.sent) <= 40
    assert len(results) == len(gateway.sent) - 1


def test_no_progress_ends_a_run() -> None:
    """When nothing is answered for the stated time the run ends."""
    gateway = Gateway(fate=lambda *_: busy(after=0.01))
    with pytest.raises(BatchStoppedError, match="answered nothing for") as stopped:
        asyncio.run(collect(gateway.run(requests(3), no_progress_seconds=0.05)))
    assert stopped.value.reason == "no_progress"


def test_a_pause_that_is_too_long_ends_a_run_at_once() -> None:
    """A time longer than the run may stand still is not waited for; the message says until when it is."""
    gateway = Gateway(fate=lambda *_: busy(after=3600))
    began = monotonic()
    with pytest.raises(BatchStoppedError, match=r"a pause until 20\d\d-") as stopped:
        asyncio.run(collect(gateway.run(requests(3))))
    assert stopped.value.reason == "no_progress"
    assert monotonic() - began < 1


def test_too_many_errors_end_a_run() -> None:
    """With `max_errors` the run ends after so many failures, which are all given out."""
    refused = BadRequestError("No", status=400, http_status=400)
    run = Gateway(fate=lambda *_: refused).run(requests(200), max_errors=3, concurrency=1)
    with pytest.raises(BatchStoppedError) as stopped:
        asyncio.run(collect(run))
    assert (stopped.value.reason, run.totals.failed) == ("errors", 3)


def test_an_interrupted_run_gives_out_what_was_under_way() -> None:
    """After `stop` nothing new is sent, and what is answered within the grace is given out."""
    gateway = Gateway(seconds=0.02)
    results: list[Result] = []

    async def drive() -> None:
        run = gateway.run(requests(100), concurrency=5)
        async for result in run:
            results.append(result)
            run.stop(BatchStoppedError("enough", reason="interrupted"))

    with pytest.raises(BatchStoppedError, match="enough"):
        asyncio.run(drive())
    assert len(results) == len(gateway.sent) <= 10


def test_a_grace_of_nothing_ends_what_is_under_way() -> None:
    """Without a grace requests under way are cancelled."""
    gateway = Gateway(seconds=5)

    async def drive() -> float:
        run = gateway.run(requests(5), grace_seconds=0)
        asyncio.get_running_loop().call_later(0.02, run.stop, BatchStoppedError("enough", reason="interrupted"))
        began = monotonic()
        with pytest.raises(BatchStoppedError):
            await collect(run)
        return monotonic() - began

    assert asyncio.run(drive()) < 1
    assert gateway.under_way == 0


def test_a_reader_that_leaves_ends_everything() -> None:
    """Leaving the iteration cancels what is under way, and no task is left."""
    gateway = Gateway(seconds=0.001)

    async def drive() -> None:
        async for _ in gateway.run(requests(1000)):
            break
        async with asyncio.timeout(5):
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)

    asyncio.run(drive())
    assert gateway.under_way == 0
    assert len(gateway.sent) < 100


def test_what_goes_wrong_with_the_requests_reaches_the_caller() -> None:
    """An error out of the caller's own iterable ends the run and comes out of it."""

    def source() -> Any:
        yield request("a")
        raise LookupError("my own")

    with pytest.raises(LookupError, match="my own"):
        asyncio.run(collect(Gateway().run(source())))


def test_the_budget_holds() -> None:
    """The sum of the costs stays within the budget, and the next request that could pass it is not sent."""
    budget = Budget("0.05")
    gateway = Gateway(cost=0.0102, seconds=0.001)
    run = gateway.run(requests(100, max_tokens=10), budget=budget, price_of=priced)
    with pytest.raises(BudgetExceededError, match=r"The budget of \$0.05 is used up") as stopped:
        asyncio.run(collect(run))
    assert stopped.value.reason == "budget"
    assert budget.spent == run.totals.cost == Decimal("0.0102") * 4
    assert budget.reserved == 0


@pytest.mark.parametrize(
    ("error", "spent"),
    [
        (BadRequestError("No", status=400, http_status=400), 0),
        (ConnectionFailedError("broke"), 1),
    ],
    ids=["refused", "lost"],
)
def test_reservations_are_settled_on_every_path(error: Any, spent: int) -> None:
    """A refused request costs nothing; one whose answer was lost counts as all that it could have cost."""
    error.retry = "never"
    budget = Budget(100)
    asyncio.run(collect(Gateway(fate=lambda *_: error).run(requests(1), budget=budget, price_of=priced)))
    assert (budget.spent > 0) is bool(spent)
    assert budget.reserved == 0


def test_a_budget_belongs_to_who_holds_it() -> None:
    """Two runs with one budget share it, a budget of its own is untouched, and its stop is never tried again."""
    shared, other = Budget("0.05"), Budget("0.05")
    given: dict[str, Any] = {"budget": shared, "price_of": priced}
    asyncio.run(collect(Gateway(cost=0.01).run(requests(2, max_tokens=10), **given)))
    with pytest.raises(BudgetExceededError) as stopped:
        asyncio.run(collect(Gateway(cost=0.01).run(requests(9, max_tokens=10), **given)))
    assert (stopped.value.retry, stopped.value.is_retryable) == ("never", False)
    assert (shared.spent <= shared.usd, other.spent) == (True, 0)


def test_an_unknown_cost_counts_as_its_bound() -> None:
    """An answer that does not say what it cost is not free."""
    budget = Budget(100)
    asyncio.run(collect(Gateway(cost=None).run(requests(1, max_tokens=1000), budget=budget, price_of=priced)))
    assert budget.spent >= 1


def test_a_budget_needs_prices() -> None:
    """Without a known price a budget cannot hold, and the error says what to do."""
    with pytest.raises(InvalidSettingError, match="state a price"):
        asyncio.run(collect(Gateway().run(requests(1), budget=Budget(5))))


def test_totals_by_model_and_provider() -> None:
    """The sums say rows, tokens and exact costs by model and provider; unknown costs are counted, not added."""
    run = Gateway(cost=0.1).run(requests(3))
    asyncio.run(collect(run))
    part = run.totals.by_provider["lab/model", "Acme"]
    assert (part.rows, part.input_tokens, part.output_tokens, part.cost) == (3, 9, 6, Decimal("0.3"))
    unknown = Gateway(cost=None).run(requests(2))
    asyncio.run(collect(unknown))
    assert (unknown.totals.cost, unknown.totals.unknown_costs) == (0, 2)


def test_totals_are_exact_whatever_the_application_has_set() -> None:
    """The sums of a run lose no digit in an application that computes with few."""
    run = Gateway(cost=1.2345).run(requests(3))
    with localcontext() as context:
        context.prec = 2
        asyncio.run(collect(run))
    assert run.totals.cost == run.totals.by_provider["lab/model", "Acme"].cost == Decimal("3.7035")


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"concurrency": True},
        {"tries": 0},
        {"no_progress_seconds": 0},
        {"max_errors": -1},
        {"row_timeout_seconds": float("nan")},
        {"grace_seconds": -1},
    ],
    ids=str,
)
def test_numbers_that_cannot_work(wrong: dict[str, Any]) -> None:
    """A number that cannot work is refused before anything is sent, by its name."""
    with pytest.raises(InvalidSettingError, match=next(iter(wrong))):
        Gateway().run([], **wrong)
