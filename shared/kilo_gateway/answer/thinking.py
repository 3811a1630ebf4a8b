"""Reasoning that stands among the parts of a content, as Mistral and Anthropic write it -> where reasoning belongs.

`{"type": "thinking", "thinking": "..." or [{"type": "text", "text": "..."}], "signature": "..."}` and its relatives.
"""

from __future__ import annotations

from typing import Any

REASONING_KEYS = ("reasoning", "reasoning_content", "reasoning_text")
"""Where a message or delta has the text of its reasoning; other values than a text are another spelling."""
THINKING_TYPES = frozenset({"thinking", "reasoning", "redacted_thinking", "thinking_delta", "signature_delta"})
_TEXT_KEYS = ("thinking", "reasoning", "text", "content", "summary")


def is_thinking(part: Any) -> bool:
    """Return whether a part of a content list is reasoning."""
    if not isinstance(part, dict):
        return False
    return (isinstance(type_ := part.get("type"), str) and type_ in THINKING_TYPES) or part.get(
        "thought"
    ) is True  # Gemini


def thinking_text(value: Any) -> str:
    """Return the readable text of a part: of the part itself, of a list in it, or of a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(thinking_text, value))
    if isinstance(value, dict):
        return next((text for key in _TEXT_KEYS if (text := thinking_text(value.get(key)))), "")
    return ""


def thinking_detail(part: dict[str, Any]) -> dict[str, Any]:
    """Return the entry of `reasoning_details` that says what a part, or a fragment of one, says."""
    if isinstance(data := part.get("data"), str) and data:
        return {"type": "reasoning.encrypted", "data": data}
    signature = part.get("signature")
    signed = {"signature": signature} if isinstance(signature, str) and signature else {}
    return {"type": "reasoning.text", "text": thinking_text(part), **signed}


def is_sealed(detail: dict[str, Any]) -> bool:
    """Return whether an entry has to go back to the model: it is signed or hidden. Plain text need not."""
    return bool(detail.get("signature") or detail.get("data"))


def move_thinking(message: dict[str, Any]) -> dict[str, Any]:
    """Return the message with its thinking parts as `reasoning` and `reasoning_details`; itself when it has none.

    What the message says there already stays: the parts repeat it.
    """
    content = message.get("content")
    if not isinstance(content, list) or not any(map(is_thinking, content)):
        return message
    parts = [part for part in content if is_thinking(part)]
    moved = {**message, "content": [part for part in content if not is_thinking(part)]}
    if not message.get("reasoning_details") and (details := list(filter(is_sealed, map(thinking_detail, parts)))):
        moved["reasoning_details"] = details
    if not any(message.get(key) for key in REASONING_KEYS):
        moved["reasoning"] = "".join(map(thinking_text, parts))
    return moved
