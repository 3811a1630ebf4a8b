"""What LlamaIndex code costs, counted around it or by a callback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.async_utils import run_jobs
from llama_index.core.callbacks import CallbackManager

from kilo_gateway import Budget, BudgetExceededError, Pricing, cost_tracker
from kilo_gateway.testing import EmbeddedGateway, Reply
from llama_index_kilo import CostCallback, KiloEmbedding, KiloLLM

COST = Decimal("0.0000123")
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": float(COST)}
Make = Callable[..., KiloLLM]


@pytest.fixture(autouse=True)
def _answers(gateway: EmbeddedGateway) -> None:
    """Every answer costs the same."""
    gateway.enqueue(Reply(text="Yes.", usage=USAGE, provider="Acme", times=10_000))


def test_every_way_to_call_is_counted(make_llm: Make) -> None:
    """By the block around it, and by a callback: whole answers and streams, blocking and awaited."""
    callback = CostCallback()
    llm = make_llm(callback_manager=CallbackManager([callback]))

    async def awaited() -> None:
        await llm.acomplete("Hello")
        async for _ in await llm.astream_complete("Hello"):
            pass

    with cost_tracker() as costs:
        llm.complete("Hello")
        list(llm.stream_complete("Hello"))
        asyncio.run(awaited())
    for counted in (costs, callback.costs):
        assert (counted.total.calls, counted.total.cost) == (4, 4 * COST)


def test_jobs_are_counted(make_llm: Make) -> None:
    """`run_jobs` makes tasks, which belong to the block around it."""
    llm = make_llm()

    async def run() -> None:
        await run_jobs([llm.acomplete("Hello") for _ in range(10)], workers=4)

    with cost_tracker() as costs:
        asyncio.run(run())
    assert costs.total.calls == 10


def test_an_index_and_its_answers_are_counted(make_llm: Make, gateway: EmbeddedGateway) -> None:
    """Vectors and answers of an engine add up in one tracker."""
    embedding = KiloEmbedding(base_url=gateway.base_url, api_key=gateway.api_key)
    with cost_tracker() as costs:
        index = VectorStoreIndex.from_documents([Document(text="Oslo is sunny.")], embed_model=embedding)
        index.as_query_engine(llm=make_llm()).query("Weather in Oslo?")
    assert costs.total.calls == 3
    assert any("embedding" in model for model in costs.by_model)


def test_a_budget_stops_an_llm(make_llm: Make, gateway: EmbeddedGateway) -> None:
    """The call that could pass the budget is not sent."""
    gateway.clear()
    gateway.enqueue(Reply(text="Yes.", usage={**USAGE, "cost": 0.004}, times=100))
    price = Pricing(prompt=Decimal(0), completion=Decimal(1000))
    callback: Any = CostCallback(cost_tracker(budget=Budget("0.013"), price=price))
    llm = make_llm(callback_manager=CallbackManager([callback]), max_tokens=10)
    llm.complete("Hello")
    with pytest.raises(BudgetExceededError):
        llm.complete("Hello")
    assert len([request for request in gateway.requests if request.body]) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the framework, about itself
def test_an_agent_is_counted(make_llm: Make, gateway: EmbeddedGateway) -> None:
    """Both turns of an agent, whose steps run in tasks of a workflow, belong to the block around it."""
    from llama_index.core.agent.workflow import FunctionAgent

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"Sunny in {city}"

    gateway.clear()
    call = {"name": "weather", "arguments": {"city": "Oslo"}}
    gateway.enqueue(Reply(tool_calls=[call], usage=USAGE), Reply(text="Sunny.", usage=USAGE))

    async def run() -> None:
        await FunctionAgent(tools=[weather], llm=make_llm(is_function_calling_model=True)).run("Weather in Oslo?")

    with cost_tracker() as costs:
        asyncio.run(run())
    assert costs.total.calls == 2
    assert costs.total.cost == 2 * COST
