"""Calls that are not whole reach no tool, whatever the tool takes and whoever would run it; the model is told why."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.tools import FunctionTool
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

WRITTEN = '{"path": "/srv/data/old", "pat'
REASON = "The arguments are cut off: the JSON object does not end."
BROKEN = {"name": "remove", "arguments": WRITTEN, "id": "call_1"}
GOOD = {"name": "remove", "arguments": {"path": "/srv/x"}, "id": "call_2"}


class Remover:
    """A tool that takes anything, as those of MCP servers do, and notes what it was run with."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.tool = FunctionTool.from_defaults(self._remove, name="remove", description="Removes.")

    def _remove(self, **anything: Any) -> str:
        self.runs.append(anything)
        return "removed"


@pytest.fixture
def remover() -> Remover:
    """Return a tool that takes anything."""
    return Remover()


def answer(
    *calls: dict[str, Any], finish: str | None = "length", is_stream: bool = False, content: str | None = None
) -> Reply:
    """Return an answer with these calls, whole or as a stream."""
    wire = [
        {
            "id": call["id"],
            "index": index,
            "type": "function",
            "function": {"name": call["name"], "arguments": _text(call["arguments"])},
        }
        for index, call in enumerate(calls)
    ]
    message = {"role": "assistant", "content": content, "tool_calls": wire}
    head = {"id": "gen-1", "created": 1, "model": "lab/m"}
    if not is_stream:
        return Reply(body={**head, "choices": [{"index": 0, "message": message, "finish_reason": finish}]})
    choices = [
        {"index": 0, "delta": message, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": finish},
    ]
    events = [{**head, "object": "chat.completion.chunk", "choices": [choice]} for choice in choices]
    return Reply(events=[*events, "data: [DONE]\n\n"])


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


@pytest.mark.parametrize(
    ("arguments", "finish", "reason"),
    [
        (WRITTEN, "length", REASON),
        (WRITTEN, None, REASON),
        (WRITTEN, "tool_calls", REASON),
        ("", "length", "The answer was cut off before the arguments of this call came."),
        ("[1]", "tool_calls", "The arguments are JSON, but a list and not an object."),
        ("path=/srv", "stop", "The arguments are not JSON: Expecting value at character 0."),
    ],
)
def test_selections_of_broken_calls_name_no_tool(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, arguments: str, finish: str | None, reason: str
) -> None:
    """Whole and streamed, a call that may not be run is selected by a name that no tool has and that says why."""
    call = {**BROKEN, "arguments": arguments}
    gateway.enqueue(
        answer(call, content="Hm.", finish=finish), answer(call, content="Hm.", finish=finish, is_stream=True)
    )
    for response in (ask.chat(llm, "hi"), ask.stream(llm, "hi")[-1]):
        [selection] = llm.get_tool_calls_from_response(response)
        assert selection.tool_name == f"remove (not called: {reason.rstrip('.')})"
        assert selection.tool_kwargs == {"invalid_arguments": arguments, "reason": reason}
        assert selection.tool_id == "call_1"


@pytest.mark.parametrize("kind", [FunctionAgent, AgentWorkflow])
@pytest.mark.parametrize("streaming", [True, False])
def test_agents_run_no_broken_call(
    gateway: EmbeddedGateway, llm: KiloLLM, remover: Remover, kind: type, streaming: bool
) -> None:
    """An agent runs the whole call alone, tells the model why the other was not made, and goes on."""
    gateway.enqueue(answer(BROKEN, GOOD, is_stream=streaming), Reply(text="Done."))
    agent: Any = FunctionAgent(name="a", description="d", tools=[remover.tool], llm=llm, streaming=streaming)
    if kind is AgentWorkflow:
        agent = AgentWorkflow(agents=[agent])

    async def run() -> tuple[Any, list[Any]]:
        handler = agent.run(user_msg="Clean up.")
        events = [event async for event in handler.stream_events()]
        return await handler, events

    result, events = asyncio.run(run())
    assert str(result) == "Done."
    assert remover.runs == [{"path": "/srv/x"}]
    outputs = {event.tool_id: event.tool_output for event in events if isinstance(event, ToolCallResult)}
    assert outputs["call_1"].is_error
    assert "cut off" in outputs["call_1"].content
    sent = gateway.requests[-1].body["messages"]
    said = {one["tool_call_id"]: one["content"] for one in sent if one["role"] == "tool"}
    assert said == {
        "call_1": f"The tool was not called. {REASON} Call it again with whole arguments.",
        "call_2": "removed",
    }


def test_predict_and_call_runs_no_broken_call(
    gateway: EmbeddedGateway, llm: KiloLLM, remover: Remover, ask: Any
) -> None:
    """The prediction ends in an error that says why, raised where tool errors are to be raised."""
    gateway.enqueue(*[answer(BROKEN)] * 2, answer(BROKEN, GOOD), answer({**GOOD, "name": "delete"}))
    result = ask.call(llm, "predict_and_call", [remover.tool], user_msg="x")
    assert result.response == f"Encountered error: {REASON}"
    assert [source.is_error for source in result.sources] == [True]
    with pytest.raises(ValueError, match="cut off"):
        ask.call(llm, "predict_and_call", [remover.tool], "x", error_on_tool_error=True)
    assert remover.runs == []
    both = ask.call(llm, "predict_and_call", [remover.tool], user_msg="x", allow_parallel_tool_calls=True)
    assert both.response == f"Encountered error: {REASON}\n\nremoved"
    unknown = ask.call(llm, "predict_and_call", [remover.tool], user_msg="x")
    assert unknown.response == "Encountered error: There is no tool 'delete'. There are: 'remove'."
    assert remover.runs == [{"path": "/srv/x"}]


def test_predict_and_call_is_otherwise_as_before(
    gateway: EmbeddedGateway, llm: KiloLLM, remover: Remover, ask: Any
) -> None:
    """Whole calls are run and answered for; without a call the text is the answer, or an error is raised."""
    gateway.enqueue(answer(GOOD, finish="tool_calls"), Reply(text="No."), Reply(text="No."))
    assert ask.call(llm, "predict_and_call", [remover.tool], user_msg="x").response == "removed"
    plain = ask.call(llm, "predict_and_call", [remover.tool], user_msg="x", error_on_no_tool_call=False)
    assert (plain.response, plain.sources) == ("No.", [])
    with pytest.raises(ValueError, match="expected to call a tool"):
        ask.call(llm, "predict_and_call", [remover.tool], user_msg="x")


class Path(BaseModel):
    """A path."""

    path: str = "/"


def test_a_program_makes_nothing_of_a_broken_call(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """LlamaIndex's own program does not take a cut-off object for one with defaults."""
    gateway.enqueue(answer({**BROKEN, "name": "Path"}))
    program = FunctionCallingProgram.from_defaults(output_cls=Path, prompt_template_str="x", llm=llm)
    with pytest.raises(ValueError, match="cut off"):
        program()


def test_an_answer_of_the_callers_own_is_sent(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Whoever answers a broken call himself is taken at his word."""
    gateway.enqueue(answer(BROKEN), Reply(text="ok"))
    said = ask.chat(llm, "hi").message
    own = ChatMessage(role="tool", content="Be shorter.", additional_kwargs={"tool_call_id": "call_1"})
    ask.chat(llm, [ChatMessage(content="hi"), said, own])
    assert gateway.requests[-1].body["messages"][-1]["content"] == "Be shorter."


def test_one_call_of_a_stream_unless_several_are_allowed(
    gateway: EmbeddedGateway, llm: KiloLLM, remover: Remover, ask: Any
) -> None:
    """Of several streamed calls the first is kept, in every response, as in an answer that is not streamed."""
    reply = answer(GOOD, {**GOOD, "id": "call_3"}, is_stream=True, finish="tool_calls")
    gateway.enqueue(reply, reply, answer(GOOD, {**GOOD, "id": "call_3"}, finish="tool_calls"))
    one = ask.collect(llm, "stream_chat_with_tools", [remover.tool], user_msg="hi", allow_parallel_tool_calls=False)
    for response in one:
        calls = llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
        assert [call.tool_id for call in calls] in ([], ["call_2"])
    both = ask.collect(llm, "stream_chat_with_tools", [remover.tool], user_msg="hi", allow_parallel_tool_calls=True)
    calls = llm.get_tool_calls_from_response(both[-1])
    assert [call.tool_id for call in calls] == ["call_2", "call_3"]
    whole = ask.call(llm, "chat_with_tools", [remover.tool], user_msg="hi")
    assert one[-1].message == whole.message


def test_a_stream_with_one_call_can_be_left(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], remover: Remover
) -> None:
    """Leaving such a stream closes its connection, as with every other."""
    gateway.enqueue(Reply(text="word " * 50, event_delay_seconds=0.02, times=2))
    llm = make_llm()
    for _ in llm.stream_chat_with_tools([remover.tool], user_msg="hi"):
        break

    async def leave() -> None:
        stream = await llm.astream_chat_with_tools([remover.tool], user_msg="hi")
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(leave())
    assert gateway.wait_until(lambda: gateway.open_streams == 0)
