"""A whole answer, read tolerantly, and its metadata. Finds no errors: that a body is an error is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.answer.choice import (
    CompletionChoice,
    parse_choice,
    parse_object,
    parse_objects,
    parse_text_part,
    parse_word,
)
from kilo_gateway.answer.usage import Usage, find_usage, parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kilo_gateway.wire import CompletionBody, Message, ToolCall

__all__ = ["Completion", "CompletionChoice", "parse_completion", "render_metadata"]

_ANYTHING = (object,)
_BODY_KEYS: Mapping[str, tuple[type, ...]] = {
    "id": (str,),
    "object": _ANYTHING,
    "created": (int, float),
    "model": (str,),
    "provider": (str,),
    "choices": (list,),
    "usage": (dict,),
    "system_fingerprint": _ANYTHING,
    "service_tier": _ANYTHING,
}
"""Keys that have a name of their own here, with the types that are understood; the rest goes into `extra`."""
_CHOICE_KEYS: Mapping[str, tuple[type, ...]] = {
    "index": (int, float, str),
    "message": (dict,),
    "delta": (dict,),
    "text": (str,),
    "finish_reason": (str,),
    "finishReason": (str,),
    "native_finish_reason": (str,),
    "logprobs": (dict,),
    "usage": (dict,),
}
_MESSAGE_KEYS: Mapping[str, tuple[type, ...]] = {
    "role": (str,),
    "name": (str,),
    "content": (str, list),
    "reasoning": (str,),
    "reasoning_content": (str,),
    "reasoning_text": (str,),
    "reasoning_details": (list,),
    "tool_calls": (list, dict),
    "annotations": (list,),
    "images": (list,),
    "refusal": (str,),
    "audio": (dict,),
}

_NO_CHOICE = CompletionChoice()


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer. What speaks of one choice speaks of the first."""

    choices: tuple[CompletionChoice, ...] = ()
    id: str | None = None
    model: str | None = None
    """The model that answered; rarely spelt like the one that was asked for."""
    requested_model: str | None = None
    """The id that the caller asked for."""
    sent_model: str | None = None
    """The id that was sent in its place, where the gateway has retired `kilo/auto`; else None."""
    provider: str | None = None
    """Who hosted the model."""
    created: int | None = None
    """Unix time in seconds."""
    usage: Usage | None = None
    body: CompletionBody = field(default_factory=lambda: cast("CompletionBody", {}))
    """The answer as received, or as put together from a stream."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Of the HTTP answer, as received; empty for an answer that came from elsewhere."""

    @property
    def _first(self) -> CompletionChoice:
        return self.choices[0] if self.choices else _NO_CHOICE

    @property
    def message(self) -> Message:
        """Of the first choice; as below."""
        return self._first.message

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended, such as `stop`, `length` or `tool_calls`; an open set."""
        return self._first.finish_reason

    @property
    def native_finish_reason(self) -> str | None:
        """The provider's own word for it."""
        return self._first.native_finish_reason

    @property
    def logprobs(self) -> dict[str, Any] | None:
        """Log probabilities, as sent."""
        return self._first.logprobs

    @property
    def text(self) -> str:
        """The text."""
        return self._first.text

    @property
    def reasoning(self) -> str:
        """The readable reasoning."""
        return self._first.reasoning

    @property
    def reasoning_details(self) -> list[dict[str, Any]]:
        """The reasoning to send back."""
        return self._first.reasoning_details

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The tool calls."""
        return self._first.tool_calls

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """Citations and parsed files."""
        return self._first.annotations

    @property
    def images(self) -> list[dict[str, Any]]:
        """Images made by the model."""
        return self._first.images

    @property
    def refusal(self) -> str | None:
        """Why the model refused."""
        return self._first.refusal

    @property
    def audio(self) -> dict[str, Any] | None:
        """The spoken answer."""
        return self._first.audio


def parse_completion(
    body: Any,
    *,
    requested_model: str | None = None,
    call_seed: Callable[[], str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Completion:
    """Return the answer that a body holds; odd and missing values become absent ones, never an error.

    `call_seed` gives what the ids of tool calls without one are made of, beside the id of the answer.
    """
    body = parse_object(body)
    raw_choices = parse_objects(body.get("choices"))
    id_ = parse_word(body.get("id"))
    choices = tuple(parse_choice(raw, position, id_, call_seed) for position, raw in enumerate(raw_choices))
    return Completion(
        choices=choices,
        id=id_,
        model=parse_word(body.get("model")),
        requested_model=requested_model,
        provider=parse_word(body.get("provider")) or _find_provider(choices),
        created=parse_count(body.get("created")),
        usage=find_usage(body, raw_choices),
        body=cast("CompletionBody", body),
        headers={} if headers is None else headers,
    )


def _find_provider(choices: tuple[CompletionChoice, ...]) -> str | None:
    """Return the provider that an answer routed through Vercel names inside its message."""
    value: Any = choices[0].message if choices else {}
    for key in ("provider_metadata", "gateway", "routing"):
        value = parse_object(value.get(key))
    return parse_word(value.get("resolvedProvider"))


def render_metadata(completion: Completion, choice_index: int = 0) -> dict[str, Any]:
    """Return what is known about an answer beside its text and tool calls, as JSON values, without empty ones.

    `choice_index` is a place in `completion.choices`. What has no name here comes under `extra` as sent; where two
    levels use one name, the whole answer's value stands, then the choice's, then the message's.
    """
    is_known = 0 <= choice_index < len(completion.choices)
    choice = completion.choices[choice_index] if is_known else _NO_CHOICE
    body = cast("dict[str, Any]", completion.body)
    usage = completion.usage or Usage()
    raw_choice = parse_objects(body.get("choices"))[choice_index] if is_known else {}
    requested = completion.requested_model
    values = {
        "id": completion.id,
        "model": completion.model,
        "requested_model": None if requested == completion.model else requested,
        "sent_model": completion.sent_model,
        "provider": completion.provider,
        "created": completion.created,
        "system_fingerprint": body.get("system_fingerprint"),
        "service_tier": body.get("service_tier"),
        "finish_reason": choice.finish_reason,
        "native_finish_reason": choice.native_finish_reason,
        "logprobs": choice.logprobs,
        "cost": usage.cost,
        "billed_cost": usage.billed_cost,
        "cost_details": cast("dict[str, Any]", usage.body).get("cost_details"),
        "is_byok": usage.is_byok,
        "usage": usage.body,
        "reasoning": choice.reasoning,
        "reasoning_details": choice.reasoning_details,
        "annotations": choice.annotations,
        "images": choice.images,
        "refusal": choice.refusal,
        "audio": choice.audio,
        "extra": _extra(choice, raw_choice, body),
    }
    return {key: value for key, value in values.items() if value or value == 0}


def _extra(choice: CompletionChoice, raw_choice: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    message = cast("dict[str, Any]", choice.message)
    levels = ((message, _MESSAGE_KEYS), (raw_choice, _CHOICE_KEYS), (body, _BODY_KEYS))
    extra = {key: value for values, known in levels for key, value in _unknown(values, known).items()}
    content = message.get("content")
    if isinstance(content, list) and not all(map(_is_known_part, content)):
        extra["content"] = content
    return extra


def _is_known_part(part: Any) -> bool:
    is_image = isinstance(part, dict) and part.get("type") == "image_url"
    return is_image or part == {"type": "text", "text": None} or parse_text_part(part) is not None


def _unknown(values: dict[str, Any], known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return what has a value, which no empty text, list or object is, and no name of its own."""
    return {
        key: value for key, value in values.items() if (value or value == 0) and not _is_known(value, known.get(key))
    }


def _is_known(value: Any, types: tuple[type, ...] | None) -> bool:
    """Return whether a value has a name of its own: of a type that is understood, and a list only of objects."""
    if types is None or not isinstance(value, types):
        return False
    if types is _ANYTHING or not isinstance(value, list):
        return True
    return all(isinstance(item, dict) or (str in types and isinstance(item, str)) for item in value)
