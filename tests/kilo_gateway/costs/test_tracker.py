"""What a tracker counts: every call of its block, in whatever threads, tasks and streams, and nothing else."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, CostTracker, KiloError, cost_tags, cost_tracker
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

MODEL = "openai/gpt-4.1-mini"
ASK = [{"role": "user", "content": "Hello"}]
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.0000123,
}


def reply(**usage: Any) -> Reply:
    """Return an answer with a usage, for ever."""
    return Reply(text="Yes.", usage={**USAGE, **usage}, model="lab/answered", provider="Acme", times=10_000)


def test_a_block_counts_its_calls(connect: Any, gateway: EmbeddedGateway) -> None:
    """Calls, tokens and exact costs, whole answers and streams alike; what comes before and after is not counted."""
    gateway.enqueue(reply())
    session = connect()
    session.complete()
    with cost_tracker() as costs:
        session.complete()
        session.stream()
    session.complete()
    total = costs.total
    assert (total.calls, total.failed, total.retries) == (2, 0, 0)
    assert (total.input_tokens, total.output_tokens) == (20, 10)
    assert (total.cached_tokens, total.reasoning_tokens) == (8, 6)
    assert total.cost == Decimal("0.0000246")
    assert total.unknown_costs == 0
    assert set(costs.by_model) == {"lab/answered"}
    assert set(costs.by_provider) == {"Acme"}


def test_sums_are_exact_whatever_the_application_has_set(connect: Any, gateway: EmbeddedGateway) -> None:
    """No digit is lost in an application that computes with few."""
    gateway.enqueue(Reply(text="a", usage={**USAGE, "cost": 12345.678901}), reply(cost=0.000001))
    session = connect()
    with localcontext() as context, cost_tracker() as costs:
        context.prec = 3
        session.complete()
        session.complete()
    assert costs.total.cost == Decimal("12345.678902")


def test_an_unknown_cost_is_counted_as_unknown(connect: Any, gateway: EmbeddedGateway) -> None:
    """An answer without a cost adds nothing to the sum and one to what is unknown."""
    gateway.enqueue(Reply(text="a", usage={"prompt_tokens": 3, "completion_tokens": 2}), reply())
    session = connect()
    with cost_tracker() as costs:
        session.complete()
        session.complete()
    assert (costs.total.calls, costs.total.unknown_costs, costs.total.cost) == (2, 1, Decimal("0.0000123"))


def test_tags_have_sums_of_their_own(connect: Any, gateway: EmbeddedGateway) -> None:
    """A call counts under every tag of the blocks around it, once under each, and once in all."""
    gateway.enqueue(reply())
    session = connect()
    with cost_tracker() as costs, cost_tags("web"):
        with cost_tags("ann", "web"):
            session.complete()
        with costs.tagged("bob"):
            session.complete()
            session.complete()
    assert {tag: sums.calls for tag, sums in costs.by_tag.items()} == {"web": 3, "ann": 1, "bob": 2}
    assert costs.total.calls == 3


def test_blocks_may_nest(connect: Any, gateway: EmbeddedGateway) -> None:
    """An inner tracker counts its part, the outer one everything, each call once."""
    gateway.enqueue(reply())
    session = connect()
    with cost_tracker() as outer:
        session.complete()
        with cost_tracker() as inner, outer:
            session.complete()
        session.complete()
    assert (outer.total.calls, inner.total.calls) == (3, 1)


def test_retries_and_failures_are_told_apart(connect: Any, gateway: EmbeddedGateway) -> None:
    """A refused try costs nothing and counts as a retry; a call that ends with an error counts as failed."""
    broken = Fault(status=500, body={"error": {"code": 500, "message": "Broken"}})
    gateway.enqueue(broken, reply())
    session = connect()
    with cost_tracker() as costs:
        session.complete()
        gateway.clear()
        gateway.enqueue(Fault(status=400, body={"error": {"code": 400, "message": "Not this"}}))
        with pytest.raises(KiloError):
            session.complete()
    total = costs.total
    assert (total.calls, total.retries, total.failed) == (1, 1, 1)
    assert (total.cost, total.unknown_costs) == (Decimal("0.0000123"), 0)
    assert set(costs.by_provider) == {"Acme"}


def test_a_stream_that_is_left_early_has_an_unknown_cost(connect: Any, gateway: EmbeddedGateway) -> None:
    """Who closes a stream before its end is billed for something, and nobody says what."""
    gateway.enqueue(Reply(text="One two three four. " * 50, event_delay_seconds=0.01))
    session = connect()
    with cost_tracker() as costs:
        session.stream(first=2)
    assert (costs.total.calls, costs.total.unknown_costs, costs.total.cost) == (1, 1, 0)


def test_a_stream_that_breaks_off_has_an_unknown_cost(connect: Any, gateway: EmbeddedGateway) -> None:
    """An error in mid-stream may be billed for what had arrived."""
    gateway.enqueue(Fault(cut_after_events=3, reply=Reply(text="One two three four. " * 20)))
    session = connect()
    with cost_tracker() as costs:
        assert session.stream().error is not None
    assert (costs.total.calls, costs.total.failed, costs.total.unknown_costs) == (0, 1, 1)


def test_a_stream_belongs_to_where_it_was_begun(connect: Any, gateway: EmbeddedGateway) -> None:
    """A stream that is handed out of the block and read elsewhere is counted; one begun elsewhere is not."""
    gateway.enqueue(reply())
    session = connect()
    outside = session.client.stream(ASK)
    with cost_tracker() as costs:
        inside = session.client.stream(ASK)
        session.wait(_read(outside) if hasattr(outside, "__anext__") else list(outside))
    assert costs.total.calls == 0
    session.wait(_read(inside) if hasattr(inside, "__anext__") else list(inside))
    assert costs.total.calls == 1


async def _read(stream: Any) -> None:
    async for _ in stream:
        pass


def test_embeddings_count(connect: Any, gateway: EmbeddedGateway) -> None:
    """Vectors cost money too; looking the models up does not."""
    session = connect()
    with cost_tracker() as costs:
        found = session.wait(session.client.embed(["Hello"], model="openai/text-embedding-3-small"))
        session.discover(refresh=True)
    assert costs.total.calls == 1
    assert costs.total.cost == Decimal(repr(found.usage.cost))


def test_tasks_belong_to_the_block_that_makes_them(gateway: EmbeddedGateway) -> None:
    """Trackers of tasks that run at once do not mix, and the one around them has everything."""
    gateway.enqueue(reply())
    client = AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)

    async def ask(times: int) -> CostTracker:
        with cost_tracker() as costs:
            await asyncio.gather(*(client.complete(ASK) for _ in range(times)))
        return costs

    async def run() -> tuple[CostTracker, list[CostTracker]]:
        with cost_tracker() as everything:
            return everything, await asyncio.gather(*(ask(times) for times in (1, 2, 3)))

    everything, parts = asyncio.run(run())
    assert [part.total.calls for part in parts] == [1, 2, 3]
    assert everything.total.cost == 6 * Decimal("0.0000123")


def test_threads_count_when_their_work_is_bound(gateway: EmbeddedGateway) -> None:
    """An executor's threads begin without a context: `bind` takes tracker and tags along."""
    from kilo_gateway import KiloClient

    gateway.enqueue(reply())
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    with ThreadPoolExecutor(4) as pool, cost_tracker() as costs, cost_tags("pool"):
        list(pool.map(costs.bind(lambda _: client.complete(ASK)), range(20)))
    assert costs.total.calls == costs.by_tag["pool"].calls == 20
    assert costs.total.cost == 20 * Decimal("0.0000123")


def test_coroutines_count_in_the_loop_of_another_thread(gateway: EmbeddedGateway) -> None:
    """A bound coroutine function counts where it was bound, with its tags, on whatever loop it runs."""
    gateway.enqueue(reply())
    client = AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)

    async def ask(times: int) -> int:
        for _ in range(times):
            await client.complete(ASK)
        return times

    with cost_tracker() as costs, cost_tags("loop"):
        bound = costs.bind(ask)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: asyncio.run(bound(3))).result() == 3
    assert costs.total.calls == costs.by_tag["loop"].calls == 3


def test_a_cost_below_zero_is_unknown(connect: Any, gateway: EmbeddedGateway) -> None:
    """A gateway that states a negative cost makes no sum smaller."""
    gateway.enqueue(reply(cost=-5.0))
    with cost_tracker() as costs:
        connect().complete()
    assert (costs.total.cost, costs.total.unknown_costs) == (0, 1)


def test_a_tracker_does_not_change_what_is_sent(connect: Any, gateway: EmbeddedGateway) -> None:
    """The bytes of a request are the same with and without a tracker."""
    session = connect()
    session.complete()
    with cost_tracker():
        session.complete()
    first, second = gateway.requests
    assert first.body == second.body
