"""Leaving a stream of ChatKilo in the middle: nothing is printed when its event loop ends."""

from __future__ import annotations

import asyncio
import gc
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langgraph.graph import START, MessagesState, StateGraph

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("is_traced", [False, True])
def test_a_stream_left_when_its_loop_ends_prints_nothing(
    make: Callable[..., ChatKilo],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    *,
    is_traced: bool,
) -> None:
    """A loop that ends with an astream in the middle ends without a word, however it was left and whoever traces it."""
    tracer = "openinference.instrumentation.langchain"
    monkeypatch.setitem(sys.modules, tracer, ModuleType(tracer))
    if not is_traced:
        monkeypatch.delitem(sys.modules, tracer)
    caplog.handler.addFilter(lambda record: " took " not in record.getMessage())  # a slow machine
    held: list[Any] = []

    async def held_to_the_end() -> None:
        held.append(make().astream("Hello there"))
        await anext(held[-1])

    async def dropped() -> None:
        await anext(make().astream("Hello there"))

    async def raised() -> None:
        async for _ in make().astream("Hello there"):
            raise ZeroDivisionError

    for way in (held_to_the_end, dropped, raised):
        with suppress(ZeroDivisionError):
            asyncio.run(way(), debug=True)
    held.clear()
    gc.collect()
    assert capfd.readouterr() == ("", "")
    assert caplog.messages == []


def test_an_error_is_raised_where_a_traced_stream_stands(
    make: Callable[..., ChatKilo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is thrown into a stream that a tracer sees comes out of it, and ends it."""
    tracer = "openinference.instrumentation.langchain"
    monkeypatch.setitem(sys.modules, tracer, ModuleType(tracer))

    async def throw() -> None:
        stream: Any = make().astream("Hello there")
        await anext(stream)
        with pytest.raises(ZeroDivisionError):
            await stream.athrow(ZeroDivisionError())
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    asyncio.run(throw())


QUESTION: Any = {"messages": [HumanMessage("x")]}


def _graph(model: ChatKilo) -> Any:
    async def ask(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    return StateGraph(MessagesState).add_node("model", ask).add_edge(START, "model").compile()


STREAMS: dict[str, Callable[[ChatKilo], Any]] = {
    "astream": lambda model: model.astream("x"),
    "astream_events": lambda model: model.astream_events("x", version="v2"),
    "a graph's astream": lambda model: _graph(model).astream(QUESTION, stream_mode="messages"),
    "a graph's astream_events": lambda model: _graph(model).astream_events(QUESTION, version="v2"),
    "an agent's astream": lambda model: create_agent(model, []).astream(QUESTION, stream_mode="messages"),
    "an agent's astream_events": lambda model: create_agent(model, []).astream_events(QUESTION, version="v2"),
}
"""Ways to stream an answer."""
NOT_STOPPED = {"a graph's astream", "an agent's astream"}
"""Ways in which LangGraph does not stop its own tasks when an anyio scope is cancelled; a page says what to do."""


async def _read(stream: Any, begun: asyncio.Event) -> None:
    async for _ in stream:
        begun.set()


async def _is_closed(gateway: EmbeddedGateway) -> bool:
    return await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 0)


async def _end_of_tasks() -> None:
    """Return when this task is the only one; LangGraph's need some turns of the loop for their own leaving."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        _, left = await asyncio.wait(others, timeout=5)
        assert not left


@pytest.mark.parametrize("way", STREAMS)
def test_a_task_that_is_cancelled_twice_leaves_nothing(
    way: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """The gateway sees the connection close at once, and no task is left, though the first leaving is interrupted."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))

    async def run() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(_read(STREAMS[way](make()), begun))
        await begun.wait()
        assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 1)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await _is_closed(gateway)
        await _end_of_tasks()

    asyncio.run(run())


async def _cancel_scope(gateway: EmbeddedGateway, start: Callable[[], Any]) -> None:
    """Cancel a scope of anyio around a stream; the gateway has to see the close, and no task may be left."""
    gateway.enqueue(Reply(text="word " * 500, event_delay_seconds=0.02))
    begun = asyncio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(_read, start(), begun)
        await begun.wait()
        assert await asyncio.to_thread(gateway.wait_until, lambda: gateway.open_streams == 1)
        group.cancel_scope.cancel()
    assert await _is_closed(gateway)
    await _end_of_tasks()


@pytest.mark.parametrize("way", sorted(STREAMS.keys() - NOT_STOPPED))
def test_a_cancelled_scope_leaves_nothing(way: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """The same in a scope of anyio, as web servers and MCP use it: it cancels again and again."""
    asyncio.run(_cancel_scope(gateway, lambda: STREAMS[way](make())))


def _apart(stream: Any) -> Any:
    """The stream in a task of its own, by the function that the page shows."""
    page = (Path(__file__).parents[2] / "docs" / "stream-to-a-web-page.md").read_text()
    names: dict[str, Any] = {"asyncio": asyncio}
    exec(page[page.index("async def apart") : page.index("async def messages")], names)
    return names["apart"](stream)


@pytest.mark.parametrize("way", sorted(NOT_STOPPED))
def test_a_cancelled_scope_around_a_task_of_its_own(
    way: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """What LangGraph does not stop, the function of the page does: the gateway sees the close, and no task is left."""
    asyncio.run(_cancel_scope(gateway, lambda: _apart(STREAMS[way](make()))))


def test_streams_in_threads_are_each_their_own(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Twenty threads that share a model get their own answers, with one request a call."""
    gateway.enqueue(*[Reply(text=f"answer {number}") for number in range(100)])
    model = make()
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: "".join(chunk.text for chunk in model.stream("x")), range(100)))
    assert sorted(found) == sorted(f"answer {number}" for number in range(100))
    assert len(gateway.requests) == 100
