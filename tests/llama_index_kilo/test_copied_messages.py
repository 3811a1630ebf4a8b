"""A copied response is the response that LlamaIndex's constructors make, in every field and in every use."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatResponse
from pydantic import BaseModel

from kilo_gateway import CompletionChoice, Delta
from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.stream.accumulator import Accumulator
from llama_index_kilo.answers import parse_chat_response
from llama_index_kilo.streaming import ResponseWriter

STATE = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")

CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
MESSAGES: dict[str, dict[str, Any]] = {
    "text": {"role": "assistant", "content": "Yes. é😀"},
    "nothing": {"role": "assistant", "content": None},
    "a refusal": {"role": "assistant", "content": "", "refusal": "No."},
    "thoughts": {"role": "assistant", "content": "x", "reasoning": "Hm."},
    "a call": {"role": "assistant", "content": "", "tool_calls": [CALL]},
    "a citation": {"content": "x", "annotations": [{"type": "url_citation", "url_citation": {"url": "https://a"}}]},
    "unknown keys": {"role": "assistant", "content": "x", "more": {"a": [1]}},
}
LOGPROBS = {"content": [{"token": "x", "logprob": -0.1, "bytes": [120], "top_logprobs": []}]}


def plain(one: BaseModel) -> Any:
    """Return the object that the constructor makes of the same arguments."""
    given = {name: getattr(one, name) for name in one.model_fields_set}
    if isinstance(one, ChatResponse):
        given["message"] = plain(one.message)
    if "blocks" in given:
        given["blocks"] = [plain(block) for block in given["blocks"]]
    return type(one)(**given)


def state(one: BaseModel) -> list[Any]:
    """Return all that pydantic keeps of an object and of those in it."""
    within = [one.message, *one.message.blocks] if isinstance(one, ChatResponse) else []
    own = [type(one), one.__dict__.keys(), {name: type(value) for name, value in one.__dict__.items()}]
    return [*own, *(getattr(one, name) for name in STATE), *map(state, within)]


def check(made: ChatResponse) -> None:
    """Fail unless a response is what the constructors make."""
    expected = plain(made)
    assert made == expected
    assert state(made) == state(expected)
    assert made.model_dump() == expected.model_dump()
    assert repr(made) == repr(expected)
    for other in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made)), made.model_copy(deep=True)):
        assert other == expected


@pytest.mark.parametrize("logprobs", [None, LOGPROBS])
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_whole_response_equals_the_plain_one(message: dict[str, Any], logprobs: Any) -> None:
    """A whole answer is what the constructors would make of it."""
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": logprobs}
    usage = {"prompt_tokens": 1, "completion_tokens": 2}
    check(parse_chat_response(parse_completion({"id": "gen-1", "choices": [choice], "usage": usage})))


def deltas_of(message: dict[str, Any]) -> list[Delta]:
    """Return the deltas of a stream that sends a message at once, and text behind it."""
    accumulator = Accumulator()
    chunks = [{"id": "gen-1", "choices": [{"index": 0, "delta": delta}]} for delta in (message, {"content": " more"})]
    return [delta for chunk in chunks for delta in accumulator.add(chunk)]


def test_text_alone_is_the_response_that_looking_for_more_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The response of a message of one text is the one that looking for pictures, calls and the rest makes."""
    for message in ({"content": "Yes."}, {"role": "assistant", "content": "", "refusal": None}):
        body = {"choices": [{"message": message, "finish_reason": "stop"}]}
        short = parse_chat_response(parse_completion(body))
        with monkeypatch.context() as patched:
            patched.setattr(CompletionChoice, "is_text_alone", False)
            assert parse_chat_response(parse_completion(body)) == short


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_snapshot_equals_the_plain_one(message: dict[str, Any]) -> None:
    """A response in mid-stream is what the constructors would make of it."""
    writer = ResponseWriter()
    for delta in deltas_of(message):
        check(writer.add(delta))


def containers(one: Any) -> list[int]:
    """Return the identities of all lists and dicts that pydantic keeps in a response."""
    levels = [one, one.message, *one.message.blocks]
    values = [value for level in levels for value in (*vars(level).values(), level.__pydantic_fields_set__)]
    return [id(value) for value in values if isinstance(value, (list, dict, set))]


def test_responses_share_nothing() -> None:
    """Who changes one response, or its message, changes no other."""
    writer = ResponseWriter()
    streamed = [writer.add(delta) for delta in deltas_of(MESSAGES["text"])]
    body = {"choices": [{"message": MESSAGES["text"], "finish_reason": "stop"}]}
    whole = [parse_chat_response(parse_completion(body)) for _ in range(2)]
    everything = [identity for one in (*streamed, *whole) for identity in containers(one)]
    assert len(everything) == len(set(everything))
