"""Chunks of text or of fragments of tool calls, as most of a stream are: copies of what LangChain's constructors made.

The plain way is `ChatGenerationChunk(message=KiloMessageChunk(content=text, response_metadata=metadata))`, and for
fragments `tool_call_chunks`, of which it reads each with a parser of partial JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from kilo_gateway.adapters.copies import copier
from langchain_kilo.chunks import KiloMessageChunk

if TYPE_CHECKING:
    from langchain_core.messages.tool import ToolCallChunk

    from kilo_gateway import ToolCallDelta


FRAGMENT_FIELDS = ("tool_calls", "invalid_tool_calls", "tool_call_chunks")
"""The fields of a message that its fragments decide."""


class TextChunks:
    """Makes the chunks of text of all streams, whose message metadata are the same on each."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        message = KiloMessageChunk(content="text", response_metadata=metadata)
        self._make_message = copier(message, "content")
        self._make_chunk = copier(ChatGenerationChunk(message=message), "text", "message")

    def make(self, text: str) -> ChatGenerationChunk:
        """Return a chunk with this text, which shares no container with another."""
        return self._make_chunk(text, self._make_message(text))


class ToolChunks:
    """Makes the chunks of fragments of tool calls."""

    def __init__(self, metadata: dict[str, Any]) -> None:
        fragments = [tool_call_chunk(args="text")]
        message = KiloMessageChunk(content="text", response_metadata=metadata, tool_call_chunks=fragments)
        self._make_message = copier(message, "content", *FRAGMENT_FIELDS)
        self._make_chunk = copier(ChatGenerationChunk(message=message), "text", "message")

    def make(self, text: str, deltas: list[ToolCallDelta]) -> ChatGenerationChunk | None:
        """Return the chunk of these fragments; None where LangChain's parser is needed."""
        said = read_fragments(deltas)
        return None if said is None else self._make_chunk(text, self._make_message(text, *said))


def render_fragments(deltas: list[ToolCallDelta]) -> list[ToolCallChunk]:
    """Return the fragments as LangChain has them."""
    return [tool_call_chunk(name=one.name, args=one.arguments, id=one.id, index=one.position) for one in deltas]


def read_fragments(deltas: list[ToolCallDelta]) -> tuple[list[Any], ...] | None:
    """Return FRAGMENT_FIELDS as LangChain's constructor makes them of fragments; None where its parser is needed.

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
    return calls, invalid, render_fragments(deltas)
