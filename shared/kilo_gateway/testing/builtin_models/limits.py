"""Cuts an answer at stop strings and token limits. Changes the draft in place; counts as `tokens` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.tokens import count_tokens, split_tokens

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.draft import Draft


def cut_at_stop(text: str, stop: Any) -> str:
    """Return the text before the first stop string; `stop` is a string, a list of them, or nothing."""
    marks = [stop] if isinstance(stop, str) else stop if isinstance(stop, list) else []
    ends = [text.find(mark) for mark in marks if isinstance(mark, str) and mark]
    found = [end for end in ends if end >= 0]
    return text[: min(found)] if found else text


def token_limit(body: dict[str, Any]) -> int | None:
    """Return the smaller of the request's limits, or None without one."""
    limits = [body.get(name) for name in ("max_tokens", "max_completion_tokens")]
    given = [int(limit) for limit in limits if isinstance(limit, int | float) and limit > 0]
    return min(given) if given else None


def apply_limits(draft: Draft, body: dict[str, Any]) -> None:
    """Cut reasoning, text and tool arguments, in this order, to what the request allows."""
    if draft.text is not None:
        draft.text = cut_at_stop(draft.text, body.get("stop"))
    limit = token_limit(body)
    if limit is None or completion_tokens(draft)[0] <= limit:
        return
    draft.finish_reason = "length"
    draft.reasoning, left = _cut(draft.reasoning, limit)
    draft.text, left = _cut(draft.text, left)
    kept = []
    for call in draft.tool_calls:
        if left <= 0:
            break
        left -= count_tokens(call.name)
        call.arguments, left = _cut(call.arguments, left)  # type: ignore[assignment]  # text stays text
        kept.append(call)
    draft.tool_calls = kept


def _cut(text: str | None, left: int) -> tuple[str | None, int]:
    if text is None:
        return None, left
    parts = split_tokens(text)
    return "".join(parts[: max(left, 0)]), left - len(parts)


def completion_tokens(draft: Draft) -> tuple[int, int]:
    """Return (all tokens, those of them spent on reasoning) of an answer."""
    if draft.repeat:
        return draft.repeat, 0
    reasoning = count_tokens(draft.reasoning or "")
    calls = sum(count_tokens(call.name) + count_tokens(call.arguments) for call in draft.tool_calls)
    return reasoning + count_tokens(draft.text or "") + calls, reasoning
