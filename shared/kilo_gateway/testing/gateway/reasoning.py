"""`reasoning_details` in the format of each model family, whole and in fragments. Pure."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.tokens import split_tokens

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.draft import Draft

_FORMATS = {
    "claude": "anthropic-claude-v1",
    "openai": "openai-responses-v1",
    "gemini": "google-gemini-v1",
    "xai": "xai-responses-v1",
}


def _opaque(text: str) -> str:
    """Return base64 that stands for a signature or an encrypted text; the same text gives the same."""
    return base64.b64encode(sha256(text.encode()).digest() * 2).decode()


def render_details(draft: Draft, family: str) -> list[dict[str, Any]]:
    """Return the whole list of an answer's reasoning details; empty when it has none."""
    if draft.details is not None:
        return draft.details
    reasoning = draft.reasoning
    if not reasoning or draft.hides_reasoning:
        return []
    name = _FORMATS.get(family, "unknown")
    text = {"type": "reasoning.text", "text": reasoning, "format": name, "index": 0}
    if family == "claude":
        return [{**text, "signature": _opaque(reasoning)}]
    if family in ("openai", "xai"):
        summary = {"type": "reasoning.summary", "summary": reasoning, "format": name, "index": 0}
        data = _opaque(reasoning)
        return [
            summary,
            {"type": "reasoning.encrypted", "data": data, "id": f"rs_{data[:12]}", "format": name, "index": 0},
        ]
    if family == "gemini":
        signatures = [
            {"type": "reasoning.encrypted", "data": _opaque(call.arguments), "id": call.id, "format": name, "index": 0}
            for call in draft.tool_calls
        ]
        return [text, *signatures]
    return [text]


def detail_fragments(details: list[dict[str, Any]], *, is_whole: bool) -> list[tuple[str | None, dict[str, Any]]]:
    """Return (readable text, detail) for each delta; a signature comes last, in a detail without text."""
    fragments: list[tuple[str | None, dict[str, Any]]] = []
    for detail in details:
        key = next((name for name in ("text", "summary") if isinstance(detail.get(name), str)), None)
        if key is None or is_whole:
            fragments.append((detail[key] if key else None, detail))
            continue
        rest = {name: value for name, value in detail.items() if name not in (key, "signature")}
        fragments.extend((piece, {"type": rest["type"], key: piece, **rest}) for piece in split_tokens(detail[key]))
        if "signature" in detail:
            fragments.append((None, {"type": rest["type"], "signature": detail["signature"], **rest}))
    return fragments
