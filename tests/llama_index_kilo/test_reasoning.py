"""Reasoning: read from every place, sent back byte for byte, and taken for the answer where there is no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, TextBlock, ThinkingBlock
from llama_index.core.memory import Memory
from llama_index.core.tools import FunctionTool
from sqlalchemy.ext.asyncio import create_async_engine

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # LlamaIndex's agents

DETAILS = [
    {
        "type": "reasoning.text",
        "text": "First I think. ",
        "signature": "EqoBCkgIARABGAIiQL8+/=\\n",
        "format": "anthropic-claude-v1",
        "index": 0,
    },
    {"type": "reasoning.encrypted", "data": "gAAAAABo+/==", "id": "rs_1", "format": "openai-responses-v1", "index": 1},
    {"type": "reasoning.future", "anything": {"nested": [1, 2.5, None]}, "index": 2},
]
CALL = {"name": "add", "arguments": {"a": 1, "b": 2}, "id": "call_1"}


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _stream_of(*deltas: dict[str, Any]) -> Reply:
    chunk = {"id": "gen-1", "model": "m", "object": "chat.completion.chunk"}
    events: list[Any] = [{**chunk, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({**chunk, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]})
    return Reply(events=[*events, "data: [DONE]\n\n"])


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_no_reasoning_delta_is_lost(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, key: str) -> None:
    """Every piece of reasoning arrives, also the first one, whose content is null, sync and async alike."""
    gateway.enqueue(
        _stream_of(
            {"role": "assistant", "content": None, key: "one "},
            {"content": None, key: "two "},
            {"content": "", key: "three"},
            {"content": "answer"},
        )
    )
    responses = ask.stream(llm, "hi")
    pieces = [response.additional_kwargs.get("thinking_delta") for response in responses]
    assert [piece for piece in pieces if piece] == ["one ", "two ", "three"]
    last = responses[-1]
    assert [type(block) for block in last.message.blocks] == [ThinkingBlock, TextBlock]
    assert last.message.blocks[0].content == "one two three"
    assert last.additional_kwargs["reasoning"] == "one two three"
    assert last.message.content == "answer"


def test_reasoning_is_a_block_and_metadata(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Reasoning is a ThinkingBlock with its tokens, and under additional_kwargs, streamed or not."""
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 9,
        "total_tokens": 10,
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    gateway.enqueue(Reply(text="4", reasoning="2 and 2", reasoning_details=DETAILS, usage=usage, times=2))
    for response in (ask.chat(llm, "hi"), ask.stream(llm, "hi")[-1]):
        thinking = response.message.blocks[0]
        assert isinstance(thinking, ThinkingBlock)
        assert (thinking.content, thinking.num_tokens) == ("First I think. ", 5)
        assert thinking.additional_information["reasoning_details"] == DETAILS
        assert response.additional_kwargs["reasoning_details"] == DETAILS


def test_reasoning_after_content(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Reasoning that comes after the text is kept, in front of it."""
    gateway.enqueue(_stream_of({"content": "answer"}, {"content": "", "reasoning": "late"}))
    last = ask.stream(llm, "hi")[-1]
    assert [block.block_type for block in last.message.blocks] == ["thinking", "text"]
    assert last.message.blocks[0].content == "late"


@pytest.mark.parametrize("streams", [False, True])
def test_details_go_back_byte_for_byte(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, streams: bool) -> None:
    """Reasoning_details go back unchanged with the message, also after it was written as JSON and read again."""
    gateway.enqueue(Reply(text="", reasoning_details=DETAILS, tool_calls=[CALL]), Reply(text="ok", times=2))
    answer = (ask.stream(llm, "hi")[-1] if streams else ask.chat(llm, "hi")).message
    stored = ChatMessage.model_validate_json(answer.model_dump_json())
    result = ChatMessage(role="tool", content="3", additional_kwargs={"tool_call_id": "call_1"})
    for message in (answer, stored):
        ask.chat(llm, [ChatMessage(content="hi"), message, result])
        sent = gateway.requests[-1].body["messages"][1]
        assert sent["reasoning_details"] == DETAILS
        assert [list(entry) for entry in sent["reasoning_details"]] == [list(entry) for entry in DETAILS]
        assert "reasoning" not in sent


def test_through_memory(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Reasoning_details survive LlamaIndex's memory."""
    gateway.enqueue(Reply(text="hello", reasoning_details=DETAILS), Reply(text="ok"))
    answer = ask.chat(llm, "hi").message

    async def remember() -> list[ChatMessage]:
        engine = create_async_engine("sqlite+aiosqlite:///:memory:")
        memory = Memory.from_defaults(session_id="s", token_limit=40_000, async_engine=engine)
        await memory.aput_messages([ChatMessage(content="hi"), answer, ChatMessage(content="and?")])
        remembered = await memory.aget()
        await engine.dispose()
        return remembered

    ask.chat(llm, asyncio.run(remember()))
    assert gateway.requests[-1].body["messages"][1]["reasoning_details"] == DETAILS


@pytest.mark.parametrize("streams", [False, True])
def test_inside_a_tool_loop(gateway: EmbeddedGateway, llm: KiloLLM, streams: bool) -> None:
    """FunctionAgent sends the reasoning of a turn back with the results of its tools."""
    gateway.enqueue(
        Reply(text="", reasoning="First I think. ", reasoning_details=DETAILS, tool_calls=[CALL]),
        Reply(text="It is 3."),
    )
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(add)], llm=llm, streaming=streams)

    async def run() -> str:
        return str(await agent.run("add 1 and 2"))

    assert asyncio.run(run()) == "It is 3."
    assistant = gateway.requests[-1].body["messages"][-2]
    assert assistant["reasoning_details"] == DETAILS
    assert assistant["tool_calls"][0]["id"] == "call_1"


