"""The parts that decide by themselves: how many at once, and what a request can cost."""

from __future__ import annotations

import os
from decimal import Decimal
from time import monotonic
from typing import Any

import pytest

from kilo_gateway.batch import Budget, Request
from kilo_gateway.batch.concurrency import START, ConcurrencyLimit
from kilo_gateway.batch.requests import prepare
from kilo_gateway.catalog.catalog import Catalog
from kilo_gateway.catalog.models import ModelInfo
from kilo_gateway.catalog.prices import Pricing
from kilo_gateway.cli.batch.display import Counts, render_money
from kilo_gateway.cli.batch.screen import BatchScreen
from kilo_gateway.costs.bounds import ESTIMATED_OUTPUT_TOKENS, output_bound, reasons_to_estimate
from kilo_gateway.costs.prices import bound_of_cost, listed_price
from kilo_gateway.errors import InvalidSettingError


def rounds(limit: ConcurrencyLimit, count: int) -> list[int]:
    """Return the limit after each of so many rounds of successes."""
    values = []
    for _ in range(count):
        for _ in range(limit.value):
            limit.succeeded()
        values.append(limit.value)
    return values


def test_the_limit_doubles_up_to_the_ceiling() -> None:
    """A run starts small and doubles with each round of successes."""
    limit = ConcurrencyLimit(200)
    assert limit.value == START
    assert rounds(limit, 5) == [40, 80, 160, 200, 200]


def test_after_a_pause_it_doubles_back_and_then_creeps() -> None:
    """After a refusal the limit begins at one, doubles to four fifths of where it was, and grows slowly from there."""
    limit = ConcurrencyLimit(200)
    limit.paused(100)
    assert rounds(limit, 9) == [2, 4, 8, 16, 32, 64, 80, 84, 89]


def test_a_refused_probe_does_not_lower_the_aim() -> None:
    """A probe that is refused again says nothing about how many the gateway takes."""
    limit = ConcurrencyLimit(200)
    limit.paused(100)
    limit.paused(1)
    assert rounds(limit, 7)[-1] == 80


@pytest.mark.parametrize("ceiling", [1, 3, 20])
def test_small_ceilings(ceiling: int) -> None:
    """The limit is never above its ceiling nor below one."""
    limit = ConcurrencyLimit(ceiling)
    limit.paused(ceiling)
    assert limit.value == 1
    assert max(rounds(limit, 60)) == ceiling


def test_what_a_request_can_cost() -> None:
    """Every byte of the body counts as a token, every allowed output token too, and the request's own price."""
    pricing = Pricing(prompt=Decimal(2), completion=Decimal(10), request=Decimal("0.01"))
    bound = bound_of_cost(pricing, body_bytes=500_000, output_tokens=100_000)
    assert bound == Decimal(1) + Decimal(1) + Decimal("0.01")
    assert bound_of_cost(Pricing(prompt=Decimal(1)), body_bytes=1, output_tokens=1) is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"max_tokens": 10}, 10),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"max_tokens": 10, "max_completion_tokens": 20}, 20),
        ({}, ESTIMATED_OUTPUT_TOKENS),
    ],
)
def test_how_much_output_a_body_allows(body: dict[str, Any], expected: int) -> None:
    """`max_tokens` times `n` is a bound; without it a fixed number stands in."""
    assert output_bound(body) == expected


def part(kind: str, **holder: str) -> dict[str, Any]:
    """Return the messages of a prompt with one medium."""
    return {"messages": [{"role": "user", "content": [{"type": kind, kind: holder}]}]}


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        ({"max_tokens": 1}, []),
        ({"max_completion_tokens": 1, "tools": [{"type": "function"}]}, []),
        ({}, ["no max_tokens"]),
        ({"max_tokens": 1} | part("image_url", url="data:image/png;base64,AA"), []),
        ({"max_tokens": 1} | part("image_url", url="https://example.org/a.png"), ["media named by a URL"]),
        ({"max_tokens": 1} | part("file", file_data="HTTPS://example.org/a.pdf"), ["media named by a URL"]),
        ({"max_tokens": 1, "plugins": [{"id": "web"}]}, ["tools that a server runs"]),
        ({"max_tokens": 1, "tools": [{"type": "openrouter:web_search"}]}, ["tools that a server runs"]),
        ({"max_tokens": 1, "model": "lab/model:online"}, ["tools that a server runs"]),
        ({"max_tokens": 1, "models": ["lab/dear"]}, ["models to fall back on"]),
        ({"max_tokens": 1, "prediction": {"type": "content"}}, ["audio or predicted output"]),
    ],
)
def test_bounds_that_are_estimates(body: dict[str, Any], reasons: list[str]) -> None:
    """What makes a bound an estimate is found in the body, and only that."""
    assert reasons_to_estimate(body) == reasons


