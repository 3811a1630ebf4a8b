"""A model's answer as the events of a stream. Renders; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.tokens import split_tokens
from kilo_gateway.testing.gateway.answer import render_event
from kilo_gateway.testing.gateway.completion import native_finish_reason
from kilo_gateway.testing.gateway.reasoning import detail_fragments, render_details

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kilo_gateway.testing.builtin_models.draft import CallDraft, Draft
    from kilo_gateway.testing.gateway.completion import ChatAnswer
    from kilo_gateway.testing.options import Options, Version

DONE = b"data: [DONE]\n\n"
REPEATED_TEXT = " kilo"
_ARGUMENT_CHARACTERS = 9
_COMMENTS: dict[Version, bytes] = {"newest": b": KILO PROCESSING\n\n", "2026-02": b": OPENROUTER PROCESSING\n\n"}


def comment_of(version: Version) -> bytes:
    """Return the version's keep-alive comment."""
    return _COMMENTS[version]


def render_events(chat_answer: ChatAnswer, options: Options) -> list[bytes]:
    """Return the events of the stream in order, comments and `[DONE]` included."""
    body: list[bytes] = []
    ends: list[bytes] = []
    for index, draft in enumerate(chat_answer.drafts):
        repeated = {"role": "assistant", "content": REPEATED_TEXT}
        body += [_chunk(chat_answer, [_choice(index, repeated)])] * draft.repeat
        body += [_chunk(chat_answer, [_choice(index, delta)]) for delta in _deltas(draft, chat_answer.family)]
        ends.append(_chunk(chat_answer, [_last_choice(index, draft, chat_answer.family)]))
    comment = comment_of(options.version)
    commented = body if chat_answer.drafts[0].repeat else _with_comments(body, options.comment_every_events, comment)
    return [*[comment] * options.leading_comments, *commented, *ends, _usage_chunk(chat_answer, options), DONE]


def _with_comments(events: Sequence[bytes], every: int, comment: bytes) -> list[bytes]:
    if every <= 0:
        return list(events)
    return [one for at, event in enumerate(events, 1) for one in ((event,) if at % every else (event, comment))]


def _chunk(chat_answer: ChatAnswer, choices: list[dict[str, Any]], **more: Any) -> bytes:
    return render_event({**chat_answer.head("chat.completion.chunk"), "choices": choices, **more})


def _choice(index: int, delta: dict[str, Any]) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": None, "native_finish_reason": None}


def _last_choice(index: int, draft: Draft, family: str) -> dict[str, Any]:
    reasons = {"finish_reason": draft.finish_reason, "native_finish_reason": native_finish_reason(draft, family)}
    return {"index": index, "delta": {"role": "assistant", "content": ""}, **reasons}


def _usage_chunk(chat_answer: ChatAnswer, options: Options) -> bytes:
    choices = {
        "a": [_choice(0, {"role": "assistant", "content": ""})],
        "b": [],
        "c": [_last_choice(0, chat_answer.drafts[0], chat_answer.family)],
    }
    return _chunk(chat_answer, choices[options.usage_shape], usage=chat_answer.usage)


def _deltas(draft: Draft, family: str) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    base = {"role": "assistant", "content": ""}
    details = render_details(draft, family)
    if details:
        for readable, detail in detail_fragments(details, is_whole=draft.details is not None):
            deltas.append({**base, "reasoning": readable, "reasoning_details": [detail]})
    elif draft.reasoning and not draft.hides_reasoning:
        deltas += [{**base, "reasoning": piece} for piece in split_tokens(draft.reasoning)]
    deltas += [{**base, "content": piece} for piece in split_tokens(draft.text or "")]
    for index, call in enumerate(draft.tool_calls):
        deltas += [{**base, "content": None, "tool_calls": [one]} for one in _call_fragments(call, index)]
    deltas += [{**base, name: value} for name, value in draft.plain_fields.items()]
    return deltas or [base]


def _call_fragments(call: CallDraft, index: int) -> list[dict[str, Any]]:
    """Return the fragments of a call: its name first, then its arguments, cut without regard to their JSON."""
    head = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    size = _ARGUMENT_CHARACTERS
    cuts = [call.arguments[at : at + size] for at in range(0, len(call.arguments), size)]
    return [head, *({"index": index, "function": {"arguments": cut}} for cut in cuts)]
