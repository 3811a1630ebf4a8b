"""Deltas of the core -> message chunks of LangChain. Every fact is stated once, so that adding chunks changes none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.outputs import ChatGenerationChunk

from langchain_kilo.answers import PROVIDER, generation_info, late_kwargs, response_metadata, usage_metadata
from langchain_kilo.chunks import ORDER_KEY, KiloMessageChunk
from langchain_kilo.copied_chunks import FRAGMENT_FIELDS, TextChunks, ToolChunks, read_fragments, render_fragments
from langchain_kilo.reasoning import TEXT, with_aliases
from langchain_kilo.tools import parse_calls

if TYPE_CHECKING:
    from kilo_gateway import Completion, Delta, ToolCallDelta

_METADATA = {"model_provider": PROVIDER}
"""On every chunk: by it LangChain finds the translator of content blocks. It is the one text that merging keeps."""

_TEXT_CHUNKS = TextChunks(_METADATA)
_TOOL_CHUNKS = ToolChunks(_METADATA)

_PLAIN_FIELDS = 2
"""How many fields a chunk has that says nothing special: its content, and those metadata."""

RUN_KEY = "kilo_run"
"""Attribute of a chunk that begins or continues text or reasoning after a break: `{"text": 2}`, the run's number.

Every last chunk has it, and no sum: so the two can be told apart.
"""


class ChunkWriter:
    """Makes the chunks of one streamed answer. Holds what is needed to number runs of text and reasoning."""

    def __init__(self, *, with_headers: bool = False, for_events: bool = False) -> None:
        self._with_headers = with_headers
        self._for_events = for_events  # those of version 3 have the reasoning as blocks; it is not said twice
        self._choice: int | None = None
        self._last = ""
        self._runs = {"text": 0, "reasoning": 0}
        self._places: dict[str | None, int] = {}  # id of a call -> which one it was to appear

    def write(self, delta: Delta) -> ChatGenerationChunk | None:
        """Return the chunk of a delta; None for another choice than the first: a LangChain stream carries one."""
        if delta.choice != self._choice and not self._is_first_choice(delta.choice):
            return None
        if not delta.reasoning and not delta.tool_calls:
            if self._last != "text":
                self._begin("text")
            if self._runs["text"] == 1:
                return _TEXT_CHUNKS.make(delta.text)
        return self._write_any(delta)

    def _is_first_choice(self, choice: int) -> bool:
        if self._choice is None:
            self._choice = choice
        return choice == self._choice

    def _begin(self, kind: str) -> None:
        if self._last != kind:
            self._last = kind
            if kind in self._runs:
                self._runs[kind] += 1

    def _write_any(self, delta: Delta) -> ChatGenerationChunk:
        fields: dict[str, Any] = {"content": delta.text, "response_metadata": _METADATA}
        for kind, piece in (("reasoning", delta.reasoning), ("text", delta.text), ("tools", delta.tool_calls)):
            if piece:
                self._begin(kind)
        if delta.reasoning and not self._for_events:
            fields["additional_kwargs"] = {TEXT: delta.reasoning}
        if later := {kind: number for kind, number in self._runs.items() if number > 1}:
            fields[RUN_KEY] = later
        for call in delta.tool_calls:
            if call.id is not None:
                self._places[call.id] = call.position
        if delta.tool_calls and len(fields) == _PLAIN_FIELDS:
            chunk = _TOOL_CHUNKS.make(delta.text, delta.tool_calls)
            if chunk is not None:
                return chunk
        message = tool_chunk(delta.tool_calls, fields) if delta.tool_calls else KiloMessageChunk(**fields)
        if delta.reasoning and self._for_events:
            with_aliases(message, {"reasoning": delta.reasoning})
        return ChatGenerationChunk(message=message)

    def finish(self, completion: Completion) -> ChatGenerationChunk:
        """Return the last chunk, which carries all metadata, and says which calls cannot be run and why."""
        indexes = [choice.index for choice in completion.choices]
        place = indexes.index(self._choice) if self._choice in indexes else 0
        choice = completion.choices[place]
        metadata = response_metadata(completion, place, with_headers=self._with_headers)
        last = KiloMessageChunk(
            content="",
            additional_kwargs=late_kwargs(metadata),
            response_metadata=metadata,
            usage_metadata=usage_metadata(completion.usage),
            chunk_position="last",
        )
        places = [self._places.get(call["id"], place) for place, call in enumerate(choice.tool_calls)]
        for place, call in zip(places, choice.tool_calls, strict=True):
            for invalid in parse_calls([cast("dict[str, Any]", call)], choice.finish_reason)[1]:
                last.invalid_tool_calls.append({**invalid, "index": place})
        if places != sorted(places):
            setattr(last, ORDER_KEY, [call["id"] for call in choice.tool_calls])
        setattr(last, RUN_KEY, {"text": self._runs["text"]} if self._runs["text"] > 1 else {})
        return ChatGenerationChunk(message=last, generation_info=generation_info(metadata))


def tool_chunk(deltas: list[ToolCallDelta], fields: dict[str, Any]) -> KiloMessageChunk:
    """Return the chunk of some fragments of tool calls, with the fields that LangChain's constructor would give it."""
    said = read_fragments(deltas)
    if said is None:
        return KiloMessageChunk(**fields, tool_call_chunks=render_fragments(deltas))
    message = KiloMessageChunk(**fields)
    for name, value in zip(FRAGMENT_FIELDS, said, strict=True):
        setattr(message, name, value)
    return message
