"""The reasoning that the built-in models show: what they really did, in a few sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.brain.strings import topic

if TYPE_CHECKING:
    from kilo_gateway.testing.draft import Draft


def wants_reasoning(body: dict[str, Any]) -> bool:
    """Whether the request asks for reasoning: `reasoning` with an effort, a budget or `enabled`, or an old flag."""
    reasoning = body.get("reasoning")
    if isinstance(reasoning, dict):
        if reasoning.get("enabled") is False or reasoning.get("effort") == "none":
            return False
        return bool(reasoning.get("effort") or reasoning.get("max_tokens") or reasoning.get("enabled"))
    effort = body.get("reasoning_effort")
    return bool(body.get("include_reasoning")) or (isinstance(effort, str) and effort not in ("", "none"))


def add_reasoning(draft: Draft, body: dict[str, Any], question: str) -> None:
    """Put the reasoning into the draft when the request asks for it; `exclude` and the old flag hide it."""
    if not wants_reasoning(body):
        return
    steps = [f"The request is about: {topic(question) or 'nothing in particular'}."]
    if draft.tool_calls:
        steps.append("I need " + ", ".join(dict.fromkeys(call.name for call in draft.tool_calls)) + " for it.")
    else:
        steps.append("I look for the sentence that shares most words with it.")
    draft.reasoning = " ".join(steps)
    reasoning = body.get("reasoning")
    is_excluded = isinstance(reasoning, dict) and reasoning.get("exclude") is True
    draft.hides_reasoning = is_excluded or body.get("include_reasoning") is False
