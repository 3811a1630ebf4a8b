"""Tokens and cost as the gateway reports them. Exact decimal arithmetic; pure."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any


def price(entry: dict[str, Any] | None, name: str) -> Decimal | None:
    """Return USD per token from a catalog entry; None when unknown (absent, not a number, negative)."""
    pricing = (entry or {}).get("pricing")
    try:
        value = Decimal(str(pricing.get(name))) if isinstance(pricing, dict) else None
    except InvalidOperation:
        return None
    return value if value is not None and value >= 0 else None


def render_usage(
    *,
    prompt_tokens: int,
    completion_tokens: int,
    reasoning_tokens: int,
    entry: dict[str, Any] | None,
    is_byok: bool = False,
    hides_cost: bool = False,
) -> dict[str, Any]:
    """Return the usage object; `hides_cost` leaves out what it cost, as for models that are free for the user."""
    cost = {} if hides_cost else _render_cost(prompt_tokens, completion_tokens, entry, is_byok=is_byok)
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        **cost,
        "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning_tokens, "image_tokens": 0, "audio_tokens": 0},
    }


def _render_cost(prompt: int, completion: int, entry: dict[str, Any] | None, *, is_byok: bool) -> dict[str, Any]:
    prompt_price, completion_price = price(entry, "prompt"), price(entry, "completion")
    if prompt_price is None or completion_price is None:
        return {}
    prompt_cost, completion_cost = prompt_price * prompt, completion_price * completion
    total = prompt_cost + completion_cost
    return {
        "cost": 0 if is_byok or not total else float(total),
        "is_byok": is_byok,
        "cost_details": {
            "upstream_inference_cost": float(total),
            "upstream_inference_prompt_cost": float(prompt_cost),
            "upstream_inference_completions_cost": float(completion_cost),
        },
    }
