"""The known name that was probably meant."""

from __future__ import annotations

import time

import pytest

from kilo_gateway.errors.nearest import nearest_name

KNOWN = ["mode", "model", "models", "temperature", "timeout"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tempratur", "temperature"),
        ("TEMPERATURE", "temperature"),
        ("modle", "model"),
        ("model", "model"),
        ("xyzzy", None),
        ("", None),
    ],
)
def test_the_most_alike_is_meant_and_swapped_letters_count_least(typed: str, meant: str | None) -> None:
    """Of names that are like the typed one, that with the same letters is meant; of names unlike it, none."""
    assert nearest_name(typed, KNOWN) == meant


def test_a_long_name_costs_no_more_than_a_short_one() -> None:
    """Only the beginning of a name is compared."""
    began = time.perf_counter()
    assert nearest_name("timeout" * 100_000, KNOWN) is None
    assert time.perf_counter() - began < 1
