"""A budget over ordinary calls: what could pass it is not sent, at once from many threads neither."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext
from typing import Any

import pytest

from kilo_gateway import (
    Budget,
    BudgetExceededError,
    InvalidSettingError,
    KiloClient,
    KiloError,
    Pricing,
    cost_tracker,
)
from kilo_gateway.batch import Result, run_batch
from kilo_gateway.batch.requests import Request
from kilo_gateway.costs.bounds import ESTIMATED_OUTPUT_TOKENS, output_bound, reasons_to_estimate
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

MODEL = "openai/gpt-4.1-mini"
ASK = [{"role": "user", "content": "Hello"}]
PRICE = Pricing(prompt=Decimal(0), completion=Decimal(1000))
"""A tenth of a cent a token, so that `max_tokens=10` may cost one cent."""
CHEAP = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.004}


def test_the_call_that_could_pass_the_budget_is_not_sent(connect: Any, gateway: EmbeddedGateway) -> None:
    """With a cent a call at the most, and less in truth, calls go on until less than a cent is left."""
    gateway.enqueue(Reply(text="a", usage=CHEAP, times=99))
    session = connect()
    budget = Budget("0.02")
    with cost_tracker(budget=budget, price=PRICE) as costs:
        for _ in range(3):
            session.complete(max_tokens=10)
        with pytest.raises(BudgetExceededError) as caught:
            session.complete(max_tokens=10)
    sent = [request for request in gateway.requests if request.body]
    assert len(sent) == costs.total.calls == 3
    assert budget.spent == costs.total.cost == Decimal("0.012")
    assert budget.reserved == 0
    assert caught.value.model == f"kilocode/{MODEL}"


def test_streams_keep_to_the_budget(connect: Any, gateway: EmbeddedGateway) -> None:
    """A stream reserves when it is begun and settles at its end, at its bound where it was left early."""
    gateway.enqueue(Reply(text="a", usage=CHEAP), Reply(text="One two three. " * 90, event_delay_seconds=0.01))
    session = connect()
    budget = Budget("0.02")
    with cost_tracker(budget=budget, price=PRICE):
        session.stream(max_tokens=10)
        assert (budget.spent, budget.reserved) == (Decimal("0.004"), 0)
        session.stream(max_tokens=10, first=1)
        assert (budget.spent, budget.reserved) == (Decimal("0.014"), 0)
        assert isinstance(session.fail(max_tokens=10, stream=True), BudgetExceededError)


def test_what_is_refused_frees_its_reservation(connect: Any, gateway: EmbeddedGateway) -> None:
    """A refused request is billed to nobody."""
    gateway.enqueue(Fault(status=400, body={"error": {"code": 400, "message": "Not this"}}))
    session = connect()
    budget = Budget("0.01")
    with cost_tracker(budget=budget, price=PRICE):
        with pytest.raises(KiloError):
            session.complete(max_tokens=10)
        assert (budget.spent, budget.reserved) == (0, 0)


def test_a_model_without_a_price_is_refused(connect: Any, gateway: EmbeddedGateway) -> None:
    """A budget cannot hold over what nobody knows the price of; prices may be stated by model."""
    session = connect()
    with cost_tracker(budget=Budget(1)), pytest.raises(InvalidSettingError, match="price"):
        session.complete(model="kilo/auto")
    with cost_tracker(budget=Budget(1), price={"kilo/auto": PRICE}) as costs:
        session.complete(model="kilo/auto", max_tokens=10)
    assert costs.total.calls == 1


def test_vectors_have_no_output_to_pay(connect: Any, gateway: EmbeddedGateway) -> None:
    """The bound of an embeddings request is its input's, also where no price of an output is stated."""
    budget = Budget(1)
    with cost_tracker(budget=budget, price=Pricing(prompt=Decimal(1))) as costs:
        session = connect()
        session.wait(session.client.embed(["Hello"], model="openai/text-embedding-3-small"))
    assert (costs.total.calls, budget.reserved) == (1, 0)


def test_prices_come_from_the_model_list(connect: Any, gateway: EmbeddedGateway) -> None:
    """Without a stated price the gateway's list has it."""
    session = connect()
    budget = Budget("0.5")
    with cost_tracker(budget=budget) as costs:
        session.complete(max_tokens=10)
    assert 0 < budget.spent == costs.total.cost


