"""What LangChain code costs, counted around it or by a callback: chains, maps, agents, streams, caches, threads."""

from __future__ import annotations

import asyncio
import operator
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langgraph.graph import START, StateGraph
from langgraph.types import Send

from kilo_gateway import Budget, BudgetExceededError, Pricing, cost_tracker
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply
from langchain_kilo import ChatKilo, CostCallback, KiloEmbeddings

COST = Decimal("0.0000123")
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": float(COST)}
CALL = {"name": "weather", "arguments": {"city": "Oslo"}}
PRICE = Pricing(prompt=Decimal(0), completion=Decimal(1000))
Make = Callable[..., ChatKilo]


class State(TypedDict):
    """What a graph of this page passes on."""

    questions: list[str]
    answers: Annotated[list[str], operator.add]


@pytest.fixture(autouse=True)
def _answers(gateway: EmbeddedGateway) -> None:
    """Every answer costs the same."""
    gateway.enqueue(Reply(text="Yes.", usage=USAGE, provider="Acme", times=10_000))


def weather(city: str) -> str:
    """Tell the weather."""
    return f"Sunny in {city}"


def ways(model: Any, config: dict[str, Any]) -> list[Callable[[], object]]:
    """Return one call in each of the ways in which a model can be called."""

    async def astream() -> None:
        async for _ in model.astream("Hello", config):
            pass

    return [
        lambda: model.invoke("Hello", config),
        lambda: list(model.stream("Hello", config)),
        lambda: model.batch(["Hello"], config),
        lambda: asyncio.run(model.ainvoke("Hello", config)),
        lambda: asyncio.run(astream()),
        lambda: asyncio.run(model.abatch(["Hello"], config)),
    ]


@pytest.mark.parametrize("way", range(6))
def test_every_way_to_call_is_counted(make: Make, way: int) -> None:
    """By the block around it, and by a callback, each once."""
    callback = CostCallback()
    call = ways(make(), {"callbacks": [callback], "tags": ["ann"]})[way]
    with cost_tracker() as costs:
        call()
    for counted in (costs, callback.costs):
        assert (counted.total.calls, counted.total.cost) == (1, COST)
    assert callback.costs.by_tag["ann"].calls == 1


def test_maps_and_batches_in_threads_are_counted(make: Make) -> None:
    """LangChain's own threads belong to the block, and its steps put no tags of theirs on calls."""
    model = make()
    chain = RunnableParallel(a=model, b=RunnableLambda(model.invoke))
    with cost_tracker() as costs:
        chain.batch(["x"] * 10, {"max_concurrency": 5})
    assert costs.total.calls == 20
    assert costs.total.cost == 20 * COST
    assert costs.by_tag == {}