def test_plain_reasoning_goes_back_as_text(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Reasoning without details goes back as text: some models refuse a history without it."""
    gateway.enqueue(Reply(text="ok"))
    thought = ChatMessage(role="assistant", blocks=[ThinkingBlock(content="hm"), TextBlock(text="yes")])
    ask.chat(llm, [ChatMessage(content="hi"), thought, ChatMessage(content="sure?")])
    assert gateway.requests[-1].body["messages"][1] == {"role": "assistant", "content": "yes", "reasoning": "hm"}


def test_details_in_additional_kwargs_are_taken(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """reasoning_details that an application keeps in additional_kwargs are sent too."""
    gateway.enqueue(Reply(text="ok"))
    message = ChatMessage(role="assistant", content="yes", additional_kwargs={"reasoning_details": DETAILS})
    ask.chat(llm, [ChatMessage(content="hi"), message, ChatMessage(content="sure?")])
    assert gateway.requests[-1].body["messages"][1]["reasoning_details"] == DETAILS


def test_reasoning_only_answer_is_the_answer(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A finished answer that is all reasoning becomes text as well, in all eight entry points, and says so."""
    gateway.enqueue(Reply(text="", reasoning="The answer is 4.", times=4))
    for name, response in ask.every(llm, "hi"):
        text = response.message.content if name.endswith("chat") else response.text
        assert text == "The answer is 4."
        assert response.additional_kwargs["text_source"] == "reasoning"
    gateway.enqueue(Reply(text="", reasoning="The answer is 4."))
    assert "".join(response.delta for response in ask.stream(llm, "hi")) == "The answer is 4."


@pytest.mark.parametrize("finish_reason", ["length", "tool_calls"])
def test_unfinished_reasoning_is_no_answer(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, finish_reason: str
) -> None:
    """Reasoning that was cut off, or that led to a tool call, is not taken for the answer."""
    calls = [CALL] if finish_reason == "tool_calls" else []
    gateway.enqueue(Reply(text="", reasoning="Let me", tool_calls=calls, finish_reason=finish_reason, times=2))
    for response in (ask.chat(llm, "hi"), ask.stream(llm, "hi")[-1]):
        assert not response.message.content
        assert "text_source" not in response.additional_kwargs


def test_function_agent_returns_the_reasoning(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """FunctionAgent ends with the text of a reasoning-only answer instead of nothing."""
    gateway.enqueue(Reply(text="", reasoning="The answer is 4."))
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(add)], llm=llm)

    async def run() -> str:
        return str(await agent.run("2 and 2?"))

    assert asyncio.run(run()) == "The answer is 4."


def test_details_that_are_no_list_are_refused(llm: KiloLLM, ask: Any) -> None:
    """`reasoning_details` that would make the gateway fail are refused here."""
    message = ChatMessage(role="assistant", content="yes", additional_kwargs={"reasoning_details": "text"})
    with pytest.raises(InvalidRequestError, match="reasoning_details"):
        ask.chat(llm, [ChatMessage(content="hi"), message])
