"""Tokens and cost of an answer, and what the gateway bills for it. Reads; never adds up several answers."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from kilo_gateway.wire import UsageBody

_MICRODOLLARS_PER_DOLLAR = 1_000_000
_MAX_COUNT = 2**53
_INPUT = ("prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount", "prompt_eval_count")
_OUTPUT = (
    "completion_tokens",
    "output_tokens",
    "completionTokens",
    "outputTokens",
    "candidatesTokenCount",
    "eval_count",
)
_TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
_ASKED = ("prompt_tokens_details", "input_tokens_details", "promptTokensDetails", "inputTokenDetails")
_ANSWERED = ("completion_tokens_details", "output_tokens_details", "completionTokensDetails", "outputTokenDetails")
_CACHED = (
    *("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "cachedContentTokenCount"),
    *("cachedTokens", "cachedInputTokens", "cacheReadInputTokens"),
)
_CACHE_WRITES = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens", "cacheWriteInputTokens")
_REASONING = ("reasoning_tokens", "reasoningTokens", "thoughtsTokenCount")
"""The gateway's own name first, then those of other interfaces. Ollama writes some of them at the top of the answer."""
_HOLDERS = ("x_groq", "usageMetadata", "usage_metadata")
"""Keys of an answer whose object counts the tokens, or holds a `usage` that does."""
_OTHER_NAMES = frozenset(
    (*_INPUT[1:], *_OUTPUT[1:], *_TOTAL[1:], *_ASKED[1:], *_ANSWERED[1:], *_CACHED, *_CACHE_WRITES, *_REASONING)
)
"""What a usage has that counts elsewhere, or by other names, than the gateway does."""
_OTHER_DETAILS = frozenset((*_CACHED[1:], *_CACHE_WRITES[1:], *_REASONING[1:]))


@dataclass(frozen=True, slots=True)
class Usage:
    """`usage` of an answer: tokens as counts, costs in USD; None where the gateway said nothing."""

    input_tokens: int = 0
    """Tokens of the request, cached ones included."""
    output_tokens: int = 0
    """Tokens of the answer, reasoning included."""
    total_tokens: int = 0
    """As sent; input plus output where the gateway left it out."""
    cached_tokens: int | None = None
    """The part of the input that was read from a prompt cache."""
    cache_write_tokens: int | None = None
    """The part of the input that was written to a prompt cache."""
    reasoning_tokens: int | None = None
    audio_input_tokens: int | None = None
    audio_output_tokens: int | None = None
    image_input_tokens: int | None = None
    image_output_tokens: int | None = None
    video_input_tokens: int | None = None
    video_output_tokens: int | None = None
    cost: float | None = None
    """What the gateway itself was charged by the router that served the request, in USD; see `billed_cost`."""
    is_byok: bool | None = None
    """Whether the gateway's own key at the provider was used; then `cost` is only a fee."""
    upstream_cost: float | None = None
    """`cost_details.upstream_inference_cost`: what the provider charged, in USD."""
    body: UsageBody = field(default_factory=lambda: cast("UsageBody", {}))
    """`usage` as sent."""

    @property
    def billed_cost(self) -> float | None:
        """What the gateway bills for the answer by its general rule, in USD; None when it cannot be known."""
        return self.upstream_cost if self.is_byok else self.cost

    @property
    def billed_microdollars(self) -> int | None:
        """`billed_cost` in the gateway's unit of account, a millionth of a USD, rounded half up."""
        cost = self.billed_cost
        return None if cost is None else math.floor(cost * _MICRODOLLARS_PER_DOLLAR + 0.5)


