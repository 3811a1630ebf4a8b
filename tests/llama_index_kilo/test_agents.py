"""Agents and workflows over KiloLLM with nothing but a model, against the embedded gateway's own models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.agent.workflow import (
    AgentStream,
    AgentWorkflow,
    CodeActAgent,
    FunctionAgent,
    ReActAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from pydantic import BaseModel

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

pytestmark = [  # of LlamaIndex's own
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::workflows.context.state_store.UnserializableKeyWarning"),
]


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


ADD = FunctionTool.from_defaults(add)
WEATHER = FunctionTool.from_defaults(weather)


def _run(agent: Any, question: str, **arguments: Any) -> tuple[Any, list[Any]]:
    """Return the result of a run and its events."""

    async def run() -> tuple[Any, list[Any]]:
        handler = agent.run(user_msg=question, **arguments)
        events = [event async for event in handler.stream_events()]
        return await handler, events

    return asyncio.run(run())


@pytest.mark.parametrize("streaming", [True, False])
def test_function_agent(gateway: EmbeddedGateway, llm: KiloLLM, streaming: bool) -> None:
    """FunctionAgent calls the tool that the model asks for and answers with its result."""
    agent = FunctionAgent(tools=[ADD, WEATHER], llm=llm, streaming=streaming)
    result, events = _run(agent, "What is 20 plus 22?")
    assert "42" in str(result)
    outputs = [event.tool_output.raw_output for event in events if isinstance(event, ToolCallResult)]
    assert outputs == [42]


def test_agent_stream_events(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM]) -> None:
    """An agent's stream shows text, thoughts and the usage of each turn as plain data."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    gateway.enqueue(Reply(text="It is so.", reasoning="Think a bit.", usage=usage))
    _, events = _run(FunctionAgent(tools=[ADD], llm=make_llm()), "So?")
    streamed = [event for event in events if isinstance(event, AgentStream)]
    assert "".join(event.delta for event in streamed) == "It is so."
    assert "".join(event.thinking_delta or "" for event in streamed) == "Think a bit."
    assert streamed[-1].raw["usage"] == usage


