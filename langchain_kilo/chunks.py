"""The message chunk of ChatKilo: a chunk of LangChain's whose sum says what the unstreamed answer says.

LangChain's own sum completes a tool call that was cut off, so that it could be run, and loses the reason why a call is
invalid. A sum of these chunks reads its calls as those of a whole answer, once the last chunk is in
it. Without an invalid call it is then a plain `AIMessageChunk`; with one it stays what it is, so that stores that know
its class load it as it was, and dumps leave out what LangChain would complete.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Self, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from pydantic import SerializerFunctionWrapHandler, model_serializer, model_validator

from langchain_kilo.reasoning import settle_reasoning
from langchain_kilo.tools import parse_calls

ORDER_KEY = "kilo_order"
"""Attribute of a last chunk whose answer has its calls in another order than they came: their ids. No sum has it."""


class _MessageBase:
    """The class that LangChain calls to make a message of a chunk: the one behind the chunk's own in its bases."""

    def __new__(cls, *arguments: Any, **fields: Any) -> Any:
        return AIMessage(*arguments, **fields) if cls is _MessageBase else super().__new__(cls)


class KiloMessageChunk(_MessageBase, AIMessageChunk):
    """One piece of a streamed answer, or the sum of some; dumped, shown and loaded as LangChain's `AIMessageChunk`."""

    if not TYPE_CHECKING:
        __new__ = object.__new__  # found before the one above, so that no chunk pays for it

    @classmethod
    def lc_id(cls) -> list[str]:
        """Return the name under which LangChain loads a dump."""
        return AIMessageChunk.lc_id()

    def to_json(self) -> Any:
        """Return the dump that LangChain loads."""
        dumped: Any = super().to_json()
        if self._holds_invalid_calls:
            dumped["kwargs"].pop("tool_call_chunks", None)
        return dumped

    @model_serializer(mode="wrap")
    def _serialize(self, render: SerializerFunctionWrapHandler) -> dict[str, Any]:
        rendered: dict[str, Any] = render(self)
        if self._holds_invalid_calls:
            rendered.pop("tool_call_chunks", None)
        return rendered

    @property
    def _holds_invalid_calls(self) -> bool:
        return self.chunk_position == "last" and bool(self.invalid_tool_calls)

    def __eq__(self, other: object) -> bool:
        """Compare as LangChain's class does."""
        if type(other) not in (AIMessageChunk, KiloMessageChunk):
            return NotImplemented
        is_same: bool = self.__dict__ == other.__dict__ and self.model_extra == getattr(other, "model_extra", None)
        return is_same

    __hash__ = None  # type: ignore[assignment] # messages have none

    def __repr_name__(self) -> str:
        return AIMessageChunk.__name__

    @model_validator(mode="after")
    def init_tool_calls(self) -> Self:
        """Read the tool calls: so far by LangChain's rules, and strictly once the answer is whole."""
        if not (self.tool_call_chunks or self.tool_calls or self.invalid_tool_calls):
            return self
        if self.chunk_position != "last" or not self.tool_call_chunks:
            return cast("Self", super().init_tool_calls())  # type: ignore[operator] # pydantic gives it back bare
        self.tool_calls, self.invalid_tool_calls = parse_calls(
            [
                {"id": one["id"], "function": {"name": one["name"], "arguments": one["args"]}}
                for one in self.tool_call_chunks
            ],
            self.response_metadata.get("finish_reason"),
        )
        if isinstance(self.content, list):
            self.content = self._with_whole_calls(self.content)
        return self

    def _with_whole_calls(self, content: list[Any]) -> list[Any]:
        """Return content blocks with calls in place of fragments; like a whole answer's, they hold no invalid ones."""
        calls = {call["id"]: {key: call[key] for key in ("type", "name", "args", "id")} for call in self.tool_calls}
        kinds = ("tool_call_chunk", "invalid_tool_call")
        is_call = [isinstance(block, dict) and block.get("type") in kinds for block in content]
        placed = (calls.get(block["id"]) if is_one else block for block, is_one in zip(content, is_call, strict=True))
        return [block for block in placed if block is not None]

    def __add__(self, other: Any) -> Any:
        """Return the sum; with the last chunk in it, it is whole and LangChain's own."""
        total = super().__add__(other)
        if getattr(total, "chunk_position", None) != "last":
            return total
        last = other[-1] if isinstance(other, list) and other else other
        if order := getattr(last, ORDER_KEY, None):
            _sort_calls(total, order)
        return _settled(total)

    def __radd__(self, other: Any) -> Any:
        """Return the sum with a chunk of another class on the left, such as an empty one to begin with."""
        if not isinstance(other, AIMessageChunk):
            return NotImplemented
        return KiloMessageChunk.model_construct(other.model_fields_set, **other.__dict__) + self


def _sort_calls(total: AIMessageChunk, order: list[str]) -> None:
    """Give a sum's calls the order of the whole answer; in content blocks, they share the places that they have."""

    def place(call: Any) -> int:
        return order.index(call["id"]) if call["id"] in order else len(order)

    for calls in (total.tool_call_chunks, total.tool_calls, total.invalid_tool_calls):
        calls.sort(key=place)
    if isinstance(total.content, list):
        blocks = [one for one in total.content if isinstance(one, dict) and one.get("type") == "tool_call"]
        ordered = iter(sorted(blocks, key=place))
        total.content = [next(ordered) if any(one is block for block in blocks) else one for one in total.content]


def _settled(total: AIMessageChunk) -> AIMessageChunk:
    """Return a whole sum: of LangChain's class, which every store knows, where that class says the same."""
    fields = settle_reasoning(total.__dict__)
    if not total.invalid_tool_calls:
        return AIMessageChunk.model_construct(total.model_fields_set, **fields)
    total.additional_kwargs = fields["additional_kwargs"]
    total.tool_call_chunks = [
        tool_call_chunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"]) for call in total.tool_calls
    ] + [tool_call_chunk(name=call["name"], args=call["args"], id=call["id"]) for call in total.invalid_tool_calls]
    return total
