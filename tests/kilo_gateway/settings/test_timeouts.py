"""Timeouts: what an argument means, and what is refused before a request is made."""

from __future__ import annotations

import math
import socket
from decimal import Decimal
from typing import Any

import httpx
import pytest

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.timeouts import MAX_SECONDS, Timeouts, parse_timeouts


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (None, Timeouts(10, 120, 600, None)),
        (5, Timeouts(5, 5, 50, None)),
        (0.5, Timeouts(0.5, 0.5, 5, None)),
        (300, Timeouts(10, 300, 3000, None)),
        (MAX_SECONDS, Timeouts(10, MAX_SECONDS, MAX_SECONDS, None)),
        ((3, 4), Timeouts(3, 4, 600, None)),
        ([3, 900], Timeouts(3, 900, 900, None)),
        ((None, 4), Timeouts(None, 4, 600, None)),
        ((3, None), Timeouts(3, None, 600, None)),
        ({}, Timeouts()),
        ({"read": 5}, Timeouts(10, 5, 600, None)),
        ({"read": 1200}, Timeouts(10, 1200, 1200, None)),
        ({"read": 1200, "silence": 60}, Timeouts(10, 1200, 60, None)),
        ({"silence": None, "total": 30}, Timeouts(10, 120, None, 30)),
        (httpx.Timeout(7), Timeouts(7, 7, 600, None, 7, 7)),
        (httpx.Timeout(1200, connect=3), Timeouts(3, 1200, 1200, None, 1200, 1200)),
        (httpx.Timeout(7, read=None), Timeouts(7, None, 600, None, 7, 7)),
        (httpx.Timeout(7, write=None, pool=None), Timeouts(7, 7, 600, None, MAX_SECONDS)),
        ({"write": 3}, Timeouts(10, 120, 600, None, 3)),
    ],
)
def test_meaning_of_an_argument(value: Any, bounds: Timeouts) -> None:
    """Every form of a timeout means these bounds, and bounds mean themselves."""
    assert parse_timeouts(value) == bounds
    assert parse_timeouts(bounds) is bounds


@pytest.mark.parametrize(
    "value",
    [
        *(0, 0.0, -1, -0.5, math.nan, math.inf, -math.inf, 10**400, -(10**400), 1e308, MAX_SECONDS + 1),
        *("abc", "5", "", b"5", True, False, Decimal(5), object(), {5}, 5j),
        *((), (1,), (1, 2, 3), (0, 1), (1, -1), ("1", 2), (True, 2), [math.nan, 1]),
        *({"red": 5}, {5: 1}, {"read": "5"}, {"read": 0}, {"connect": True}, {"total": math.inf}, {"silence": 10**400}),
        *(httpx.Timeout(0), httpx.Timeout(5, connect=-1)),
    ],
)
def test_unusable_timeout_is_refused(value: Any) -> None:
    """A timeout that cannot work is refused by a clear ValueError that says `timeout`."""
    with pytest.raises(InvalidSettingError, match=r"^timeout") as caught:
        parse_timeouts(value)
    assert isinstance(caught.value, ValueError)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("field", ["connect", "read", "silence", "total"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "5", True])
def test_bounds_check_themselves(field: str, value: Any) -> None:
    """Timeouts made by hand are held to the same rules; the message names the bound."""
    with pytest.raises(InvalidSettingError, match=f"^timeout.{field}="):
        Timeouts(**{field: value})


def test_unknown_bound_is_named() -> None:
    """A misspelt bound is refused, with the names that exist."""
    with pytest.raises(InvalidSettingError, match=r"named red: it knows connect, pool, read, silence, total, write"):
        parse_timeouts({"red": 5})


@pytest.mark.parametrize(
    ("bounds", "longest"),
    [
        (Timeouts(), 120),
        (Timeouts(read=None), 600),
        (Timeouts(read=None, silence=None), None),
        (Timeouts(read=None, silence=None, total=3), 3),
        (Timeouts(read=5, silence=2, total=3), 2),
    ],
)
def test_longest_single_wait(bounds: Timeouts, longest: float | None) -> None:
    """No single wait is longer than the smallest of the bounds on waiting."""
    assert bounds.read_bound == longest


def test_longest_bound_fits_a_socket() -> None:
    """The largest timeout that is accepted is one that the operating system accepts."""
    end, other = socket.socketpair()
    with end, other:
        end.settimeout(MAX_SECONDS)
        assert end.gettimeout() == MAX_SECONDS
