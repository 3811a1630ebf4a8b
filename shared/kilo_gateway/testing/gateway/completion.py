"""A whole answer as JSON, in the shape of each version. Renders; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.reasoning import render_details

if TYPE_CHECKING:
    from kilo_gateway.testing.draft import CallDraft, Draft
    from kilo_gateway.testing.options import Version

PROVIDER = "Kilo Embedded"
FEBRUARY_PADDING = b"\n" + (b" " * 9 + b"\n") * 6 + b"\n" * 5
_NATIVE = {
    "claude": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"},
    "openai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
    "xai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
    "gemini": {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"},
}


@dataclass(kw_only=True)
class Envelope:
    """What every chunk of an answer repeats, and how its choices differ from the text itself."""

    id: str
    created: int
    model: str
    provider: str | None
    family: str
    version: Version
    usage: dict[str, Any] = field(default_factory=dict)


def native_finish_reason(draft: Draft, family: str) -> str:
    """Return the provider's own word for why the answer ended."""
    return draft.native_finish_reason or _NATIVE.get(family, {}).get(draft.finish_reason, draft.finish_reason)


def render_tool_call(call: CallDraft, index: int) -> dict[str, Any]:
    """Return one tool call of an unstreamed message."""
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": index, "id": call.id, "type": "function", "function": function}


def render_completion(drafts: list[Draft], envelope: Envelope) -> dict[str, Any]:
    """Return the unstreamed body."""
    head: dict[str, Any] = {"id": envelope.id, "provider": envelope.provider, "model": envelope.model}
    if envelope.provider is None:
        del head["provider"]
    return {
        **head,
        "object": "chat.completion",
        "created": envelope.created,
        "system_fingerprint": None,
        "choices": [_render_choice(draft, index, envelope) for index, draft in enumerate(drafts)],
        "usage": envelope.usage,
    }


def _render_choice(draft: Draft, index: int, envelope: Envelope) -> dict[str, Any]:
    content = draft.text if draft.text is not None or not draft.tool_calls else ""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None, "reasoning": None}
    details = render_details(draft, envelope.family)
    if not draft.hides_reasoning:
        message["reasoning"] = draft.reasoning
    optional = {
        "reasoning_details": details,
        "tool_calls": [render_tool_call(call, at) for at, call in enumerate(draft.tool_calls)],
        "annotations": draft.annotations,
        "images": draft.images,
    }
    message.update({key: value for key, value in optional.items() if value})
    return {
        "logprobs": None,
        "finish_reason": draft.finish_reason,
        "native_finish_reason": native_finish_reason(draft, envelope.family),
        "index": index,
        "message": message,
    }
