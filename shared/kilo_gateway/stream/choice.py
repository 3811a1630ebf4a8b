"""One choice of a streamed answer: what each chunk adds, and the whole message. Keeps pieces; joins them once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.answer.choice import parse_object, parse_text_part, parse_word
from kilo_gateway.answer.merging import merge_audio, merge_values
from kilo_gateway.answer.reasoning_details import ReasoningDetails, reasoning_text
from kilo_gateway.answer.tool_calls import ToolCallAssembler, ToolCallDelta

if TYPE_CHECKING:
    from kilo_gateway.wire import Chunk

_PLAIN_KEYS = frozenset({"role", "content"})
_REASONING_KEYS = frozenset({"reasoning", "reasoning_content", "reasoning_text"})
_ONCE_KEYS = frozenset({"annotations", "images"})
_COMMON_CHOICE_KEYS = frozenset({"index", "delta", "finish_reason", "native_finish_reason", "logprobs"})
_CHOICE_KEYS = _COMMON_CHOICE_KEYS | {"message", "usage"}


@dataclass(slots=True)
class Delta:
    """What one chunk adds to one choice; at least one of the three is not empty."""

    choice: int
    text: str
    reasoning: str
    tool_calls: list[ToolCallDelta]
    chunk: Chunk
    """The chunk as sent; {} for what was found out at the end of the stream."""


class ChoiceAccumulator:
    """Collects one choice of a stream."""

    __slots__ = (
        "_audio",
        "_content_parts",
        "_details",
        "_has_content_text",
        "_identities",
        "_logprobs",
        "_once",
        "_reasoning",
        "_refusal",
        "_text",
        "_unknown",
        "_unknown_of_choice",
        "finish_reason",
        "index",
        "native_finish_reason",
        "tools",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.native_finish_reason: str | None = None
        self.tools = ToolCallAssembler()
        self._text: list[str] = []
        self._has_content_text = False  # content was a text at least once, be it ""
        self._content_parts: list[Any] = []  # of content lists that hold more than text
        self._reasoning: list[str] = []
        self._details = ReasoningDetails()
        self._logprobs: list[dict[str, Any]] = []
        self._once: defaultdict[str, list[Any]] = defaultdict(list)
        self._identities: set[tuple[str, bytes]] = set()
        self._refusal: list[str] = []
        self._audio: list[dict[str, Any]] = []
        self._unknown: defaultdict[str, list[Any]] = defaultdict(list)
        self._unknown_of_choice: dict[str, Any] = {}

    @property
    def has_content(self) -> bool:
        """Whether anything of an answer has arrived, be it only a picture or a signature."""
        shown = (self._text, self._content_parts, self._reasoning, self._details, self.tools, self._once, self._audio)
        return any(shown) or any(self._refusal) or any(any(values) for values in self._unknown.values())

    def add(self, choice: dict[str, Any], chunk: Any) -> Delta | None:
        """Take the choice as it stands in one chunk; return what it adds, None when it adds nothing to show."""
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = parse_object(choice.get("message"))
        is_common = choice.keys() <= _COMMON_CHOICE_KEYS and not choice.get("finish_reason")
        if not is_common or choice.get("native_finish_reason") or choice.get("logprobs"):
            self._take_choice(choice)
        content = delta.get("content")
        if content.__class__ is str:
            self._has_content_text = True
            if content:
                self._text.append(content)
            text = content
        else:
            text = "" if content is None else self._take_parts(content)
        if delta.keys() <= _PLAIN_KEYS:
            return Delta(self.index, text, "", [], chunk) if text else None
        others = {key: value for key, value in delta.items() if key not in _PLAIN_KEYS and (value or value == 0)}
        if not others:
            return Delta(self.index, text, "", [], chunk) if text else None
        reasoning = reasoning_text(others)
        if reasoning:
            self._reasoning.append(reasoning)
        calls = self._take_others(others)
        return Delta(self.index, text, reasoning, calls, chunk) if text or reasoning or calls else None

    def _take_parts(self, content: Any) -> str:
        """Take content that is a list of parts; return its text."""
        texts: list[str] = []
        for part in content if isinstance(content, list) else [content]:
            text = parse_text_part(part)
            if text is not None:
                self._has_content_text = True
                self._text.append(text)
                texts.append(text)
            elif part is not None:
                self._end_text_part()
                self._content_parts.append(part)
        return "".join(texts)

    def _end_text_part(self) -> None:
        if text := "".join(self._text):
            self._content_parts.append({"type": "text", "text": text})
        self._text.clear()

    def _take_others(self, others: dict[str, Any]) -> list[ToolCallDelta]:
        """Take what a delta holds beside role and content; return what tool calls gained."""
        calls: list[ToolCallDelta] = []
        for key, value in others.items():
            if key in _REASONING_KEYS:
                continue
            if key == "reasoning_details":
                self._details.add(value)
            elif key == "tool_calls":
                calls = self.tools.add(value)
            elif key in _ONCE_KEYS:
                self._take_once(key, value)
            elif key == "refusal" and isinstance(value, str):
                self._refusal.append(value)
            elif key == "audio" and isinstance(value, dict):
                self._audio.append(value)
            else:
                self._unknown[key].append(value)
        return calls

    def _take_once(self, key: str, items: Any) -> None:
        """Append the items that have not come before."""
        for item in items if isinstance(items, list) else [items]:
            identity = (key, _digest(item))
            if identity not in self._identities:
                self._identities.add(identity)
                self._once[key].append(item)

    def _take_choice(self, choice: dict[str, Any]) -> None:
        """Take what stands beside the delta: finish reasons, log probabilities, unknown keys."""
        self.finish_reason = parse_word(choice.get("finish_reason")) or self.finish_reason
        self.native_finish_reason = parse_word(choice.get("native_finish_reason")) or self.native_finish_reason
        if isinstance(choice.get("logprobs"), dict):
            self._logprobs.append(choice["logprobs"])
        for key, value in choice.items():
            if value is not None and key not in _CHOICE_KEYS:
                self._unknown_of_choice[key] = value

    def render(self, completion_id: str | None) -> dict[str, Any]:
        """Return the choice in the shape of an answer that was not streamed."""
        choice: dict[str, Any] = {
            **self._unknown_of_choice,
            "index": self.index,
            "message": self._render_message(completion_id),
            "finish_reason": self.finish_reason,
        }
        if self.native_finish_reason is not None:
            choice["native_finish_reason"] = self.native_finish_reason
        if self._logprobs:
            choice["logprobs"] = merge_values(self._logprobs)
        return choice

    def _render_message(self, completion_id: str | None) -> dict[str, Any]:
        message: dict[str, Any] = {key: merge_values(values) for key, values in self._unknown.items()}
        message |= {"role": "assistant", "content": self._render_content()}
        if self._reasoning:
            message["reasoning"] = "".join(self._reasoning)
        if self._details:
            message["reasoning_details"] = self._details.merged()
        if self.tools:
            message["tool_calls"] = self.tools.calls(completion_id)
        message |= {key: list(items) for key, items in self._once.items()}
        if refusal := "".join(self._refusal):
            message["refusal"] = refusal
        if self._audio:
            message["audio"] = merge_audio(self._audio)
        return message

    def _render_content(self) -> str | list[Any] | None:
        text = "".join(self._text)
        if not self._content_parts:
            return text if self._has_content_text else None
        return [*self._content_parts, {"type": "text", "text": text}] if text else list(self._content_parts)


def _digest(item: Any) -> bytes:
    """Return what tells equal JSON values from others."""
    try:
        encoded = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits, half a surrogate pair, or nesting deeper than orjson goes
        encoded = repr(id(item)).encode()
    return sha256(encoded).digest()
