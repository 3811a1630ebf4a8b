"""Tokens, cost and the billing rule."""

from __future__ import annotations

from functools import reduce
from typing import Any, cast

import pytest

from kilo_gateway.answer.usage import Usage, merge_usages, parse_count, parse_usage
from kilo_gateway.wire import UsageBody

FULL = {
    "prompt_tokens": 326,
    "completion_tokens": 91,
    "total_tokens": 417,
    "cost": 0.0001,
    "is_byok": False,
    "prompt_tokens_details": {
        "cached_tokens": 1,
        "cache_write_tokens": 2,
        "audio_tokens": 3,
        "image_tokens": 8,
        "video_tokens": 4,
    },
    "completion_tokens_details": {"reasoning_tokens": 5, "image_tokens": 6, "audio_tokens": 7, "video_tokens": 9},
    "cost_details": {"upstream_inference_cost": 0.0003253, "upstream_inference_prompt_cost": 9.78e-05},
    "server_tool_use_details": {"web_search_requests": 1},
}


def test_every_count_and_cost_is_read() -> None:
    """A full usage object is read field by field and kept as sent."""
    assert parse_usage(FULL) == Usage(
        input_tokens=326,
        output_tokens=91,
        total_tokens=417,
        cached_tokens=1,
        cache_write_tokens=2,
        reasoning_tokens=5,
        audio_input_tokens=3,
        audio_output_tokens=7,
        image_input_tokens=8,
        image_output_tokens=6,
        video_input_tokens=4,
        video_output_tokens=9,
        cost=0.0001,
        is_byok=False,
        upstream_cost=0.0003253,
        body=cast("UsageBody", FULL),
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prompt_tokens": 7, "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 3}, (7, 4, None, None)),
        ({"prompt_tokens": 7, "cached_tokens": 4, "reasoning_tokens": 2}, (7, 4, None, 2)),
        (
            {"input_tokens": 7, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3},
            (14, 4, 3, None),
        ),
        ({"prompt_tokens": 14, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 3}, (14, 4, 3, None)),
        ({"promptTokenCount": 7, "cachedContentTokenCount": 4, "thoughtsTokenCount": 2}, (7, 4, None, 2)),
        ({"inputTokens": 7, "cachedInputTokens": 4, "reasoningTokens": 2}, (7, 4, None, 2)),
        ({"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}, "cached_tokens": 5}, (7, 4, None, None)),
        ({"prompt_tokens": 7, "prompt_tokens_details": {"cache_creation_tokens": 3}}, (7, None, 3, None)),
    ],
)
def test_caches_and_thoughts_are_counted_under_other_names(body: Any, expected: tuple[int | None, ...]) -> None:
    """DeepSeek, Moonshot, Anthropic, Gemini and Vercel say otherwise what came from a cache and what was thought."""
    usage = parse_usage(body)
    assert usage is not None
    found = (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens, usage.reasoning_tokens)
    assert found == expected


@pytest.mark.parametrize("body", [None, {}, [], "usage", 3, True])
def test_no_usage_is_none(body: Any) -> None:
    """Whatever is no object with something in it is no usage."""
    assert parse_usage(body) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prompt_tokens": None, "completion_tokens": 5}, (0, 5, 5)),
        ({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": None}, (3, 5, 8)),
        ({"prompt_tokens": 3.0, "completion_tokens": "5", "total_tokens": 9}, (3, 5, 9)),
        ({"prompt_tokens": True, "completion_tokens": -5, "total_tokens": []}, (0, 0, 0)),
        ({"prompt_tokens": float("inf"), "completion_tokens": float("nan"), "total_tokens": "many"}, (0, 0, 0)),
        ({"prompt_tokens": 10**400, "completion_tokens": 1, "total_tokens": 1e19}, (0, 1, 1)),
        ({"foo": 1}, (0, 0, 0)),
    ],
)
def test_odd_counts_are_absent_ones(body: dict[str, Any], expected: tuple[int, int, int]) -> None:
    """Null, text, fractions and nonsense never raise; a missing total is the sum."""
    usage = parse_usage(body)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == expected


@pytest.mark.parametrize("details", [None, [], "x", 1, {"cached_tokens": None, "reasoning_tokens": "?"}])
def test_odd_details_are_unknown(details: Any) -> None:
    """Details that are no object, or hold no numbers, leave the counts unknown."""
    keys = ("prompt_tokens_details", "completion_tokens_details", "cost_details")
    usage = parse_usage({"prompt_tokens": 1, **dict.fromkeys(keys, details)})
    assert usage is not None
    assert (usage.cached_tokens, usage.reasoning_tokens, usage.upstream_cost) == (None, None, None)


@pytest.mark.parametrize(
    ("body", "billed", "microdollars"),
    [
        ({"cost": 0.000837, "is_byok": False}, 0.000837, 837),
        ({"cost": 0.000837}, 0.000837, 837),
        ({"cost": 0.000837, "is_byok": None, "cost_details": {"upstream_inference_cost": 1}}, 0.000837, 837),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0003253}}, 0.0003253, 325),
        ({"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, None, None),
        ({"cost": 0.1, "is_byok": True}, None, None),
        ({"cost": 0, "is_byok": False}, 0.0, 0),
        ({"cost": "0.5"}, 0.5, 500_000),
        ({"cost": "free", "prompt_tokens": 1}, None, None),
        ({"cost": 0.0000005}, 0.0000005, 1),
        ({"cost": 0.1, "is_byok": "yes"}, 0.1, 100_000),
        ({"prompt_tokens": 120}, None, None),
    ],
)
def test_what_is_billed(body: dict[str, Any], billed: float | None, microdollars: int | None) -> None:
    """With the gateway's own provider key the upstream cost is billed, else the cost; unknown stays unknown."""
    usage = parse_usage(body)
    assert usage is not None
    assert usage.billed_cost == billed
    assert usage.billed_microdollars == microdollars


