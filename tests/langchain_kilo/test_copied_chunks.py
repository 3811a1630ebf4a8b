"""A copied chunk is the chunk that LangChain's constructors make, in every field and in every use."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from langchain_core.load import dumpd
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from kilo_gateway.answer.tool_calls import ToolCallDelta
from langchain_kilo.chunks import KiloMessageChunk
from langchain_kilo.copied_chunks import TextChunks, ToolChunks

METADATA = {"model_provider": "kilo"}
STATE = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")


def plain(text: str) -> ChatGenerationChunk:
    """Return the chunk made in the plain way."""
    return ChatGenerationChunk(message=KiloMessageChunk(content=text, response_metadata=METADATA))


def state(one: Any) -> dict[str, Any]:
    """Return all that pydantic keeps of an object."""
    return {name: getattr(one, name) for name in STATE}


@pytest.mark.parametrize("text", ["", "Yes.", "é😀\n", "x" * 10_000])
def test_the_same_fields(text: str) -> None:
    """Class, fields in their order, set fields, extra and private state are those of the constructors."""
    made, wanted = TextChunks(METADATA).make(text), plain(text)
    assert (type(made), type(made.message)) == (type(wanted), type(wanted.message))
    assert list(vars(made.message)) == list(vars(wanted.message))
    assert list(vars(made)) == list(vars(wanted))
    assert state(made.message) == state(wanted.message)
    assert state(made) | {"__dict__": None} == state(wanted) | {"__dict__": None}
    assert made == wanted
    assert (made.text, made.message.content) == (text, text)


def test_the_same_uses() -> None:
    """Sums, dumps, copies, pickles and setting a field do what they do to a chunk of the constructors."""
    chunks = TextChunks(METADATA)
    made, wanted = chunks.make("a"), plain("a")
    assert made + chunks.make("b") == wanted + plain("b")
    assert dumpd(made) == dumpd(wanted)
    assert made.model_dump() == wanted.model_dump()
    assert repr(made) == repr(wanted)
    for again in (copy.deepcopy(made), made.model_copy(), pickle.loads(pickle.dumps(made))):
        assert again == wanted
    made.message.id = wanted.message.id = "run-1"
    assert state(made.message) == state(wanted.message)


def test_nothing_is_shared() -> None:
    """What is added to one chunk, or to the metadata that were given, is in no other."""
    metadata = dict(METADATA)
    chunks = TextChunks(metadata)
    first, second = chunks.make("a"), chunks.make("b")
    for name, value in vars(first.message).items():
        if isinstance(value, dict):
            value["more"] = 1
        elif isinstance(value, list):
            value.append(name)
    first.message.__pydantic_fields_set__.add("more")
    metadata["more"] = "1"
    assert second == plain("b")
    assert state(chunks.make("c").message) == state(plain("c").message)


FRAGMENTS = {
    "nothing": [("c", "f", "")],
    "a piece": [(None, None, ', "a"')],
    "a name and a piece": [("c", "f", "[1")],
    "two calls": [("c", "f", ""), (None, None, "1}")],
}


def with_fragments(text: str, fragments: list[tuple[str | None, str | None, str]]) -> ChatGenerationChunk:
    """Return the chunk of fragments made in the plain way."""
    pieces = [
        tool_call_chunk(id=id_, name=name, args=args, index=place) for place, (id_, name, args) in enumerate(fragments)
    ]
    return ChatGenerationChunk(
        message=KiloMessageChunk(content=text, response_metadata=METADATA, tool_call_chunks=pieces)
    )


def deltas_of(fragments: list[tuple[str | None, str | None, str]]) -> list[ToolCallDelta]:
    """Return the fragments as the core has them."""
    return [ToolCallDelta(place, *fragment) for place, fragment in enumerate(fragments)]


@pytest.mark.parametrize("fragments", FRAGMENTS.values(), ids=FRAGMENTS)
@pytest.mark.parametrize("text", ["", "Yes."])
def test_fragments_have_the_same_fields(text: str, fragments: list[tuple[str | None, str | None, str]]) -> None:
    """A chunk of fragments is that of the constructors in every field, set ones included, and in a sum."""
    made, wanted = ToolChunks(METADATA).make(text, deltas_of(fragments)), with_fragments(text, fragments)
    assert made is not None
    assert made == wanted
    assert list(vars(made.message)) == list(vars(wanted.message))
    assert state(made.message) == state(wanted.message)
    assert state(made) | {"__dict__": None} == state(wanted) | {"__dict__": None}
    assert made + made == wanted + wanted
    assert repr(made) == repr(wanted)


def test_fragments_that_begin_an_object_are_left_to_langchain() -> None:
    """Only its parser of partial JSON knows what it reads in those."""
    assert ToolChunks(METADATA).make("", deltas_of([("c", "f", ' {"a"')])) is None


def test_chunks_of_fragments_share_nothing() -> None:
    """What is added to one chunk of fragments is in no other."""
    chunks, fragments = ToolChunks(METADATA), FRAGMENTS["two calls"]
    first = chunks.make("", deltas_of(fragments))
    assert first is not None
    for value in vars(first.message).values():
        if isinstance(value, dict):
            value["more"] = 1
        elif isinstance(value, list):
            value.clear()
    assert chunks.make("", deltas_of(fragments)) == with_fragments("", fragments)