def test_what_auto_costs_is_not_known() -> None:
    """A list that states a price for an id behind which the gateway chooses a model says nothing of its price."""
    free = Pricing(prompt=Decimal(0), completion=Decimal(0))
    ids = ("kilo/auto", "kilo-auto/free", "lab/model")
    catalog = Catalog(tuple(ModelInfo(id=name, name=name, pricing=free) for name in ids))
    assert [listed_price(catalog, name) for name in (*ids, "lab/other")] == [None, free, free, None]


def test_budgets_reserve_and_settle() -> None:
    """What is reserved is not left; what was settled is spent; what does not fit is not reserved."""
    budget = Budget("1.00")
    assert budget.reserve(Decimal("0.75"))
    assert not budget.reserve(Decimal("0.26"))
    budget.settle(Decimal("0.75"), Decimal("0.10"))
    assert (budget.spent, budget.reserved, budget.left) == (Decimal("0.10"), 0, Decimal("0.90"))


@pytest.mark.parametrize("wrong", ["five", "", float("nan"), float("inf"), -1, None])
def test_amounts_that_are_none(wrong: Any) -> None:
    """A budget that is no amount is refused."""
    with pytest.raises(InvalidSettingError):
        Budget(wrong)


def test_a_fingerprint_is_of_what_is_sent() -> None:
    """Another model, prompt, option, endpoint or id is another fingerprint; the order of keys in a file is none."""
    body = {"model": "lab/model", "messages": [{"role": "user", "content": "x"}], "seed": 1}
    asked = [
        Request("a", body),
        Request("b", body),
        Request("a", {**body, "model": "lab/other"}),
        Request("a", {**body, "messages": [{"role": "user", "content": "y"}]}),
        Request("a", {**body, "seed": 2}),
        Request("a", {"model": "lab/model", "input": "x"}, "/v1/embeddings"),
    ]
    found = [prepare(request).fingerprint for request in asked]
    assert len(set(found)) == len(asked)
    assert prepare(Request("a", body, "/chat/completions")).fingerprint == found[0]


def test_vectors_are_numbers_unless_asked_otherwise() -> None:
    """An output of embeddings holds what the field's files hold, not the spelling that calls prefer."""
    body = {"model": "lab/model", "input": "x"}
    assert prepare(Request("a", body, "/v1/embeddings")).body["encoding_format"] == "float"
    asked = {**body, "encoding_format": "base64"}
    assert prepare(Request("a", asked, "/v1/embeddings")).body["encoding_format"] == "base64"


def test_the_time_to_go_counts_this_run_only() -> None:
    """Rows of an earlier run neither shorten nor lengthen what is left, and before the first result it is unknown."""
    counts = Counts(1000, resumed=900, failed_before=5, begun_at=monotonic() - 10)
    assert counts.seconds_left() is None
    counts.done_now, counts.failed_now = 45, 5
    assert counts.seconds_left() == pytest.approx(10, rel=0.01)
    assert (counts.done, counts.failed, counts.left) == (940, 10, 50)


@pytest.mark.parametrize(
    ("usd", "shown"),
    [("0", "$0"), ("0.0000004", "$0.0000004"), ("12.50", "$12.5"), ("1E-7", "$0.0000001"), ("100", "$100")],
)
def test_money_is_shown_to_the_last_digit(usd: str, shown: str) -> None:
    """A sum is never rounded to nothing, and never shown with an exponent."""
    assert render_money(Decimal(usd)) == shown
    assert render_money(Decimal(usd), 2) == f"{shown} + 2 answers of unknown cost"


def test_nothing_is_left_to_write_where_nobody_reads() -> None:
    """A line for a stream that nobody reads goes nowhere, and does not fail when the stream is flushed at the end."""
    reader, writer = os.pipe()
    with open(writer, "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor
        os.close(reader)
        BatchScreen(stream).say("under way")
        stream.flush()