@pytest.mark.parametrize("value", [None, 0, 7, -1, 2**53, 2**53 + 2, 10**400, True, False])
def test_counts_are_read_alike_the_short_way_and_the_long(value: Any) -> None:
    """A whole number is the count that the same number as text or as a fraction is."""
    found = parse_count(value)
    if isinstance(value, bool) or value is None:
        assert found is None
    else:
        assert found == parse_count(str(value))
        if abs(value) < 2**53:
            assert found == parse_count(float(value))


@pytest.mark.parametrize(
    "body",
    [
        {"input_tokens": 3, "output_tokens": 4},
        {"promptTokens": 3, "completionTokens": 4, "totalTokens": 7},
        {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
        {"prompt_tokens": None, "completion_tokens": None, "input_tokens": "3", "output_tokens": 4.0},
    ],
)
def test_tokens_under_other_names_are_counted(body: dict[str, Any]) -> None:
    """Counts under the names of other interfaces are the counts, and are not taken for zero."""
    usage = parse_usage(body)
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (3, 4, 7)


def test_details_of_tokens_under_other_names_are_read() -> None:
    """The Responses interface names the details after input and output."""
    body = {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 2},
        "output_tokens_details": {"reasoning_tokens": 1},
    }
    usage = parse_usage(body)
    assert usage is not None
    assert (usage.cached_tokens, usage.reasoning_tokens) == (2, 1)


MERGED: dict[str, tuple[list[dict[str, Any]], tuple[int, int, int]]] = {
    "Anthropic: input first, output last": (
        [
            {"input_tokens": 25, "cache_read_input_tokens": 10, "cache_creation_input_tokens": 5, "output_tokens": 1},
            {"output_tokens": 15},
        ],
        (40, 15, 55),
    ),
    "Anthropic: all counts twice": (
        [
            {"input_tokens": 25, "cache_read_input_tokens": 10, "output_tokens": 1},
            {"input_tokens": 25, "cache_read_input_tokens": 10, "output_tokens": 15},
        ],
        (35, 15, 50),
    ),
    "a relay of Anthropic: 0 where nothing is known": (
        [
            {"prompt_tokens": 25, "completion_tokens": 0, "total_tokens": 25},
            {"prompt_tokens": 0, "completion_tokens": 15, "total_tokens": 15},
        ],
        (25, 15, 40),
    ),
    "a relay of Anthropic: the total of both": (
        [{"prompt_tokens": 25, "total_tokens": 25}, {"completion_tokens": 15, "total_tokens": 40}],
        (25, 15, 40),
    ),
    "other names first": (
        [{"input_tokens": 25, "output_tokens": 1}, {"prompt_tokens": 25, "completion_tokens": 15, "total_tokens": 40}],
        (25, 15, 40),
    ),
    "other names last": (
        [{"prompt_tokens": 25, "completion_tokens": 0, "total_tokens": 25}, {"output_tokens": 15}],
        (25, 15, 40),
    ),
    "vLLM: counts that grow": (
        [{"prompt_tokens": 7, "completion_tokens": n, "total_tokens": 7 + n} for n in (0, 1, 2, 3)],
        (7, 3, 10),
    ),
    "vLLM: counts that grow, then the end": (
        [
            {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
            {"prompt_tokens": 7, "completion_tokens": 4, "total_tokens": 11, "prompt_tokens_details": None},
        ],
        (7, 4, 11),
    ),
    "Gemini: the answer's counts come later": (
        [
            {"promptTokenCount": 8, "totalTokenCount": 8},
            {"promptTokenCount": 8, "thoughtsTokenCount": 30, "totalTokenCount": 38},
            {"promptTokenCount": 8, "candidatesTokenCount": 20, "thoughtsTokenCount": 30, "totalTokenCount": 58},
        ],
        (8, 50, 58),
    ),
    "an estimate that was too high": (
        [
            {"prompt_tokens": 30, "completion_tokens": 9, "total_tokens": 39},
            {"prompt_tokens": 25, "completion_tokens": 8, "total_tokens": 33},
        ],
        (25, 8, 33),
    ),
    "an answer without tokens": (
        [{"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}] * 2,
        (7, 0, 7),
    ),
}
"""Name -> the usages of one stream, and the tokens of input, output and both."""


@pytest.mark.parametrize("name", MERGED)
def test_usages_of_one_answer_are_one(name: str) -> None:
    """Whatever is counted when, nothing is lost, counted twice or taken for the whole."""
    usages, expected = MERGED[name]
    usage = parse_usage(reduce(merge_usages, usages))
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == expected


def test_a_cost_of_the_end_counts() -> None:
    """A cost of 0 that is stated last is the cost: only tokens of 0 are fillers."""
    assert merge_usages({"prompt_tokens": 3, "cost": 0.5}, {"completion_tokens": 2, "cost": 0})["cost"] == 0