def test_parallel_calls(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """Two calls in one answer are both run, and both results go back under their own ids."""
    calls = [
        {"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_1"},
        {"name": "weather", "arguments": {"city": "Oslo"}, "id": "call_2"},
    ]
    gateway.enqueue(Reply(tool_calls=calls), Reply(text="done"))
    result, _ = _run(FunctionAgent(tools=[ADD, WEATHER], llm=llm), "both")
    assert str(result) == "done"
    results = {
        message["tool_call_id"]: message["content"]
        for message in gateway.requests[-1].body["messages"]
        if message["role"] == "tool"
    }
    assert results == {"call_1": "3", "call_2": "It is sunny in Oslo."}


@pytest.mark.parametrize("streaming", [True, False])
def test_broken_arguments_reach_the_model_as_an_error(gateway: EmbeddedGateway, llm: KiloLLM, streaming: bool) -> None:
    """A call with broken arguments is not run; the model is told, and may call again."""
    broken = {"name": "add", "arguments": '{"a": 1, "b"', "id": "call_1"}
    whole = {"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_2"}
    gateway.enqueue(Reply(tool_calls=[broken]), Reply(tool_calls=[whole]), Reply(text="3"))
    result, events = _run(FunctionAgent(tools=[ADD], llm=llm, streaming=streaming), "add")
    assert str(result) == "3"
    outputs = [event.tool_output for event in events if isinstance(event, ToolCallResult)]
    assert [output.is_error for output in outputs] == [True, False]


def test_initial_tool_choice(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """The first tool an agent is told to use is forced in its first request only."""
    _run(FunctionAgent(tools=[ADD, WEATHER], llm=llm, initial_tool_choice="weather"), "How is it in Oslo?")
    choices = [request.body.get("tool_choice") for request in gateway.requests]
    assert choices[0] == {"type": "function", "function": {"name": "weather"}}
    assert set(map(str, choices[1:])) == {"auto"}


@pytest.mark.parametrize("streaming", [True, False])
def test_react_agent(gateway: EmbeddedGateway, llm: KiloLLM, streaming: bool) -> None:
    """ReActAgent works through text alone."""
    needs = 'Thought: I need a tool.\nAction: add\nAction Input: {"a": 20, "b": 22}'
    gateway.enqueue(Reply(text=needs), Reply(text="Thought: I can answer.\nAnswer: It is 42."))
    result, events = _run(ReActAgent(tools=[ADD, WEATHER], llm=llm, streaming=streaming), "What is 20 plus 22?")
    assert "42" in str(result)
    assert [event.tool_output.raw_output for event in events if isinstance(event, ToolCallResult)] == [42]


def test_react_agent_takes_reasoning_for_the_answer(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """A reasoning-only answer ends a ReActAgent at once instead of running into its limit."""
    gateway.enqueue(Reply(text="", reasoning="Thought: I can answer.\nAnswer: It is 4."))
    result, _ = _run(ReActAgent(tools=[ADD], llm=llm), "2 and 2?")
    assert str(result) == "It is 4."
    assert len(gateway.requests) == 1


def test_agent_workflow_picks_the_function_agent(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM]) -> None:
    """AgentWorkflow takes FunctionAgent by itself, also for the default model and for unknown ones."""
    for model in ("kilo/auto", "some-lab/unknown"):
        workflow = AgentWorkflow.from_tools_or_functions([add], llm=make_llm(model=model))
        assert isinstance(next(iter(workflow.agents.values())), FunctionAgent)
    result, _ = _run(AgentWorkflow.from_tools_or_functions([add], llm=make_llm()), "What is 20 plus 22?")
    assert "42" in str(result)


def test_agents_hand_off(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """One agent hands the conversation to another."""
    handoff = {"to_agent": "adder", "reason": "numbers"}
    gateway.enqueue(
        Reply(tool_calls=[{"name": "handoff", "arguments": handoff}]),
        Reply(tool_calls=[{"name": "add", "arguments": {"a": 1, "b": 2}}]),
        Reply(text="It is 3."),
    )
    agents: list[Any] = [
        FunctionAgent(name="host", description="Talks.", tools=[WEATHER], llm=llm, can_handoff_to=["adder"]),
        FunctionAgent(name="adder", description="Adds.", tools=[ADD], llm=llm),
    ]
    result, _ = _run(AgentWorkflow(agents=agents, root_agent="host"), "1 and 2?")
    assert str(result) == "It is 3."
    assert result.current_agent_name == "adder"


def test_code_act_agent(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """CodeActAgent runs the code that the model writes."""
    gateway.enqueue(Reply(text="<execute>\nprint(add(1, 2))\n</execute>"), Reply(text="It is 3."))
    ran: list[str] = []

    async def execute(code: str) -> str:
        ran.append(code)
        return "3"

    result, _ = _run(CodeActAgent(code_execute_fn=execute, tools=[add], llm=llm), "1 and 2?")
    assert str(result) == "It is 3."
    assert ran == ["print(add(1, 2))"]


class Sum(BaseModel):
    """A sum."""

    total: int


def test_agent_with_an_output_class(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM]) -> None:
    """An agent with an output class ends with an instance of it."""
    gateway.enqueue(Reply(text="It is 3."), Reply(text='{"total": 3}'))
    agent = FunctionAgent(tools=[ADD], llm=make_llm(model="openai/gpt-5.2"), output_cls=Sum)
    result, _ = _run(agent, "1 and 2?")
    assert result.get_pydantic_model(Sum) == Sum(total=3)


def test_memory_and_context_across_runs(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """The turns of one run, with calls and results, are the history of the next."""
    call = {"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_1"}
    gateway.enqueue(Reply(tool_calls=[call], reasoning="hm"), Reply(text="It is 3."), Reply(text="Yes."))
    agent = FunctionAgent(tools=[ADD], llm=llm)
    memory = ChatMemoryBuffer.from_defaults(llm=llm)

    async def run() -> None:
        context = Context(agent)
        await agent.run("add 1 and 2", ctx=context, memory=memory)
        await agent.run("sure?", ctx=context, memory=memory)

    asyncio.run(run())
    messages = gateway.requests[-1].body["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert messages[1]["tool_calls"][0]["id"] == messages[2]["tool_call_id"] == "call_1"
    assert messages[1]["reasoning_details"]


def test_return_direct(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """A tool whose result is the answer ends the run."""
    direct = FunctionTool.from_defaults(weather, return_direct=True)
    gateway.enqueue(Reply(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}}]))
    result, _ = _run(FunctionAgent(tools=[direct], llm=llm), "Oslo?")
    assert str(result) == "It is sunny in Oslo."


def test_chat_history_with_system_prompt(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """An agent's system prompt and a given history are sent in order."""
    gateway.enqueue(Reply(text="ok"))
    agent = FunctionAgent(tools=[ADD], llm=llm, system_prompt="Be brief.")
    history = [ChatMessage(role="user", content="one"), ChatMessage(role="assistant", content="two")]
    _run(agent, "three", chat_history=history)
    assert [message["content"] for message in gateway.requests[-1].body["messages"]] == [
        "Be brief.",
        "one",
        "two",
        "three",
    ]
