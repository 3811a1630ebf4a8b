"""LangGraph over ChatKilo: graphs with checkpoints, interrupts, streams of messages, reasoning over several turns."""

from __future__ import annotations

import asyncio
import json
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessageChunk, HumanMessage, message_chunk_to_message
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command, interrupt

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

FAMILIES = ["anthropic/claude-sonnet-4.6", "openai/gpt-5.2", "google/gemini-3-flash-preview"]
THREAD: Any = {"configurable": {"thread_id": "1"}}


def ask(text: str) -> Any:
    """Return what a user adds to the messages of a graph."""
    return {"messages": [HumanMessage(text)]}


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


@tool
def book_table(city: str) -> str:
    """Book a table in a restaurant in a city."""
    answer = interrupt({"question": f"Book a table in {city}?"})
    return f"A table in {city} is booked." if answer == "yes" else f"No table in {city} is booked."


def chat_graph(model: Any, *, is_async: bool = False, saver: Any = None) -> Any:
    """Return the graph that LangGraph's own documentation builds: a model, its tools, and back."""

    def call_model(state: MessagesState) -> Any:
        return {"messages": [bound.invoke(state["messages"])]}

    async def acall_model(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    tools = [get_weather, book_table]
    bound = model.bind_tools(tools)
    graph = StateGraph(MessagesState)
    graph.add_node("model", acall_model if is_async else call_model)
    graph.add_node("tools", ToolNode(tools))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    return graph.compile(checkpointer=saver)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_graph_runs_its_tools(is_async: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A ToolNode runs both calls of one answer, and the model answers with their results."""
    graph = chat_graph(make(), is_async=is_async)
    asked = ask("How is the weather in Paris and in Rome?")
    messages = (asyncio.run(graph.ainvoke(asked)) if is_async else graph.invoke(asked))["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "tool", "ai"]
    assert "Paris" in messages[-1].text
    assert "Rome" in messages[-1].text
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_messages_are_streamed_piece_by_piece(is_async: bool, make: Callable[..., ChatKilo]) -> None:
    """`stream_mode="messages"` makes the `invoke` of a node stream, and its pieces add up to the node's message."""
    graph = chat_graph(make(reasoning="low"), is_async=is_async, saver=InMemorySaver())
    asked = ask("How is the weather in Paris?")
    if is_async:

        async def collect() -> list[Any]:
            return [part async for part in graph.astream(asked, THREAD, stream_mode="messages")]

        parts = asyncio.run(collect())
    else:
        parts = list(graph.stream(asked, THREAD, stream_mode="messages"))
    pieces = [message for message, _ in parts if isinstance(message, AIMessageChunk)]
    kept = graph.get_state(THREAD).values["messages"]
    for message in (kept[1], kept[3]):
        own = [piece for piece in pieces if piece.id == message.id]
        assert len(own) > 2
        added: Any = message_chunk_to_message(own[0] + own[1:])
        assert added.content == message.content
        assert added.response_metadata == message.response_metadata
        assert added.tool_calls == message.tool_calls
        assert added.usage_metadata == message.usage_metadata
    assert {facts["langgraph_node"] for message, facts in parts if isinstance(message, AIMessageChunk)} == {"model"}
    assert all(facts["ls_provider"] == "kilo" for message, facts in parts if isinstance(message, AIMessageChunk))


@pytest.mark.parametrize("mode", [["messages", "updates"], ["values", "custom"]])
def test_stream_modes_can_be_combined(mode: list[str], make: Callable[..., ChatKilo]) -> None:
    """Several stream modes at once each tell their part."""
    told = list(chat_graph(make()).stream(ask("How is the weather in Paris?"), stream_mode=mode))
    assert mode[0] in {name for name, _ in told}
    assert {name for name, _ in told} <= set(mode)


@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("streaming", [None, True], ids=["whole", "streamed"])
def test_checkpoints_keep_reasoning_byte_by_byte(
    model: str, streaming: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Messages that went through a checkpoint are sent on the next turn with the reasoning as the gateway sent it."""
    graph = chat_graph(make(model=model, reasoning="low", streaming=streaming), saver=InMemorySaver())
    graph.invoke(ask("How is the weather in Paris?"), THREAD)
    first = graph.get_state(THREAD).values["messages"]
    thoughts = [message.response_metadata["reasoning_details"] for message in first if message.type == "ai"]
    graph.invoke(ask("Why is that?"), THREAD)
    sent = [message for message in gateway.requests[-1].body["messages"] if message["role"] == "assistant"]
    assert len(thoughts) == 2
    assert [json.dumps(message["reasoning_details"]) for message in sent] == [json.dumps(one) for one in thoughts]


def test_checkpoints_keep_every_fact_of_a_message(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """LangGraph's serializer gives back an equal message: details of unknown kinds, costs, citations, broken calls."""
    details: list[dict[str, Any]] = [
        {"type": "reasoning.new", "x": {"y": [1, 2.5, None]}, "signature": "c2ln"},
        {"type": "reasoning.text"},
    ]
    cited = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.000123}
    gateway.enqueue(
        Reply(
            text="Yes.",
            reasoning="Hm.",
            reasoning_details=details,
            annotations=[cited],
            usage=usage,
            tool_calls=[{"name": "get_weather", "arguments": '{"city": "Par', "id": "c1"}],
            times=2,
        )
    )
    serializer = JsonPlusSerializer()
    chat = make()
    chunks = list(chat.stream("Hello"))
    for message in (chat.invoke("Hello"), chunks[0] + chunks[1:]):
        again = serializer.loads_typed(serializer.dumps_typed(message))
        assert again == message
        assert again.content_blocks == message.content_blocks
        assert json.dumps(again.response_metadata["reasoning_details"]) == json.dumps(details)


def test_a_tool_that_asks_is_resumed(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A graph that is interrupted inside a tool goes on from its checkpoint without asking the model again."""
    gateway.enqueue(Reply(tool_calls=[{"name": "book_table", "arguments": {"city": "Paris"}}]))
    graph = chat_graph(make(), saver=InMemorySaver())
    stopped = graph.invoke(ask("Book a table in Paris."), THREAD)
    assert stopped["__interrupt__"][0].value == {"question": "Book a table in Paris?"}
    assert len(gateway.requests) == 1
    messages = graph.invoke(Command(resume="yes"), THREAD)["messages"]
    assert messages[2].text == "A table in Paris is booked."
    assert len(gateway.requests) == 2
    assert gateway.requests[1].body["messages"][-1]["content"] == "A table in Paris is booked."


def test_a_person_may_change_a_call(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """What a person made of a call is what runs; the model's own call goes back with the reasoning that signed it."""
    ask_first = HumanInTheLoopMiddleware(interrupt_on={"get_weather": True})
    agent = create_agent(make(reasoning="low"), [get_weather], middleware=[ask_first], checkpointer=InMemorySaver())
    agent.invoke(ask("How is the weather in Paris?"), THREAD)
    thought = agent.get_state(THREAD).values["messages"][1].response_metadata["reasoning_details"]
    edited = {"type": "edit", "edited_action": {"name": "get_weather", "args": {"city": "Rome"}}}
    messages = agent.invoke(Command(resume={"decisions": [edited]}), THREAD)["messages"]
    assert messages[2].text.endswith("It is sunny in Rome.")
    sent = gateway.requests[-1].body["messages"][1]
    assert json.loads(sent["tool_calls"][0]["function"]["arguments"]) == {"city": "Paris"}
    assert json.dumps(sent["reasoning_details"]) == json.dumps(thought)


def test_threads_remember_apart(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Each thread of a checkpointer has its own history, and turns are added to it."""
    graph = chat_graph(make(), saver=InMemorySaver())
    other = {"configurable": {"thread_id": "2"}}
    for thread, texts in ((THREAD, ["My name is Ann.", "Hello again."]), (other, ["Hello."])):
        for text in texts:
            graph.invoke(ask(text), thread)
    roles = [[message["role"] for message in request.body["messages"]] for request in gateway.requests]
    assert roles == [["user"], ["user", "assistant", "user"], ["user"]]


def test_one_model_serves_many_graphs_at_once(make: Callable[..., ChatKilo]) -> None:
    """Runs at the same time in one loop, and in loops one after another, do not disturb each other."""
    graph = chat_graph(make(), is_async=True)

    async def several() -> list[Any]:
        cities = ("Paris", "Rome", "Oslo", "Bern")
        return await asyncio.gather(*(graph.ainvoke(ask(f"How is the weather in {city}?")) for city in cities))

    for _ in range(2):
        results = asyncio.run(several())
        assert [result["messages"][2].text for result in results] == [
            f"It is sunny in {city}." for city in ("Paris", "Rome", "Oslo", "Bern")
        ]


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_graph_with_a_tool_node_survives_a_cut_off_call(
    is_stream: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A tool node passes a cut-off call by; the next request answers it, so that the model learns why."""
    calls: list[Any] = [
        {"name": "get_weather", "arguments": {"city": "Rome"}, "id": "c1"},
        {"name": "get_weather", "arguments": '{"city": "Os', "id": "c2"},
    ]
    gateway.enqueue(Reply(tool_calls=calls, finish_reason="length"), Reply(text="Fine."))
    model = make().bind_tools([get_weather])

    def call_model(state: MessagesState) -> dict[str, Any]:
        asked = state["messages"]
        return {"messages": [reduce(add, model.stream(asked)) if is_stream else model.invoke(asked)]}

    graph = StateGraph(MessagesState).add_node("model", call_model).add_node("tools", ToolNode([get_weather]))
    graph.add_edge(START, "model").add_conditional_edges("model", tools_condition).add_edge("tools", "model")
    messages = graph.compile().invoke({"messages": [HumanMessage("How is the weather?")]})["messages"]
    assert messages[-1].text == "Fine."
    answers = {
        one["tool_call_id"]: one["content"] for one in gateway.requests[-1].body["messages"] if one["role"] == "tool"
    }
    assert answers.keys() == {"c1", "c2"}
    assert answers["c2"].startswith("The tool was not called. The arguments are cut off")
