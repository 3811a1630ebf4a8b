"""Chunks that hold text only, as most chunks of a stream do: copies of one that LangChain's constructors made.

The plain way is `ChatGenerationChunk(message=KiloMessageChunk(content=text, response_metadata=metadata))`. It costs
two validations, most of what a chunk costs here. `test_text_chunks.py` holds every field of a copy equal to it; a field
that LangChain adds is in the chunk that is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.outputs import ChatGenerationChunk

from langchain_kilo.chunks import KiloMessageChunk

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")

_set = object.__setattr__  # pydantic's own would look at each attribute


class TextChunks:
    """Makes the chunks of one stream, whose message metadata are the same on each."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        self._model = ChatGenerationChunk(message=KiloMessageChunk(content="text", response_metadata=metadata))
        self._message = self._model.message
        self._containers = [name for name, value in vars(self._message).items() if isinstance(value, (list, dict))]

    def make(self, text: str) -> ChatGenerationChunk:
        """Return a chunk with this text, which shares no container with another."""
        fields = self._message.__dict__.copy()
        fields["content"] = text
        for name in self._containers:
            fields[name] = fields[name].copy()
        message = _copy(self._message, fields)
        return _copy(self._model, {**self._model.__dict__, "text": text, "message": message})


def _copy(model: M, fields: dict[str, Any]) -> M:
    """Return an object of the model's class with these fields, and its state otherwise."""
    made = object.__new__(type(model))
    _set(made, "__dict__", fields)
    _set(made, "__pydantic_fields_set__", model.__pydantic_fields_set__.copy())
    extra, private = model.__pydantic_extra__, model.__pydantic_private__
    _set(made, "__pydantic_extra__", None if extra is None else extra.copy())
    _set(made, "__pydantic_private__", None if private is None else private.copy())
    return made