def parse_usage(body: Any) -> Usage | None:
    """Return the usage that a `usage` object, or a list of one, states; None when there is none."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict) or not body:
        return None
    said = _in_own_names(body)
    asked, answered = (
        _parse_object(said.get("prompt_tokens_details")),
        _parse_object(said.get("completion_tokens_details")),
    )
    input_tokens = parse_count(said.get("prompt_tokens")) or 0
    output_tokens = parse_count(said.get("completion_tokens")) or 0
    total_tokens = parse_count(said.get("total_tokens"))
    is_byok = body.get("is_byok")
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens if total_tokens is None else total_tokens,
        cached_tokens=parse_count(asked.get("cached_tokens")),
        cache_write_tokens=parse_count(asked.get("cache_write_tokens")),
        reasoning_tokens=parse_count(answered.get("reasoning_tokens")),
        audio_input_tokens=parse_count(asked.get("audio_tokens")),
        audio_output_tokens=parse_count(answered.get("audio_tokens")),
        image_input_tokens=parse_count(asked.get("image_tokens")),
        image_output_tokens=parse_count(answered.get("image_tokens")),
        video_input_tokens=parse_count(asked.get("video_tokens")),
        video_output_tokens=parse_count(answered.get("video_tokens")),
        cost=_parse_number(body.get("cost")),
        is_byok=is_byok if isinstance(is_byok, bool) else None,
        upstream_cost=_parse_number(_parse_object(body.get("cost_details")).get("upstream_inference_cost")),
        body=cast("UsageBody", body),
    )


def merge_usages(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Return what two usages of one answer state: the later one, and what only the earlier one knows.

    So where the input is counted first and the output last. A count of 0 or null behind another count is a filler,
    whatever name it has; a total that is less than its parts is left out.
    """
    values = later.values()
    if earlier.keys() <= later.keys() and None not in values and 0 not in values:
        return later
    kept = {key: value for key, value in earlier.items() if key not in _TOTAL}
    said = dict(later)
    is_mixed = False
    for names in (_INPUT, _OUTPUT):
        if any(parse_count(later.get(name)) for name in names):
            kept = {key: value for key, value in kept.items() if key not in names}
        elif any(parse_count(kept.get(name)) for name in names):
            said = {key: value for key, value in said.items() if key not in names}
            is_mixed = True
    merged = {**kept, **{key: value for key, value in said.items() if value is not None or key not in kept}}
    parts = parse_usage({key: value for key, value in merged.items() if key not in _TOTAL}) if is_mixed else None
    least = 0 if parts is None else parts.total_tokens
    return {key: value for key, value in merged.items() if key not in _TOTAL or (parse_count(value) or 0) >= least}


def _in_own_names(body: dict[str, Any]) -> dict[str, Any]:
    """Return a usage with its tokens where the gateway puts them, and by its names; nearly always, it is."""
    asked, answered = _parse_object(_stated(body, _ASKED)), _parse_object(_stated(body, _ANSWERED))
    if _OTHER_NAMES.isdisjoint(body) and _OTHER_DETAILS.isdisjoint(asked) and _OTHER_DETAILS.isdisjoint(answered):
        return body
    cached = _stated_twice(asked, body, _CACHED)
    written = _stated_twice(asked, body, _CACHE_WRITES)
    reasoning = _stated_twice(answered, body, _REASONING)
    input_tokens = parse_count(_stated(body, _INPUT)) or 0
    if "cache_read_input_tokens" in body and "prompt_tokens" not in body:  # Anthropic counts these apart
        input_tokens += (cached or 0) + (written or 0)
    output_tokens = parse_count(_stated(body, _OUTPUT)) or 0
    if "candidatesTokenCount" in body:  # so does Gemini with the thoughts
        output_tokens += reasoning or 0
    return {
        **body,
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": _stated(body, _TOTAL),
        "prompt_tokens_details": {**asked, "cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {**answered, "reasoning_tokens": reasoning},
    }


def find_usage(body: dict[str, Any], choices: list[dict[str, Any]]) -> Usage | None:
    """Return the usage of a whole answer: its own, that of a choice or its message, or where other servers put it."""
    if (usage := parse_usage(body.get("usage"))) is not None:
        return usage
    for choice in reversed(choices):
        for holder in (choice, choice.get("message"), choice.get("delta")):
            if (usage := parse_usage(_parse_object(holder).get("usage"))) is not None:
                return usage
    for holder in (*(_parse_object(body.get(key)) for key in _HOLDERS), body):
        counts = _parse_object(holder.get("usage")) or holder
        if _stated(counts, _INPUT) is not None and _stated(counts, _OUTPUT) is not None:
            return parse_usage({key: counts[key] for key in counts if counts is not body or key in _INPUT + _OUTPUT})
    return None


def _stated_twice(details: dict[str, Any], body: dict[str, Any], keys: tuple[str, ...]) -> int | None:
    """Return the count under the first of these keys that the details have, else the first that the usage has."""
    count = parse_count(details.get(keys[0]))
    if count is not None:
        return count
    stated = _stated(details, keys)
    return parse_count(_stated(body, keys) if stated is None else stated)


def _stated(body: dict[str, Any], keys: tuple[str, ...]) -> Any:
    """Return what stands under the first key that the body has."""
    for key in keys:
        if (value := body.get(key)) is not None:
            return value
    return None


def _parse_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _parse_number(value: Any) -> float | None:
    """Return a finite number, also from text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def parse_count(value: Any) -> int | None:
    """Return a whole number from 0 to 2**53, also from text or a fraction; None for anything else."""
    if value is None or type(value) is int:  # nearly always; test_usage.py holds it to the way below
        return value if value is not None and 0 <= value <= _MAX_COUNT else None
    number = _parse_number(value)
    return int(number) if number is not None and 0 <= number <= _MAX_COUNT else None