def test_a_callback_counts_in_threads_that_have_no_context(make: Make) -> None:
    """A callback needs no block: it goes with the configuration, into plain threads too."""
    callback = CostCallback()
    model = make(callbacks=[callback])
    threads = [threading.Thread(target=model.invoke, args=("Hello",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert callback.costs.total.calls == 5


def test_a_callback_hears_of_its_own_runs_only(make: Make) -> None:
    """A stream of another run, right after one with the callback, is not counted."""
    callback = CostCallback()
    model = make()
    list(model.stream("Hello", {"callbacks": [callback]}))
    list(model.stream("Hello"))
    model.invoke("Hello")
    assert callback.costs.total.calls == 1


def test_a_cached_answer_costs_nothing(make: Make) -> None:
    """The second of two equal questions is answered from the cache: one call, one cost."""
    callback = CostCallback()
    model = make(cache=InMemoryCache())
    with cost_tracker() as costs:
        for _ in range(3):
            model.invoke("Hello", {"callbacks": [callback]})
    assert (costs.total.calls, costs.total.cost) == (1, COST)
    assert (callback.costs.total.calls, callback.costs.total.cost) == (1, COST)


def test_a_budget_stops_a_chain_before_the_request_that_could_pass_it(make: Make, gateway: EmbeddedGateway) -> None:
    """A chain that goes on for ever ends with an error of its own kind, and nothing more is sent."""
    gateway.clear()
    gateway.enqueue(Reply(text="Yes.", usage={**USAGE, "cost": 0.004}, times=100))
    model = make(max_tokens=10)
    callback = CostCallback(cost_tracker(budget=Budget("0.02"), price=PRICE))
    for _ in range(3):
        model.invoke("Hello", {"callbacks": [callback]})
    for call in ways(model, {"callbacks": [callback]}):
        with pytest.raises(BudgetExceededError) as caught:
            call()
        assert not getattr(caught.value, "is_retryable", False)
    assert callback.costs.total.calls == 3
    assert len([request for request in gateway.requests if request.body]) == 3


def test_a_budget_stops_an_agent_that_goes_in_circles(make: Make, gateway: EmbeddedGateway) -> None:
    """An agent whose model calls tools for ever ends before the request that could pass the budget."""
    from langchain.agents import create_agent

    gateway.clear()
    gateway.enqueue(Reply(tool_calls=[CALL], usage={**USAGE, "cost": 0.004}, times=99))
    budget = Budget("0.02")
    agent = create_agent(make(max_tokens=10), [weather])
    with cost_tracker(budget=budget, price=PRICE) as costs, pytest.raises(BudgetExceededError):
        agent.invoke({"messages": [("user", "Weather in Oslo?")]}, {"recursion_limit": 100})
    assert costs.total.calls == 3
    assert (budget.spent, budget.reserved) == (Decimal("0.012"), 0)


def test_an_agent_is_counted_with_its_tools(make: Make, gateway: EmbeddedGateway) -> None:
    """Both turns of an agent count in the block and in the callback."""
    from langchain.agents import create_agent

    gateway.clear()
    gateway.enqueue(Reply(tool_calls=[CALL], usage=USAGE), Reply(text="Sunny.", usage=USAGE))
    callback = CostCallback()
    with cost_tracker() as costs:
        agent = create_agent(make(), [weather])
        agent.invoke({"messages": [("user", "Weather in Oslo?")]}, {"callbacks": [callback]})
    assert costs.total.calls == callback.costs.total.calls == 2
    assert costs.total.cost == 2 * COST


def graph_of(model: Any) -> Any:
    """Return a graph that asks about each of its questions at once."""

    async def ask(state: State) -> dict[str, list[str]]:
        return {"answers": [(await model.ainvoke(state["questions"][0])).text]}

    node = RunnableLambda(lambda state: {"answers": [model.invoke(state["questions"][0]).text]}, ask)
    builder = StateGraph(State)
    builder.add_node("ask", node)
    builder.add_conditional_edges(START, lambda state: [Send("ask", {"questions": [q]}) for q in state["questions"]])
    return builder.compile()


def test_a_graph_that_fans_out_is_counted(make: Make) -> None:
    """Branches of a graph that run at once belong to the block around it."""
    with cost_tracker() as costs:
        found = graph_of(make()).invoke({"questions": list("abcdef"), "answers": []})
    assert len(found["answers"]) == costs.total.calls == 6
    assert costs.total.cost == 6 * COST


def test_a_budget_stops_embeddings(gateway: EmbeddedGateway) -> None:
    """Vectors are made batch by batch until the next one could pass the budget, blocking and awaited."""
    price = Pricing(prompt=Decimal(1_000_000))  # a dollar a byte, so to say
    given = {"api_key": gateway.api_key, "base_url": gateway.base_url, "batch_size": 1}
    for embed in (
        lambda: KiloEmbeddings(**given).embed_documents(["Hello", "x" * 900]),
        lambda: asyncio.run(KiloEmbeddings(**given).aembed_documents(["Hello", "x" * 900])),
    ):
        gateway.clear()
        budget = Budget(200)
        with cost_tracker(budget=budget, price=price) as costs, pytest.raises(BudgetExceededError):
            embed()
        assert costs.total.calls == len([request for request in gateway.requests if request.body]) == 1
        assert 0 < budget.spent == costs.total.cost


def test_the_sums_are_those_of_the_server(make: Make, gateway: EmbeddedGateway) -> None:
    """Over threads, tasks, streams, graphs, retries and a cache the tracker has what the server has billed."""
    gateway.clear()
    usages = [{**USAGE, "cost": number / 1_000_000} for number in range(1, 31)]
    busy = Fault(status=503, body={"error": {"code": 503, "message": "Later"}}, headers={"Retry-After": "0.05"})
    gateway.enqueue(*(Reply(text="Yes.", usage=usage) for usage in usages[:10]), busy)
    gateway.enqueue(*(Reply(text="Yes.", usage=usage) for usage in usages[10:]))
    model, cached = make(max_retries=2), make(cache=InMemoryCache())
    chain = RunnableParallel(a=model, b=RunnableLambda(model.invoke))
    with cost_tracker() as costs:
        chain.batch(["x"] * 5, {"max_concurrency": 5})
        asyncio.run(model.abatch(["Hello"] * 9))
        for _ in range(5):
            cached.invoke("Hello")
        for way in ways(model, {}):
            way()
        list(chain.stream("x"))
        asyncio.run(chain.ainvoke("x"))
    sent = [request for request in gateway.requests if request.body]
    assert (costs.total.calls, costs.total.retries, len(sent)) == (30, 1, 31)
    assert costs.total.cost == sum((Decimal(str(usage["cost"])) for usage in usages), Decimal(0))
    assert costs.total.unknown_costs == 0


MANY: dict[str, Callable[[Any], Any]] = {
    "batch": lambda model: model.batch(["Hello"] * 40, {"max_concurrency": 8}),
    "abatch": lambda model: asyncio.run(model.abatch(["Hello"] * 40)),
    "map": lambda model: RunnableParallel({f"k{n}": model for n in range(40)}).invoke("Hello", {"max_concurrency": 8}),
    "graph": lambda model: asyncio.run(graph_of(model).ainvoke({"questions": ["Hello"] * 40, "answers": []})),
}


@pytest.mark.parametrize("run", MANY.values(), ids=MANY)
def test_many_calls_in_a_storm_are_all_answered(run: Any, make: Make, gateway: EmbeddedGateway) -> None:
    """However LangChain code asks many things at once, it shares the pause after a 429, and no answer is lost."""
    gateway.clear()
    busy = {"error": {"code": 429, "message": "Slow down"}}
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "0.1"}, body=busy, times=3))
    gateway.enqueue(Reply(text="Yes.", usage=USAGE, times=999))
    with cost_tracker() as costs:
        run(make(max_retries=2))
    assert (costs.total.calls, costs.total.failed, costs.total.cost) == (40, 0, 40 * COST)
    assert len(gateway.requests) == 43
