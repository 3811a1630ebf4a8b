"""One choice of a whole answer, read tolerantly. Never raises on what was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.answer.fragments import parse_index
from kilo_gateway.answer.reasoning_details import reasoning_text
from kilo_gateway.answer.spellings import regular
from kilo_gateway.answer.thinking import move_thinking
from kilo_gateway.answer.tool_calls import parse_tool_calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.wire import Message, ToolCall


_TEXT_TYPES = ("text", "output_text", "text_delta")


@dataclass(frozen=True, slots=True)
class CompletionChoice:
    """One choice of an answer. Properties read the message and take every odd value for an absent one."""

    index: int = 0
    message: Message = field(default_factory=lambda: cast("Message", {}))
    """The message as sent, but for other spellings and tool calls: each has an id, a type, a function and arguments as
    JSON text."""
    finish_reason: str | None = None
    native_finish_reason: str | None = None
    """The provider's own word; an open set."""
    logprobs: dict[str, Any] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the message holds nothing of an answer: no text, reasoning, call, picture, sound or refusal."""
        held = (
            self.text,
            self.reasoning,
            self.tool_calls,
            self.images,
            self.audio,
            self.refusal,
            self.reasoning_details,
        )
        return not any(held) and not any(self.message.get(key) for key in ("content", "annotations"))

    @property
    def is_text_alone(self) -> bool:
        """Whether the message is one text and nothing else, as most are: who knows it need not look for the rest."""
        message = cast("dict[str, Any]", self.message)
        if type(message.get("content")) is not str:
            return False
        for key, value in message.items():
            if (value or value == 0) and key != "content" and (key != "role" or type(value) is not str):
                return False
        return True

    @property
    def text(self) -> str:
        """The text of the answer; of a list of parts, the text parts joined."""
        content = self.message.get("content")
        if isinstance(content, str):
            return content
        return "".join(text for part in _list(content) if (text := parse_text_part(part)) is not None)

    @property
    def reasoning(self) -> str:
        """The readable reasoning; "" without any."""
        return reasoning_text(cast("dict[str, Any]", self.message))

    @property
    def reasoning_details(self) -> list[dict[str, Any]]:
        """The entries to send back unchanged with the next request."""
        return parse_objects(self.message.get("reasoning_details"))

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls; `parse_arguments` says whether their arguments are whole."""
        return cast("list[ToolCall]", parse_objects(self.message.get("tool_calls")))

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """Citations and parsed files."""
        return parse_objects(self.message.get("annotations"))

    @property
    def images(self) -> list[dict[str, Any]]:
        """Images made by the model: `{type: "image_url", image_url: {url}}`."""
        parts = [part for part in parse_objects(self.message.get("content")) if part.get("type") == "image_url"]
        return parse_objects(self.message.get("images")) + parts

    @property
    def refusal(self) -> str | None:
        """Why the model refused; None when it did not."""
        return parse_word(self.message.get("refusal"))

    @property
    def audio(self) -> dict[str, Any] | None:
        """Spoken answer: `{id, data, transcript, ...}`, data in base64."""
        return parse_object(self.message.get("audio")) or None


def parse_choice(
    raw: dict[str, Any], position: int, completion_id: str | None, call_seed: Callable[[], str] | None = None
) -> CompletionChoice:
    """Return the choice; `position` is its place in the list, the other two go into ids made up for calls."""
    message = parse_object(raw.get("message")) or parse_object(raw.get("delta"))
    if not message and isinstance(raw.get("text"), str):
        message = {"role": "assistant", "content": raw["text"]}
    message = move_thinking(regular(message))
    index = parse_index(raw.get("index"))
    index = position if index is None else index
    if isinstance(sent_calls := message.get("tool_calls"), (list, dict)) and sent_calls:
        calls = parse_tool_calls(sent_calls, completion_id=completion_id, seed=call_seed, choice=index)
        message = {**message, "tool_calls": calls}
    return CompletionChoice(
        index=index,
        message=cast("Message", message),
        finish_reason=parse_finish_reason(raw),
        native_finish_reason=parse_word(raw.get("native_finish_reason")),
        logprobs=parse_object(raw.get("logprobs")) or None,
    )


def parse_text_part(part: Any) -> str | None:
    """Return the text of one part of a content list; None when the part is no text."""
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("type", "text") not in _TEXT_TYPES:
        return None
    text = part.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) else None


def parse_finish_reason(choice: dict[str, Any]) -> str | None:
    """Return why a choice ended; None while it has not, or nobody says so."""
    return parse_word(choice.get("finish_reason")) or parse_word(choice.get("finishReason"))


def parse_word(value: Any) -> str | None:
    """Return a non-empty text; None for anything else."""
    return value if isinstance(value, str) and value else None


def parse_object(value: Any) -> dict[str, Any]:
    """Return an object; {} for anything else."""
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def parse_objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; [] for anything else."""
    return [item for item in _list(value) if isinstance(item, dict)]