def test_threads_at_once_never_pass_the_budget(gateway: EmbeddedGateway) -> None:
    """Calls that do not fit wait for what others have reserved: the budget is used up, and never passed."""
    gateway.enqueue(Reply(text="a", usage={**CHEAP, "cost": 0.01}, delay_seconds=0.02, times=999))
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    budget = Budget("0.10")
    with cost_tracker(budget=budget, price=PRICE) as costs, ThreadPoolExecutor(16) as pool:

        def ask(_: int) -> bool:
            try:
                client.complete(ASK, max_tokens=10)
            except BudgetExceededError:
                return False
            return True

        results = list(pool.map(costs.bind(ask), range(40)))
    assert results.count(True) == 10
    assert budget.spent == Decimal("0.10")


def test_a_batch_and_the_block_around_it_may_have_one_budget(gateway: EmbeddedGateway) -> None:
    """A budget that a batch and a tracker around it share is reserved and settled once, not twice."""
    gateway.enqueue(Reply(text="a", usage=CHEAP, times=99))
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    body = {"model": MODEL, "messages": ASK, "max_tokens": 10}
    budget = Budget("0.05")
    with cost_tracker(budget=budget, price=PRICE) as costs:
        rows = [Request(f"r{number}", body) for number in range(10)]
        results = list(run_batch(rows, client=client, budget=budget, price=PRICE))
        client.complete(ASK, max_tokens=10)
    assert costs.total.calls == len(results) + 1 == 11
    assert budget.spent == costs.total.cost == Decimal("0.044")
    assert budget.reserved == 0


def test_the_budget_of_a_tracker_ends_a_batch(gateway: EmbeddedGateway) -> None:
    """A batch without a budget of its own stops where that of the tracker around it is used up, with no failed row."""
    gateway.enqueue(Reply(text="a", usage={**CHEAP, "cost": 0.01}, times=99))
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    body = {"model": MODEL, "messages": ASK, "max_tokens": 10}
    budget, own = Budget("0.05"), Budget(1)
    rows = [Request(f"r{number}", body) for number in range(20)]
    results: list[Result] = []
    with cost_tracker(budget=budget, price=PRICE), pytest.raises(BudgetExceededError):
        results.extend(run_batch(rows, client=client, budget=own, price=PRICE, concurrency=4))
    assert [result.is_done for result in results] == [True] * 5
    assert budget.spent == own.spent == Decimal("0.05")
    assert (budget.reserved, own.reserved) == (0, 0)


def test_amounts_are_exact_whatever_the_application_has_set(connect: Any, gateway: EmbeddedGateway) -> None:
    """A budget loses no digit in an application that computes with few, and its bounds are not rounded down."""
    gateway.enqueue(Reply(text="a", usage={**CHEAP, "cost": 0.0012345}, times=9))
    budget = Budget("123.4567")
    with localcontext() as context, cost_tracker(budget=budget, price=PRICE):
        context.prec = 2
        for _ in range(3):
            connect().complete(max_tokens=10)
        left = budget.left
    assert (budget.spent, left) == (Decimal("0.0037035"), Decimal("123.4529965"))


@pytest.mark.parametrize(
    "name", ["kilocode/openai/text-embedding-3-small", "text-embedding-3-small", "OpenAI/Text-Embedding-3-Small"]
)
def test_prices_are_stated_for_any_spelling_of_a_model(name: str, connect: Any, gateway: EmbeddedGateway) -> None:
    """A price is found under the ref, the id and the short name of a model."""
    session = connect()
    with cost_tracker(budget=Budget(1), price={name: Pricing(prompt=Decimal("0.02"))}) as costs:
        session.wait(session.client.embed(["Hello"], model="text-embedding-3-small"))
    assert (costs.total.calls, costs.total.unknown_costs) == (1, 0)


@pytest.mark.parametrize("limit", [-1, 0, None])
def test_a_limit_that_is_none_bounds_nothing(limit: Any) -> None:
    """A `max_tokens` below one makes no bound smaller, and says that it is an estimate."""
    body = {"messages": ASK, "max_tokens": limit}
    assert output_bound(body) == ESTIMATED_OUTPUT_TOKENS
    assert reasons_to_estimate(body) == ["no max_tokens"]


def test_a_batch_inside_a_block_counts_there(gateway: EmbeddedGateway) -> None:
    """A batch makes its calls in a thread of its own, which belongs to the block that runs it."""
    client = KiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    body = {"model": MODEL, "messages": ASK, "max_tokens": 5}
    with cost_tracker() as costs:
        results = list(run_batch([Request(f"r{number}", body) for number in range(10)], client=client))
    assert costs.total.calls == len(results) == 10
    assert costs.total.cost == sum(result.cost or 0 for result in results)
