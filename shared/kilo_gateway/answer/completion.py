"""A whole answer, read tolerantly. Finds no errors: that a body is an error is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.answer.choice import (
    CompletionChoice,
    parse_choice,
    parse_object,
    parse_objects,
    parse_word,
)
from kilo_gateway.answer.usage import Usage, find_usage, parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kilo_gateway.wire import CompletionBody, Message, ToolCall

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
