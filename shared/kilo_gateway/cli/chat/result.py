"""An answer as an object for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kilo_gateway.cli.chat.turn import Turn


def turn_object(turn: Turn, *, value: Any, conversation: str | None) -> dict[str, Any]:
    """Return a turn for scripts; null is unknown. `value` is the parsed answer to a schema."""
    last = turn.last
    usage = turn.usage() or dict.fromkeys(("input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens"))
    return {
        "text": turn.text,
        "reasoning": turn.reasoning or None,
        "json": value,
        "model": None if last is None else last.model,
        "requested_model": None if last is None else last.requested_model,
        "provider": None if last is None else last.provider,
        "finish_reason": turn.finish_reason,
        "usage": usage,
        "cost": turn.cost,
        "conversation": conversation,
        "tool_calls": turn.tool_calls,
        "attachments": [one.describe() for one in turn.attachments],
        "seconds": None if turn.seconds is None else round(turn.seconds, 3),
    }
