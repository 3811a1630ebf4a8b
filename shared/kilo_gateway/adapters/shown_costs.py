"""What an answer cost, as tracing products show it: by LangSmith's names and by OpenInference's. Reads; asks nobody.

OpenInference's instrumentations read tokens from answers, but no costs: those are written into their spans from here.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from kilo_gateway.answer.usage import Usage

LANGSMITH: Final = {"total": "total_cost", "input": "input_cost", "output": "output_cost"}
"""Keys of `usage_metadata`. Source: langsmith `schemas.ExtractedUsageMetadata`."""
_OPENINFERENCE: Final = {"total": "llm.cost.total", "input": "llm.cost.prompt", "output": "llm.cost.completion"}
_OPENINFERENCE_TOKENS: Final = {
    "llm.token_count.prompt": "input_tokens",
    "llm.token_count.completion": "output_tokens",
    "llm.token_count.total": "total_tokens",
    "llm.token_count.prompt_details.cache_read": "cached_tokens",
    "llm.token_count.prompt_details.cache_write": "cache_write_tokens",
    "llm.token_count.completion_details.reasoning": "reasoning_tokens",
}
_PARTS: Final = {"input": "upstream_inference_prompt_cost", "output": "upstream_inference_completions_cost"}
_INSTRUMENTATION: Final = "openinference."


def costs_of(usage: Usage | None) -> dict[str, float]:
    """Return `total`, what the gateway bills in USD, and `input` and `output` where they add up to it; else nothing."""
    total = None if usage is None else usage.billed_cost
    if usage is None or total is None:
        return {}
    details: Any = usage.body.get("cost_details")
    parts = {name: details.get(key) for name, key in _PARTS.items()} if isinstance(details, dict) else {}
    numbers = {name: part for name, part in parts.items() if isinstance(part, (int, float))}
    is_whole = len(numbers) == len(_PARTS) and math.isclose(sum(numbers.values()), total, rel_tol=1e-6)
    return {"total": total, **(numbers if is_whole else {})}


def is_openinference(thing: Any) -> bool:
    """Return whether something belongs to an instrumentation of OpenInference."""
    return type(thing).__module__.startswith(_INSTRUMENTATION)


def openinference_span() -> Any:
    """Return the span that OpenInference keeps of what is being called; None without one.

    Its stand-in for the span becomes another one once the call has returned, before a stream is read.
    """
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is None or "openinference.instrumentation" not in sys.modules:
        return None
    span = trace.get_current_span()
    return getattr(span, "__wrapped__", span) if is_openinference(span) else None


def describe_no_cost(span: Any) -> None:
    """Write into a span of OpenInference that nothing was paid."""
    if span is not None and span.is_recording():
        span.set_attribute(_OPENINFERENCE["total"], 0.0)


def describe_usage(span: Any, usage: Usage | None) -> None:
    """Write tokens and cost into a span of OpenInference, if it is still being written; several requests add up."""
    if span is None or usage is None or not span.is_recording():
        return
    tokens = {name: getattr(usage, field) for name, field in _OPENINFERENCE_TOKENS.items()}
    costs = {_OPENINFERENCE[name]: cost for name, cost in costs_of(usage).items()}
    before = getattr(span, "attributes", None) or {}
    span.set_attribute("llm.provider", "kilo")
    for name, value in (tokens | costs).items():
        if value is not None:
            span.set_attribute(name, value + before.get(name, 0))
