"""Retry delays and the headers they obey."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import (
    BadRequestError,
    ConnectionFailedError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
    TruncatedStreamError,
)
from kilo_gateway.errors.waits import (
    MAX_RETRY_AFTER_SECONDS,
    parse_rate_limit_reset,
    parse_retry_after,
    retry_delay,
)

NOW = datetime(1994, 11, 6, 8, 49, 34, tzinfo=UTC)


def _unavailable(after: float | None = None) -> ServiceUnavailableError:
    return ServiceUnavailableError("busy", status=503, retry="soon", retry_after_seconds=after)


@pytest.mark.parametrize(
    ("attempt", "longest"), [(0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (99, 8.0), (10**6, 8.0)]
)
def test_backoff_doubles_up_to_a_ceiling(attempt: int, longest: float) -> None:
    """The wait doubles from half a second to eight, and jitter takes off a quarter at most."""
    without_jitter = retry_delay(_unavailable(), attempt=attempt, max_retries=10**7, rng=lambda: 0.0)
    with_all = retry_delay(_unavailable(), attempt=attempt, max_retries=10**7, rng=lambda: 1.0)

    assert without_jitter == longest
    assert with_all == pytest.approx(longest * 0.75)


@pytest.mark.parametrize(
    ("attempt", "max_retries", "tries_again"),
    [(0, 2, True), (1, 2, True), (2, 2, False), (3, 2, False), (0, 0, False), (0, 1, True), (0, -1, False)],
)
def test_the_number_of_retries_is_exact(attempt: int, max_retries: int, tries_again: bool) -> None:
    """`max_retries=2` means three requests and 0 means one."""
    assert (retry_delay(_unavailable(), attempt=attempt, max_retries=max_retries) is not None) is tries_again


@pytest.mark.parametrize(
    ("error", "tries_again"),
    [
        (ConnectionFailedError("x"), True),
        (RequestTimeoutError("x"), True),
        (TruncatedStreamError("x"), True),
        (RateLimitError("x", retry="soon"), True),
        (RateLimitError("x", retry="later"), False),
        (BadRequestError("x", retry="never"), False),
        (MalformedAnswerError("x"), False),
        (InvalidSettingError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_the_advice_soon_is_retried(error: KiloError, tries_again: bool) -> None:
    """The error itself says whether a retry makes sense, not its status."""
    assert (retry_delay(error, attempt=0, max_retries=2) is not None) is tries_again


@pytest.mark.parametrize(
    ("asked", "shortest", "longest"),
    [
        (0.0, 0.375, 0.5),
        (0.2, 0.375, 0.5),
        (2.0, 2.0, 2.5),  # not before 2 s, not after 4 s
        (3.0, 3.0, 3.75),  # not before the date, at most 3 s after it
        (4.0, 4.0, 5.0),
        (30.0, 30.0, 31.0),
        (60.0, 60.0, 61.0),
    ],
)
def test_the_wait_asked_for_is_a_lower_bound(asked: float, shortest: float, longest: float) -> None:
    """Never earlier than the gateway asked, and at most a quarter or a second later."""
    rngs = [repeat(draw).__next__ for draw in (0.0, 0.5, 1.0)]
    waits = [retry_delay(_unavailable(asked), attempt=0, max_retries=2, rng=rng) for rng in rngs]

    assert all(wait is not None and shortest <= wait <= longest for wait in waits)
    assert all(wait is not None and wait >= asked for wait in waits)


@pytest.mark.parametrize("asked", [60.001, 3600.0, 1e300, float("inf")])
def test_a_wait_longer_than_the_ceiling_is_no_retry(asked: float) -> None:
    """Nobody sleeps for an hour inside a call; the caller gets the error and the wait."""
    assert asked > MAX_RETRY_AFTER_SECONDS
    assert retry_delay(_unavailable(asked), attempt=0, max_retries=2) is None


@pytest.mark.parametrize("asked", [-1.0, float("nan"), float("-inf")])
def test_a_senseless_wait_is_ignored(asked: float) -> None:
    """A negative wait or one that is no number falls back to the ordinary backoff."""
    assert retry_delay(_unavailable(asked), attempt=0, max_retries=2, rng=lambda: 0.0) == 0.5


@given(
    attempt=st.integers(-5, 10**9),
    asked=st.none() | st.floats(allow_nan=True, allow_infinity=True),
    draw=st.floats(0.0, 1.0),
)
def test_every_delay_is_within_bounds(attempt: int, asked: float | None, draw: float) -> None:
    """Whatever was asked for, a delay is a finite number of seconds from 0.375 to 61."""
    delay = retry_delay(_unavailable(asked), attempt=attempt, max_retries=10**10, rng=lambda: draw)

    assert delay is None or 0.375 <= delay <= 61


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "5"}, 5.0),
        ({"Retry-After": " 2.5 "}, 2.5),
        ({"RETRY-AFTER": "0"}, 0.0),
        ({"retry-after": ".5"}, 0.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"Retry-After-Ms": "1500", "Retry-After": "99"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "99"}, 99.0),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}, 3.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:37 GMT"}, 3.0),
        ({"retry-after": "Sun Nov  6 08:49:37 1994"}, 3.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:30 GMT"}, 0.0),
        ({"retry-after": "Sun, 06 Nov 1994 09:49:37 +0100"}, 3.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after-ms": "-1"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "5, 5"}, None),
        ({"retry-after": "Sun, 99 Nov 1994 08:49:37 GMT"}, None),
        ({"retry-after": "Sun, 06 Nov 99999 08:49:37 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_every_spelling(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds, seconds and all three date formats are read; anything else is no wait."""
    assert parse_retry_after(headers, NOW) == seconds
    assert parse_retry_after(headers, NOW.replace(tzinfo=None)) == seconds


def test_a_date_without_a_clock_is_compared_with_the_answers_own() -> None:
    """A rule has no clock: the server's `date` takes its place, and without both a date says nothing."""
    later = {"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}

    assert parse_retry_after({**later, "Date": "Sun, 06 Nov 1994 08:49:30 GMT"}, None) == 7.0
    assert parse_retry_after(later, None) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"X-RateLimit-Reset": "784111779000"}, None),  # a moment of 1994 is too small to be sure of the unit
        ({"X-RateLimit-Reset": "1741305660000"}, 60.0),
        ({"x-ratelimit-reset": "1741305500000"}, 0.0),
        ({"x-ratelimit-reset": "60"}, None),
        ({"x-ratelimit-reset": "tomorrow"}, None),
        ({}, None),
    ],
)
def test_rate_limit_reset_is_a_moment_in_milliseconds(headers: dict[str, str], seconds: float | None) -> None:
    """Only what is surely a moment since 1970 in milliseconds counts."""
    assert parse_rate_limit_reset(headers, datetime(2025, 3, 7, 0, 0, tzinfo=UTC)) == seconds
    assert parse_rate_limit_reset(headers, None) is None


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text(max_size=40)))
def test_no_header_breaks_the_reader(headers: dict[str, str]) -> None:
    """Any text in the headers gives a finite wait or none."""
    for now in (NOW, None):
        seconds = parse_retry_after(headers, now)
        assert seconds is None or 0 <= seconds < float("inf")
