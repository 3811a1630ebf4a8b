"""A usage in which every fact is there, and what OpenInference's span of its call has to show in both frameworks."""

from __future__ import annotations

from typing import Any, Final

USAGE: Final[dict[str, Any]] = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "cost": 0.5,
    "cost_details": {"upstream_inference_prompt_cost": 0.2, "upstream_inference_completions_cost": 0.3},
    "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 10},
    "completion_tokens_details": {"reasoning_tokens": 20},
}

OPENINFERENCE: Final = {
    "openinference.span.kind": "LLM",
    "llm.provider": "kilo",
    "llm.token_count.prompt": 100,
    "llm.token_count.completion": 50,
    "llm.token_count.total": 150,
    "llm.token_count.prompt_details.cache_read": 40,
    "llm.token_count.prompt_details.cache_write": 10,
    "llm.token_count.completion_details.reasoning": 20,
    "llm.cost.total": 0.5,
    "llm.cost.prompt": 0.2,
    "llm.cost.completion": 0.3,
}
