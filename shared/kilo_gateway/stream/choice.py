"""One choice of a streamed answer: what each chunk adds, and the whole message. Keeps pieces; joins them once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kilo_gateway.answer.choice import parse_finish_reason, parse_object, parse_text_part, parse_word
from kilo_gateway.answer.merging import merge_audio, merge_values
from kilo_gateway.answer.reasoning_details import ReasoningDetails, find_reasoning
from kilo_gateway.answer.spellings import find_thinking, is_odd, regular
from kilo_gateway.answer.thinking import REASONING_KEYS, is_sealed, is_thinking, thinking_detail, thinking_text
from kilo_gateway.answer.tool_calls import ToolCallAssembler, ToolCallDelta
from kilo_gateway.stream.delta import Delta
from kilo_gateway.stream.reasoning_text import ReasoningText
from kilo_gateway.stream.unique_items import UniqueItems

if TYPE_CHECKING:
    from collections.abc import Callable


_PLAIN_KEYS = frozenset({"role", "content"})
_ONCE_KEYS = frozenset({"annotations", "images"})
_COMMON_CHOICE_KEYS = frozenset({"index", "delta", "finish_reason", "native_finish_reason", "logprobs"})
_CHOICE_KEYS = _COMMON_CHOICE_KEYS | {"message", "usage", "finishReason", "text"}


class ChoiceAccumulator:
    """Collects one choice of a stream."""

    __slots__ = (
        "_audio",
        "_content_parts",
        "_details",
        "_has_content_text",
        "_logprobs",
        "_odd",
        "_once",
        "_reasoning",
        "_refusal",
        "_text",
        "_thinking",
        "_unknown",
        "_unknown_of_choice",
        "finish_reason",
        "index",
        "native_finish_reason",
        "tools",
    )

    def __init__(self, index: int, *, call_seed: Callable[[], str] | None = None) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self.native_finish_reason: str | None = None
        self.tools = ToolCallAssembler(seed=call_seed, choice=index)
        self._text: list[str] = []
        self._has_content_text = False  # content was a text at least once, be it ""
        self._content_parts: list[Any] = []  # of content lists that hold more than text
        self._reasoning = ReasoningText()
        self._details = ReasoningDetails()
        self._thinking = ReasoningDetails()  # out of content parts
        self._logprobs: list[dict[str, Any]] = []
        self._once: defaultdict[str, UniqueItems] = defaultdict(UniqueItems)
        self._refusal: list[str] = []
        self._audio: list[dict[str, Any]] = []
        self._unknown: defaultdict[str, list[Any]] = defaultdict(list)
        self._unknown_of_choice: dict[str, Any] = {}
        self._odd: dict[str, Any] = {}  # known keys of the choice with values of other types

    @property
    def has_content(self) -> bool:
        """Whether anything of an answer has arrived, be it only a picture or a signature."""
        shown = (self._text, self._content_parts, self._reasoning, self._details, self.tools, self._once, self._audio)
        return (
            any(shown)
            or bool(self._thinking)
            or any(self._refusal)
            or any(any(values) for values in self._unknown.values())
        )

    def add(self, choice: dict[str, Any], chunk: Any) -> Delta | None:
        """Take the choice as it stands in one chunk; return what it adds, None when it adds nothing to show."""
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = self._without_repeats(choice)
        is_common = choice.keys() <= _COMMON_CHOICE_KEYS and not choice.get("finish_reason")
        if not is_common or choice.get("native_finish_reason") or choice.get("logprobs") is not None:
            self._take_choice(choice)
        content = delta.get("content")
        if content.__class__ is not str and content is not None:
            delta = regular(delta)
            content = delta.get("content")
        text, thought = self._take_content(content)
        if delta.keys() <= _PLAIN_KEYS and not thought:
            return Delta(self.index, text, "", [], chunk) if text else None
        others = {key: value for key, value in delta.items() if key not in _PLAIN_KEYS and (value or value == 0)}
        if not others and not thought:
            return Delta(self.index, text, "", [], chunk) if text else None
        if len(others) == 1 and not thought and isinstance(fragments := others.get("tool_calls"), (dict, list)):
            calls = self.tools.add(fragments)  # most deltas of a call hold nothing else
            return Delta(self.index, text, "", calls, chunk) if text or calls else None
        if (len(others) > 1 or "tool_calls" not in others) and is_odd(others):
            self._thinking.add(find_thinking(others))
            has_details = "reasoning_details" in others
            others = regular(others)
            if not has_details:  # they are put together from all pieces, the unsigned too
                others.pop("reasoning_details", None)
        source, reasoning = find_reasoning(others)
        is_over = self.finish_reason is not None
        is_new = self._reasoning.add(reasoning or thought, source if reasoning else "content", is_over=is_over)
        calls = self._take_others(others, is_repeat=bool(reasoning) and not is_new)
        reasoning = (reasoning or thought) if is_new else ""
        return Delta(self.index, text, reasoning, calls, chunk) if text or reasoning or calls else None

    def add_text(self, text: str) -> None:
        """Take the next piece of a text that has begun."""
        self._text.append(text)

    def _without_repeats(self, choice: dict[str, Any]) -> dict[str, Any]:
        """Return the `message` of a choice without a delta; at the end of a stream only what had not come before."""
        message = parse_object(choice.get("message"))
        if not message and isinstance(text := choice.get("text"), str):
            return {"content": text}  # as text completions are streamed
        if not choice.get("finish_reason") or not self.has_content:
            return message
        repeated = {"tool_calls"} if self.tools else set()
        if message.get("content") == self._render_content():
            repeated.add("content")
        return {key: value for key, value in message.items() if key not in repeated}

    def _take_content(self, content: Any) -> tuple[str, str]:
        """Take a content of any shape; return its text and its reasoning."""
        if content is None:
            return "", ""
        if not isinstance(content, str):
            return self._take_parts(content)
        self._has_content_text = True
        if content:
            self._text.append(content)
        return content, ""

    def _take_parts(self, content: Any) -> tuple[str, str]:
        """Take content that is a list of parts; return its text and its reasoning."""
        texts: list[str] = []
        thoughts: list[str] = []
        if not isinstance(content, list):
            self._unknown["content"].append(content)  # a number or a flag, which is no text
            return "", ""
        for part in content:
            if is_thinking(part):
                self._thinking.add([thinking_detail(part)])
                thoughts.append(thinking_text(part))
                continue
            text = parse_text_part(part)
            if text is not None:
                self._has_content_text = True
                self._text.append(text)
                texts.append(text)
            elif part is not None:
                self._end_text_part()
                self._content_parts.append(part)
        return "".join(texts), "".join(thoughts)

    def _end_text_part(self) -> None:
        if text := "".join(self._text):
            self._content_parts.append({"type": "text", "text": text})
        self._text.clear()

    def _take_others(self, others: dict[str, Any], *, is_repeat: bool) -> list[ToolCallDelta]:
        """Take what a delta holds beside role and content; return what tool calls gained.

        `is_repeat` says that the reasoning in it has come before.
        """
        calls: list[ToolCallDelta] = []
        for key, value in others.items():
            if key in REASONING_KEYS and isinstance(value, str):
                continue
            if key == "reasoning_details" and isinstance(value, list) and isinstance(value[0], dict):
                (self._details.add_repeat if is_repeat else self._details.add)(value)
            elif key == "tool_calls" and isinstance(value, (list, dict)):
                calls = self.tools.add(value)
            elif key in _ONCE_KEYS:
                self._once[key].add(value)
            elif key == "refusal" and isinstance(value, str):
                self._refusal.append(value)
            elif key == "audio" and isinstance(value, dict):
                self._audio.append(value)
            else:
                self._unknown[key].append(value)
        return calls

    def _take_choice(self, choice: dict[str, Any]) -> None:
        """Take what stands beside the delta: finish reasons, log probabilities, unknown keys."""
        self.finish_reason = parse_finish_reason(choice) or self.finish_reason
        self.native_finish_reason = parse_word(choice.get("native_finish_reason")) or self.native_finish_reason
        if isinstance(choice.get("logprobs"), dict):
            self._logprobs.append(choice["logprobs"])
        for key, value in choice.items():
            if value is not None and key not in _CHOICE_KEYS and states_something(value, self._unknown_of_choice, key):
                self._unknown_of_choice[key] = value
        for key, type_ in (("finish_reason", str), ("native_finish_reason", str), ("logprobs", dict), ("text", str)):
            if choice.get(key) and not isinstance(choice[key], type_):
                self._odd[key] = choice[key]

    def render(self, completion_id: str | None) -> dict[str, Any]:
        """Return the choice in the shape of an answer that was not streamed."""
        choice: dict[str, Any] = {
            **self._unknown_of_choice,
            **self._odd,
            "index": self.index,
            "message": self._render_message(completion_id),
        }
        if self.finish_reason is not None or "finish_reason" not in self._odd:
            choice["finish_reason"] = self.finish_reason
        if self.native_finish_reason is not None:
            choice["native_finish_reason"] = self.native_finish_reason
        if self._logprobs:
            choice["logprobs"] = merge_values(self._logprobs)
        return choice

    def _render_message(self, completion_id: str | None) -> dict[str, Any]:
        message: dict[str, Any] = {key: merge_values(values) for key, values in self._unknown.items()}
        content = self._render_content()
        message |= {"role": "assistant", "content": message.get("content") if content is None else content}
        if self._reasoning:
            message["reasoning"] = str(self._reasoning)
        if details := self._details.merged() or list(filter(is_sealed, self._thinking.merged())):
            message["reasoning_details"] = details
        if self.tools:
            message["tool_calls"] = self.tools.calls(completion_id)
        message |= {key: list(items.values) for key, items in self._once.items()}
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


def states_something(value: Any, stated: dict[str, Any], key: str) -> bool:
    """Return whether a value, not null, states a fact: "" does not, nor an empty list or object behind another."""
    return bool(value) or (value != "" and (value == 0 or key not in stated))
