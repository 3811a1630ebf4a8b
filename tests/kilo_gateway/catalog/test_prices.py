"""Prices are read exactly, and what cannot be read is unknown rather than zero."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any

import pytest

from kilo_gateway.catalog.prices import Pricing, parse_pricing, render_pricing


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.000003", "3"),
        ("0.000015", "15"),
        ("0.0000003", "0.3"),
        ("0.00000375", "3.75"),
        ("0.000000870000", "0.87"),
        (" 0.000003 ", "3"),
        ("3e-6", "3"),
        ("+0.000003", "3"),
        (".000003", "3"),
        ("5.", "5000000"),
        (0.000003, "3"),
        (0.0000003, "0.3"),
        (1, "1000000"),
        (Decimal("0.000003"), "3"),
        ("0." + "0" * 8 + "1234567890123456789012345678901234567", "0.001234567890123456789012345678901234567"),
    ],
)
def test_price_per_token_becomes_exact_price_per_million(value: object, expected: str) -> None:
    """A price per token, as text or as a number, is that price times a million to the last digit."""
    price = parse_pricing({"prompt": value}).prompt
    assert str(price) == expected


@pytest.mark.parametrize("value", ["0", "0.0000000", "-0", "-0.0", "0e9999", 0, 0.0, -0.0])
def test_zero_is_a_known_price(value: object) -> None:
    """Every spelling of zero is the price zero."""
    assert str(parse_pricing({"prompt": value}).prompt) == "0"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "   ",
        "-1",
        -1,
        "-0.000001",
        -1e-9,
        "abc",
        "unavailable",
        "NaN",
        "nan",
        "sNaN",
        "NaN123",
        "Infinity",
        "-Infinity",
        "inf",
        float("nan"),
        float("inf"),
        float("-inf"),
        Decimal("NaN"),
        Decimal("Infinity"),
        True,
        False,
        [],
        ["0.000003"],
        {},
        {"usd": "0.000003"},
        b"0.000003",
        "1_000",
        "0x10",
        "٣",
        "$3",
        "0,000003",
        "0.000003 USD",
        "1e999999999",
        "1e-999999999",
        "1e9999999999999999999999999",
        "1e400",
        "1e-400",
        "9" * 65,
        "1" + "0" * 5000,
        pytest.param(10**5000, id="5001 digits"),
        pytest.param(-(10**5000), id="minus 5001 digits"),
        "1e10",
        "e5",
        ".",
        "+",
    ],
)
def test_unreadable_price_is_unknown(value: object) -> None:
    """A price that is negative, missing, beyond belief or no number is None, never zero and never an error."""
    assert parse_pricing({"prompt": value}).prompt is None
    assert parse_pricing({"image": value}).image is None


@pytest.mark.parametrize(("value", "expected"), [("0.01", "0.01"), ("0.0100", "0.01"), (2, "2"), ("10", "10")])
def test_price_per_unit_stays_as_stated(value: object, expected: str) -> None:
    """Prices of requests, images and searches are not scaled."""
    assert str(parse_pricing({"image": value}).image) == expected


def test_application_precision_does_not_matter() -> None:
    """A decimal context that the application has narrowed changes no price."""
    with decimal.localcontext() as context:
        context.prec = 2
        context.traps[decimal.Inexact] = True
        assert parse_pricing({"prompt": "0.00000123456"}).prompt == Decimal("1.23456")


def test_pricing_object_is_read_field_by_field() -> None:
    """Each wire key lands in its field, in its unit."""
    pricing = parse_pricing(
        {
            "prompt": "0.000003",
            "completion": "0.000015",
            "input_cache_read": "0.0000003",
            "input_cache_write": "0.00000375",
            "internal_reasoning": "0.000004",
            "request": "0.005",
            "image": "0.0048",
            "web_search": "0.01",
            "discount": 0.5,
        }
    )
    assert pricing == Pricing(
        prompt=Decimal(3),
        completion=Decimal(15),
        cache_read=Decimal("0.3"),
        cache_write=Decimal("3.75"),
        internal_reasoning=Decimal(4),
        request=Decimal("0.005"),
        image=Decimal("0.0048"),
        web_search=Decimal("0.01"),
    )


def test_missing_keys_are_unknown() -> None:
    """An empty pricing object makes every price unknown."""
    assert set(parse_pricing({}).model_dump().values()) == {None}


def test_router_prices_are_unknown_beside_known_zeros() -> None:
    """An automatic route has unknown token prices and known zeros for the rest."""
    pricing = parse_pricing({"prompt": "-1", "completion": "-1", "request": "0", "image": "0"})
    assert (pricing.prompt, pricing.completion) == (None, None)
    assert (pricing.request, pricing.image) == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"prompt": "0", "completion": "0"},
        {"prompt": "0.000003", "completion": "0.000015", "input_cache_read": "0.0000003", "request": "0.005"},
        {"prompt": "0.00000000000000000000001", "completion": "100000000"},
    ],
)
def test_rendered_prices_read_back_the_same(sent: dict[str, Any]) -> None:
    """Rendering gives the very strings that were sent, without exponents."""
    assert render_pricing(parse_pricing(sent)) == sent


def test_rendering_leaves_out_what_is_unknown() -> None:
    """An unknown price is written as no price at all."""
    assert render_pricing(parse_pricing({"prompt": "-1", "completion": 0.000002})) == {"completion": "0.000002"}
