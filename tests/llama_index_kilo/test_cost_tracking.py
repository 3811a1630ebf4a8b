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
from llama_index.core.evaluation import BatchEvalRunner, FaithfulnessEvaluator
from llama_index.core.ingestion import IngestionPipeline

from kilo_gateway import Budget, BudgetExceededError, Pricing, cost_tracker
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply
from llama_index_kilo import CostCallback, KiloEmbedding, KiloLLM

COST = Decimal("0.0000123")
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": float(COST)}
CALL = {"name": "weather", "arguments": {"city": "Oslo"}}
Make = Callable[..., KiloLLM]


@pytest.fixture(autouse=True)
def _answers(gateway: EmbeddedGateway) -> None:
    """Every answer costs the same."""
    gateway.enqueue(Reply(text="Yes.", usage=USAGE, provider="Acme", times=10_000))


def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}"


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


def test_what_an_ingestion_has_cached_costs_nothing(gateway: EmbeddedGateway) -> None:
    """The second run over the same documents finds its vectors in the pipeline's cache: no call, no cost."""
    embedding = KiloEmbedding(base_url=gateway.base_url, api_key=gateway.api_key)
    pipeline = IngestionPipeline(transformations=[embedding])
    documents = [Document(text="Oslo is sunny."), Document(text="Bergen is not.")]
    with cost_tracker() as first:
        pipeline.run(documents=documents)
    with cost_tracker() as again:
        nodes = pipeline.run(documents=documents)
    assert first.total.calls == 1
    assert (again.total.calls, again.total.cost) == (0, 0)
    assert all(node.embedding for node in nodes)


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


async def _read(responses: Any) -> None:
    async for _ in await responses:
        pass


WAYS: dict[str, Callable[[Any], Any]] = {
    "complete": lambda llm: llm.complete("Hello"),
    "stream": lambda llm: list(llm.stream_complete("Hello")),
    "acomplete": lambda llm: asyncio.run(llm.acomplete("Hello")),
    "astream": lambda llm: asyncio.run(_read(llm.astream_complete("Hello"))),
}
PRICE = Pricing(prompt=Decimal(0), completion=Decimal(1000))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_budget_stops_every_way_to_call(way: Any, make_llm: Make, gateway: EmbeddedGateway) -> None:
    """Blocking or awaited, whole or streamed: the call that could pass the budget of a block is not sent."""
    with cost_tracker(budget=Budget("0.005"), price=PRICE), pytest.raises(BudgetExceededError):
        way(make_llm(max_tokens=10))
    assert not [request for request in gateway.requests if request.body]


def test_a_budget_stops_the_making_of_an_index(gateway: EmbeddedGateway) -> None:
    """Vectors are made batch by batch until the next one could pass the budget."""
    embedding = KiloEmbedding(base_url=gateway.base_url, api_key=gateway.api_key, embed_batch_size=1)
    documents = [Document(text="Hello"), Document(text="x" * 900)]
    price = {"openai/text-embedding-3-small": Pricing(prompt=Decimal(1_000_000))}
    with cost_tracker(budget=Budget(200), price=price) as costs, pytest.raises(BudgetExceededError):
        VectorStoreIndex.from_documents(documents, embed_model=embedding)
    assert costs.total.calls == len([request for request in gateway.requests if request.body]) == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the framework, about itself
def test_a_budget_stops_a_workflow_of_agents(make_llm: Make, gateway: EmbeddedGateway) -> None:
    """An agent in a workflow that calls tools for ever ends before the request that could pass the budget."""
    from llama_index.core.agent.workflow import AgentWorkflow

    gateway.clear()
    gateway.enqueue(Reply(tool_calls=[CALL], usage={**USAGE, "cost": 0.004}, times=99))
    llm = make_llm(is_function_calling_model=True, max_tokens=10)

    async def run() -> None:
        await AgentWorkflow.from_tools_or_functions([weather], llm=llm).run("Weather in Oslo?")

    budget = Budget("0.02")
    with cost_tracker(budget=budget, price=PRICE) as costs, pytest.raises(BudgetExceededError):
        asyncio.run(run())
    assert costs.total.calls == 3
    assert (budget.spent, budget.reserved) == (Decimal("0.012"), 0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the framework, about itself
def test_many_calls_in_a_storm_are_all_answered(make_llm: Make, gateway: EmbeddedGateway) -> None:
    """Jobs, an ingestion and evaluators share the pause after a 429 without a word in their code; nothing is lost."""
    gateway.clear()
    busy = Fault(
        status=429, headers={"Retry-After": "0.1"}, body={"error": {"code": 429, "message": "Slow down"}}, times=3
    )
    llm = make_llm(max_retries=2)
    embedding = KiloEmbedding(base_url=gateway.base_url, api_key=gateway.api_key, embed_batch_size=1, max_retries=2)
    texts = [f"text {number}" for number in range(20)]

    async def run() -> None:
        gateway.enqueue(busy, Reply(text="YES", usage=USAGE, times=20))
        await run_jobs([llm.acomplete(text) for text in texts], workers=8)
        gateway.enqueue(busy)
        await IngestionPipeline(transformations=[embedding]).arun(documents=[Document(text=text) for text in texts])
        gateway.enqueue(busy, Reply(text="YES", usage=USAGE, times=20))
        runner = BatchEvalRunner({"faithful": FaithfulnessEvaluator(llm=llm)}, workers=8)
        found = await runner.aevaluate_response_strs(texts, response_strs=texts, contexts_list=[["x"]] * 20)
        assert [result.passing for result in found["faithful"]] == [True] * 20

    with cost_tracker() as costs:
        asyncio.run(run())
    assert (costs.total.calls, costs.total.failed, costs.total.retries) == (60, 0, 9)
    assert len([request for request in gateway.requests if request.body]) == 69


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the framework, about itself
def test_an_agent_is_counted(make_llm: Make, gateway: EmbeddedGateway) -> None:
    """Both turns of an agent, whose steps run in tasks of a workflow, belong to the block around it."""
    from llama_index.core.agent.workflow import FunctionAgent

    gateway.clear()
    gateway.enqueue(Reply(tool_calls=[CALL], usage=USAGE), Reply(text="Sunny.", usage=USAGE))

    async def run() -> None:
        await FunctionAgent(tools=[weather], llm=make_llm(is_function_calling_model=True)).run("Weather in Oslo?")

    with cost_tracker() as costs:
        asyncio.run(run())
    assert costs.total.calls == 2
    assert costs.total.cost == 2 * COST
