"""Chunks of text or of fragments of tool calls, as most of a stream are: copies of what LangChain's constructors made.

The plain way is `ChatGenerationChunk(message=KiloMessageChunk(content=text, response_metadata=metadata))`, and for
fragments `tool_call_chunks`. It costs two validations, most of what a chunk costs here, and for fragments a parser of
partial JSON. `test_copied_chunks.py` holds every field of a copy equal to it; a field that LangChain adds is in the
chunk that is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from langchain_kilo.chunks import KiloMessageChunk

if TYPE_CHECKING:
    from langchain_core.messages.tool import ToolCallChunk
    from pydantic import BaseModel

    from kilo_gateway import ToolCallDelta

M = TypeVar("M", bound="BaseModel")

_set = object.__setattr__  # pydantic's own would look at each attribute


class TextChunks:
    """Makes the chunks of text of all streams, whose message metadata are the same on each."""

    def __init__(self, metadata: dict[str, Any], **fields: Any) -> None:
        message = KiloMessageChunk(content="text", response_metadata=metadata, **fields)
        self._model = ChatGenerationChunk(message=message)
        self._message = self._model.message
        self._containers = [name for name, value in vars(self._message).items() if isinstance(value, (list, dict))]

    def make(self, text: str) -> ChatGenerationChunk:
        """Return a chunk with this text, which shares no container with another."""
        return self._make({"content": text})

    def _make(self, said: dict[str, Any]) -> ChatGenerationChunk:
        fields = self._message.__dict__.copy()
        for name in self._containers:
            fields[name] = fields[name].copy()
        fields.update(said)
        message = _copy(self._message, fields)
        return _copy(self._model, {**self._model.__dict__, "text": said["content"], "message": message})


class ToolChunks(TextChunks):
    """Makes the chunks of fragments of tool calls."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        super().__init__(metadata, tool_call_chunks=[tool_call_chunk(args="text")])

    def make_tools(self, text: str, deltas: list[ToolCallDelta]) -> ChatGenerationChunk | None:
        """Return the chunk of these fragments; None where LangChain's parser is needed."""
        said = read_fragments(deltas)
        return None if said is None else self._make({"content": text, **said})


def render_fragments(deltas: list[ToolCallDelta]) -> list[ToolCallChunk]:
    """Return the fragments as LangChain has them."""
    return [tool_call_chunk(name=one.name, args=one.arguments, id=one.id, index=one.position) for one in deltas]


def read_fragments(deltas: list[ToolCallDelta]) -> dict[str, list[Any]] | None:
    """Return the fields of a message that LangChain's constructor makes of fragments; None where its parser is needed.

    Its parser of partial JSON runs over each fragment, which costs more than all the rest. What it finds is known for
    every fragment that does not begin an object: nothing is a call without arguments, anything else is invalid.
    """
    calls: list[Any] = []
    invalid: list[Any] = []
    for one in deltas:
        if not one.arguments:
            calls.append(tool_call(name=one.name or "", args={}, id=one.id))
        elif one.arguments.lstrip().startswith("{"):
            return None
        else:
            invalid.append(invalid_tool_call(name=one.name, args=one.arguments, id=one.id, error=None))
    return {"tool_calls": calls, "invalid_tool_calls": invalid, "tool_call_chunks": render_fragments(deltas)}


def _copy(model: M, fields: dict[str, Any]) -> M:
    """Return an object of the model's class with these fields, and its state otherwise."""
    made = object.__new__(type(model))
    _set(made, "__dict__", fields)
    _set(made, "__pydantic_fields_set__", model.__pydantic_fields_set__.copy())
    extra, private = model.__pydantic_extra__, model.__pydantic_private__
    _set(made, "__pydantic_extra__", None if extra is None else extra.copy())
    _set(made, "__pydantic_private__", None if private is None else private.copy())
    return made
