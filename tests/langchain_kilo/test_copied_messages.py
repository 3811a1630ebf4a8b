"""A copied message is the message that LangChain's constructors make, in every field and in every use."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from kilo_gateway.answer.completion import parse_completion
from langchain_kilo.answers import generation_info, late_kwargs, llm_output, parse_result, response_metadata
from langchain_kilo.answers import usage_metadata as usage_of

STATE = ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 2},
    "cost": 0.001,
}
MESSAGES: dict[str, dict[str, Any]] = {
    "text": {"role": "assistant", "content": "Yes."},
    "nothing": {"role": "assistant", "content": None, "refusal": None, "reasoning": None},
    "a refusal": {"role": "assistant", "content": "", "refusal": "No."},
    "parts": {"role": "assistant", "content": [{"type": "text", "text": "é😀"}]},
    "unknown keys": {"role": "assistant", "content": "x", "more": {"a": [1]}},
}


def body_of(*messages: dict[str, Any], usage: Any = None) -> dict[str, Any]:
    """Return the body of an answer with a choice for each message."""
    choices = [{"index": index, "message": message, "finish_reason": "stop"} for index, message in enumerate(messages)]
    return {"id": "gen-1", "model": "a/b", "choices": choices, "usage": usage}


def plain_result(body: dict[str, Any]) -> ChatResult:
    """Return the result made in the plain way."""
    completion = parse_completion(body, requested_model="a/b")
    generations = []
    for place, choice in enumerate(completion.choices):
        metadata = response_metadata(completion, place)
        message = AIMessage(
            content=choice.text,
            additional_kwargs=late_kwargs(metadata),
            response_metadata=metadata,
            tool_calls=[],
            invalid_tool_calls=[],
            usage_metadata=usage_of(completion.usage),
        )
        generations.append(ChatGeneration(message=message, generation_info=generation_info(metadata)))
    return ChatResult(generations=generations, llm_output=llm_output(completion))


def state(one: Any) -> list[Any]:
    """Return what pydantic keeps of an object beside its fields."""
    return [getattr(one, name) for name in STATE]


@pytest.mark.parametrize("usage", [None, USAGE], ids=["no usage", "usage"])
@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_the_same_fields(message: dict[str, Any], usage: Any) -> None:
    """Class, fields in their order, set fields, extra and private state are those of the constructors."""
    body = body_of(message, MESSAGES["text"], usage=usage)
    made, wanted = parse_result(parse_completion(body, requested_model="a/b")), plain_result(body)
    assert made == wanted
    for one, other in zip(made.generations, wanted.generations, strict=True):
        assert (type(one), type(one.message)) == (type(other), type(other.message))
        assert (list(vars(one)), list(vars(one.message))) == (list(vars(other)), list(vars(other.message)))
        assert (state(one), state(one.message)) == (state(other), state(other.message))
        assert (one.text, one.message.text) == (other.text, other.message.text)
        assert list(vars(one.message).values()) == list(vars(other.message).values())


def test_the_same_uses() -> None:
    """Dumps, copies, pickles, blocks and setting a field do what they do to a message of the constructors."""
    body = body_of(MESSAGES["text"], usage=USAGE)
    [made] = parse_result(parse_completion(body, requested_model="a/b")).generations
    [wanted] = plain_result(body).generations
    assert dumpd(made) == dumpd(wanted)
    assert made.model_dump() == wanted.model_dump()
    assert repr(made) == repr(wanted)
    assert made.message.content_blocks == wanted.message.content_blocks
    for again in (copy.deepcopy(made), made.model_copy(), pickle.loads(pickle.dumps(made))):
        assert again == wanted
    made.message.id = wanted.message.id = "run-1"
    assert state(made.message) == state(wanted.message)


def test_nothing_is_shared() -> None:
    """What is added to one message is in no other."""
    body = body_of(MESSAGES["text"], usage=USAGE)
    first = parse_result(parse_completion(body, requested_model="a/b")).generations[0]
    for value in vars(first.message).values():
        if isinstance(value, dict):
            value["more"] = 1
        elif isinstance(value, list):
            value.append("more")
    first.message.__pydantic_fields_set__.add("more")
    [second] = parse_result(parse_completion(body, requested_model="a/b")).generations
    assert second == plain_result(body).generations[0]
    assert state(second.message) == state(plain_result(body).generations[0].message)
