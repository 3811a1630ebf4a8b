"""A whole answer as the events of a stream, in the shape of each version. Renders; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.testing.brain.tokens import pieces
from kilo_gateway.testing.gateway.completion import native_finish_reason
from kilo_gateway.testing.gateway.reasoning import detail_fragments, render_details

if TYPE_CHECKING:
    from kilo_gateway.testing.draft import CallDraft, Draft
    from kilo_gateway.testing.gateway.completion import Envelope
    from kilo_gateway.testing.options import Options, Version

DONE = b"data: [DONE]\n\n"
REPEAT_PIECE = " kilo"
_ARGUMENT_CHARACTERS = 9
_COMMENTS: dict[Version, bytes] = {"newest": b": KILO PROCESSING\n\n", "2026-02": b": OPENROUTER PROCESSING\n\n"}


def comment(version: Version) -> bytes:
    """Return the version's keep-alive comment."""
    return _COMMENTS[version]


def render_event(data: Any) -> bytes:
    """Return `data: {json}` with its blank line."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def render_events(drafts: list[Draft], envelope: Envelope, options: Options) -> list[bytes]:
    """Return the events of the stream in order, comments and `[DONE]` included."""
    body: list[bytes] = []
    ends: list[bytes] = []
    for index, draft in enumerate(drafts):
        frame = _Frame(envelope, index)
        body.extend(frame.content(text) for text in [REPEAT_PIECE] * draft.repeat)
        body.extend(frame.chunk(delta) for delta in _deltas(draft, envelope.family))
        ends.append(frame.finish(draft, None))
    usage = _usage_event(drafts[0], envelope, options.usage_shape)
    waiting = [comment(options.version)] * options.leading_comments
    commented = body if drafts[0].repeat else _with_comments(body, options)
    return [*waiting, *commented, *ends, usage, DONE]


def _with_comments(events: list[bytes], options: Options) -> list[bytes]:
    every = options.comment_every_events
    if every <= 0:
        return events
    commented: list[bytes] = []
    for number, event in enumerate(events, start=1):
        commented.append(event)
        if number % every == 0:
            commented.append(comment(options.version))
    return commented


class _Frame:
    """The bytes around one choice's deltas, made once."""

    def __init__(self, envelope: Envelope, index: int) -> None:
        self._envelope = envelope
        self._index = index
        self._head = b"data: " + orjson.dumps(render_head(envelope))[:-1] + b',"choices":[{"index":%d,"delta":' % index
        tail = {"finish_reason": None, "native_finish_reason": None}
        logprobs = {"logprobs": None} if envelope.version == "2026-02" else {}
        self._tail = b"," + orjson.dumps({**tail, **logprobs})[1:] + b"]}\n\n"
        self._content = self._head + b'{"role":"assistant","content":'

    def chunk(self, delta: dict[str, Any]) -> bytes:
        return self._head + orjson.dumps(delta) + self._tail

    def content(self, text: str) -> bytes:
        return self._content + orjson.dumps(text) + b"}" + self._tail

    def finish(self, draft: Draft, usage: dict[str, Any] | None) -> bytes:
        choice = {
            "index": self._index,
            "delta": {"role": "assistant", "content": ""},
            "finish_reason": draft.finish_reason,
            "native_finish_reason": native_finish_reason(draft, self._envelope.family),
        }
        if self._envelope.version == "2026-02":
            choice["logprobs"] = None
        extra = {} if usage is None else {"usage": usage}
        return render_event({**render_head(self._envelope), "choices": [choice], **extra})


def render_head(envelope: Envelope) -> dict[str, Any]:
    """Return the keys that every chunk begins with, in the version's order."""
    head: dict[str, Any] = {"id": envelope.id, "object": "chat.completion.chunk", "created": envelope.created}
    named: dict[str, Any] = {"model": envelope.model, "provider": envelope.provider}
    if envelope.provider is None:
        del named["provider"]
    if envelope.version == "2026-02":
        return {"id": envelope.id, **dict(reversed(named.items())), **head}
    return {**head, **named}


def _usage_event(draft: Draft, envelope: Envelope, shape: str) -> bytes:
    if shape == "b":
        return render_event({**render_head(envelope), "choices": [], "usage": envelope.usage})
    if shape == "c":
        return _Frame(envelope, 0).finish(draft, envelope.usage)
    choice = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    choice["native_finish_reason"] = None
    return render_event({**render_head(envelope), "choices": [choice], "usage": envelope.usage})


def _deltas(draft: Draft, family: str) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    details = render_details(draft, family)
    base = {"role": "assistant", "content": ""}
    if details:
        for readable, detail in detail_fragments(details, whole=draft.details is not None):
            deltas.append({**base, "reasoning": readable, "reasoning_details": [detail]})
    elif draft.reasoning and not draft.hides_reasoning:
        deltas.extend({**base, "reasoning": piece} for piece in pieces(draft.reasoning))
    deltas.extend({"role": "assistant", "content": piece} for piece in pieces(draft.text or ""))
    for index, call in enumerate(draft.tool_calls):
        deltas.extend(_call_deltas(call, index))
    if draft.annotations:
        deltas.append({**base, "annotations": draft.annotations})
    if draft.images:
        deltas.append({**base, "images": draft.images})
    return deltas or [base]


def _call_deltas(call: CallDraft, index: int) -> list[dict[str, Any]]:
    """Return the deltas of a call: its name first, then its arguments in fragments that mind no JSON boundary."""
    function = {"name": call.name, "arguments": ""}
    heads = [{"index": index, "id": call.id, "type": "function", "function": function}]
    size = _ARGUMENT_CHARACTERS
    cuts = [call.arguments[at : at + size] for at in range(0, len(call.arguments), size)]
    rest = [{"index": index, "function": {"arguments": cut}} for cut in cuts]
    return [{"role": "assistant", "content": None, "tool_calls": [fragment]} for fragment in [*heads, *rest]]
