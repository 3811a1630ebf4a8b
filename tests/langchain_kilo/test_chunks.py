"""Sums of streamed chunks: however they are made, kept and loaded, a cut-off call stays one; reasoning stands once."""

from __future__ import annotations

import copy
import json
import pickle
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.load import dumps, load, loads
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.messages.tool import tool_call_chunk
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph.message import add_messages

from kilo_gateway.testing import Reply
from kilo_gateway.tool_arguments import parse_arguments
from langchain_kilo.chunks import KiloMessageChunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

pytestmark = pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")

WRITTEN = '{"city": "Os'
CUT_OFF = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": WRITTEN}}
WHOLE = {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
REASON = "The arguments are cut off: the JSON object does not end."
INVALID = {"type": "invalid_tool_call", "name": "weather", "args": WRITTEN, "id": "c1", "error": REASON}
THOUGHT = "Let me think about it. " * 5000
DETAILS = [{"type": "reasoning.text", "text": THOUGHT, "signature": "c2lnbmVk", "index": 0}]


def chunks(*, finish: str | None = "length", calls: tuple[dict[str, Any], ...] = (WHOLE, CUT_OFF)) -> list[Any]:
    """Return the chunks of a stream with these calls, each call in two pieces."""
    made: list[AIMessageChunk] = [KiloMessageChunk(content="I look.", response_metadata={"model_provider": "kilo"})]
    for index, call in enumerate(calls):
        name, text = call["function"]["name"], call["function"]["arguments"]
        pieces = [
            tool_call_chunk(name=name, args=text[:5], id=call["id"], index=index),
            tool_call_chunk(name=None, args=text[5:], id=None, index=index),
        ]
        made += [KiloMessageChunk(content="", tool_call_chunks=[piece]) for piece in pieces]
    metadata = {"finish_reason": finish} if finish else {}
    return [*made, KiloMessageChunk(content="", response_metadata=metadata, chunk_position="last")]


SUMS: dict[str, Callable[[list[Any]], Any]] = {
    "one by one": lambda made: reduce(add, made),
    "all at once": lambda made: made[0] + made[1:],
    "from an empty chunk of LangChain's": lambda made: reduce(add, made, AIMessageChunk(content="")),
    "two halves": lambda made: (made[0] + made[1:3]) + (made[3] + made[4:]),
    "LangChain's own function": lambda made: add_ai_message_chunks(*made),
}

WAYS: dict[str, Callable[[Any], Any]] = {
    "as it is": lambda total: total,
    "as a message": message_chunk_to_message,
    "copied": copy.deepcopy,
    "pickled": lambda total: pickle.loads(pickle.dumps(total)),
    "dumped": lambda total: loads(dumps(total), allowed_objects="messages"),
    "as dicts": lambda total: messages_from_dict(json.loads(json.dumps(messages_to_dict([total]))))[0],
    "in a checkpoint": lambda total: JsonPlusSerializer().loads_typed(JsonPlusSerializer().dumps_typed(total)),
    "in the messages of a graph": lambda total: add_messages([], [total])[0],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", SUMS)
def test_a_cut_off_call_stays_cut_off(how: str, way: str) -> None:
    """In every sum and every store the call holds what the model wrote, says why it is invalid, and cannot be run."""
    found = WAYS[way](SUMS[how](chunks()))
    assert [call["args"] for call in found.tool_calls] == [{"city": "Rome"}]
    assert [dict(call) for call in found.invalid_tool_calls] == [INVALID]


@pytest.mark.parametrize("how", SUMS)
def test_a_sum_of_whole_calls_is_langchains_own(how: str) -> None:
    """Where nothing is invalid, stores meet a plain chunk, with the calls that LangChain would find in it."""
    total = SUMS[how](chunks(finish="tool_calls", calls=(WHOLE,)))
    if how != "LangChain's own function":
        assert type(total) is AIMessageChunk
    assert total.tool_calls == [{"type": "tool_call", "name": "weather", "args": {"city": "Rome"}, "id": "c0"}]
    assert message_chunk_to_message(total).tool_calls == total.tool_calls


def test_chunks_and_parts_of_a_sum_are_seen_as_langchains() -> None:
    """One chunk, and the sum of a stream left early, are shown, loaded and made messages as LangChain's are."""
    made = chunks()
    for one in (made[0], made[0] + made[1]):
        assert repr(one).startswith("AIMessageChunk(")
        assert type(load(json.loads(dumps(one)), allowed_objects="messages")) is AIMessageChunk
        assert type(message_chunk_to_message(one)) is AIMessage
    assert [call["args"] for call in (made[0] + made[1:3]).tool_calls] == [{"city": "Rome"}]


@settings(deadline=None)
@given(st.text(alphabet='{}[]":,\\ au1\n', max_size=30), st.sampled_from(["stop", "length", "tool_calls", None]))
def test_no_text_becomes_another_call(arguments: str, finish: str | None) -> None:
    """Whatever came as arguments, the sum is a call of exactly that JSON object, or an invalid one with that text."""
    call = {"id": "c1", "function": {"name": "f", "arguments": arguments}}
    total = reduce(add, chunks(finish=finish, calls=(call,)))
    if total.tool_calls:
        assert total.tool_calls[0]["args"] == parse_arguments(arguments)
    else:
        assert [bad["args"] for bad in total.invalid_tool_calls] == [arguments]


@pytest.mark.parametrize("mode", ["invoke", "stream", "streaming"])
def test_reasoning_is_held_once(mode: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Text and details of the reasoning stand once each in a dump, and every documented name answers."""
    gateway.enqueue(Reply(text="Yes.", reasoning=THOUGHT, reasoning_details=DETAILS), Reply(text="ok"))
    model = make(streaming=True if mode == "streaming" else None)
    asked = HumanMessage("Is it?")
    message = reduce(add, model.stream([asked])) if mode == "stream" else model.invoke([asked])
    for text in (message.model_dump_json(), dumps(message), json.dumps(messages_to_dict([message]))):
        assert text.count(THOUGHT) == 2
    assert (message.response_metadata["reasoning"], message.response_metadata["reasoning_details"]) == (
        THOUGHT,
        DETAILS,
    )
    if mode != "streaming":
        assert message.additional_kwargs["reasoning_content"] == THOUGHT
        assert message.additional_kwargs.get("reasoning_details") == DETAILS
    again = loads(dumps(message), allowed_objects="messages")
    for one in (message, again, message_chunk_to_message(message)):
        assert one.content_blocks[0] == {"type": "reasoning", "reasoning": THOUGHT}
    model.invoke([asked, again, asked])
    sent = gateway.requests[-1].body["messages"][1]
    assert sent["reasoning_details"] == DETAILS
    assert "reasoning" not in sent


def test_redacted_reasoning_is_gone(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Whoever replaces the two places of the reasoning has replaced it in the next request and in every dump."""
    gateway.enqueue(Reply(text="Yes.", reasoning=THOUGHT, reasoning_details=DETAILS), Reply(text="ok"))
    model = make()
    message = model.invoke("Is it?")
    message.response_metadata |= {"reasoning": "***", "reasoning_details": []}
    assert "Let me think" not in dumps(message)
    model.invoke([HumanMessage("Is it?"), message, HumanMessage("Really?")])
    assert "Let me think" not in json.dumps(gateway.requests[-1].body)


def test_each_chunk_tells_its_own_reasoning(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Reasoning is read from `additional_kwargs` of each chunk as it comes, and not once more from the last."""
    gateway.enqueue(Reply(text="Yes.", reasoning="Let me think."))
    told = [one.additional_kwargs.get("reasoning_content", "") for one in make().stream("Is it?")]
    assert "".join(told) == "Let me think."
    assert told[-1] == ""
