"""When to try a request again: an error and a count in, seconds or None out. Decides; never sleeps."""

from __future__ import annotations

import math
import random
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kilo_gateway.errors import KiloError

    OnRetry: TypeAlias = Callable[["Retry"], Any]
    """What a caller may have called before each further try; in an async call it may be async."""

FIRST_BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 8.0
MAX_RETRY_AFTER_SECONDS = 60.0
"""A longer wait than this is the caller's decision: the error is raised instead, and shows the wait."""

_BACKOFF_JITTER = 0.25
_RETRY_AFTER_JITTER = 0.25
_MAX_RETRY_AFTER_JITTER_SECONDS = 1.0
_DOUBLINGS = 16
"""More doublings than it takes to reach the ceiling; keeps a huge count from overflowing."""
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{0,9})?|\.\d{1,9}", re.ASCII)
_WAIT_IN_TEXT = re.compile(
    r"(?:try again|retry|wait)(?: again)? (?:in|after|for) (?:about )?"
    r"(?:(\d{1,4}) ?h(?:ours?)? ?)?(?:(\d{1,4}) ?m(?:in(?:ute)?s?)?(?![a-z]) ?)?"
    r"(?:(\d{1,6}(?:\.\d{1,9})?) ?(ms|milliseconds?|s|secs?|seconds?)\b)?",
    re.IGNORECASE,
)
_SECONDS_SAID_AS_SUCH = 120
_UNITS = ((365 * 86400, "years"), (86400, "days"), (3600, "hours"), (60, "minutes"))
_EARLIEST_EPOCH_MILLISECONDS = 1e12
"""Smaller numbers are not a moment in milliseconds since 1970 (this is September 2001)."""


class Retry(NamedTuple):
    """A try that failed and that another one follows."""

    error: KiloError
    attempt: int
    """Which try it was; the first is 1."""
    wait_seconds: float
    """How long until the next one."""


def retry_delay(
    error: KiloError, *, attempt: int, max_retries: int, rng: Callable[[], float] = random.random
) -> float | None:
    """Return the seconds to wait before trying again, or None to give up.

    `attempt` counts the retries already made, 0 first. `rng` gives numbers from 0 to 1. The wait that the gateway
    asked for is a lower bound: jitter only adds to it. An answer that has begun to reach the caller must not be
    retried whatever this says.
    """
    if error.retry != "soon" or attempt >= max_retries:
        return None
    backoff = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(max(attempt, 0), _DOUBLINGS), MAX_BACKOFF_SECONDS)
    wait = backoff * (1 - _BACKOFF_JITTER * rng())
    asked = error.retry_after_seconds
    if asked is None or math.isnan(asked) or asked < 0:
        return wait
    if asked > MAX_RETRY_AFTER_SECONDS:
        return None
    return max(wait, asked + min(_RETRY_AFTER_JITTER * asked, _MAX_RETRY_AFTER_JITTER_SECONDS) * rng())


def parse_retry_after(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Return the wait that `retry-after-ms` or `retry-after` asks for, in seconds; None when neither can be read.

    A moment in the past is 0. Without `now` the answer's own `date` header is the clock. A naive `now` is UTC.
    """
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    milliseconds = _number(lowered.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = lowered.get("retry-after", "")
    seconds = _number(text)
    return _seconds_between(now or lowered.get("date", ""), text) if seconds is None else seconds


def parse_rate_limit_reset(headers: Mapping[str, str], now: datetime | None) -> float | None:
    """Return the seconds until `x-ratelimit-reset`, a moment in milliseconds since 1970; None when there is none.

    The gateway drops this header, but a rate limit of OpenRouter's own repeats it in `error.metadata.headers`
    (seen in public reports, 2025 and 2026).
    """
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    moment = _number(lowered.get("x-ratelimit-reset"))
    if moment is None or moment < _EARLIEST_EPOCH_MILLISECONDS or now is None:
        return None
    return max(0.0, moment / 1000 - _aware(now).timestamp())


def parse_wait_in_body(body: Mapping[str, Any]) -> float | None:
    """Return the wait that an error's own keys ask for, in seconds: Cloudflare's, or Google's `retryDelay` "33s".

    The keys are in lower case, letters and digits only.
    """
    milliseconds = _number(_as_text(body.get("retryafterms")))
    if milliseconds is not None:
        return milliseconds / 1000
    details = body.get("details")
    delays = [item.get("retryDelay") for item in details if isinstance(item, dict)] if isinstance(details, list) else []
    stated = (body.get("retryafter"), body.get("retryafterseconds"), body.get("retrydelay"), *delays)
    return next((wait for item in stated if (wait := _number(_as_text(item).removesuffix("s"))) is not None), None)


def parse_wait_in_text(text: str) -> float | None:
    """Return the wait of a sentence such as "Please try again in 7m12.5s", in seconds; None when there is none."""
    found = _WAIT_IN_TEXT.search(text)
    if found is None or not any(found.groups()):
        return None
    hours, minutes, amount, unit = found.groups()
    seconds = float(amount or 0) / (1000 if (unit or "").lower().startswith(("ms", "mill")) else 1)
    return float(hours or 0) * 3600 + float(minutes or 0) * 60 + seconds


def render_wait(seconds: float) -> str:
    """Return a wait as a person would say it: "12 s", "about 5 minutes", "about 3 days"."""
    if seconds < _SECONDS_SAID_AS_SUCH:
        return f"{math.ceil(seconds)} s"
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size * 2 or unit == "minutes")
    return f"about {round(seconds / size)} {unit}"


def _as_text(value: object) -> str:
    return str(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""


def _number(text: str | None) -> float | None:
    found = _NUMBER.fullmatch((text or "").strip())
    return float(found.group()) if found else None


def _seconds_between(start: datetime | str, end: str) -> float | None:
    try:
        begun = parsedate_to_datetime(start) if isinstance(start, str) else start
        return max(0.0, (_aware(parsedate_to_datetime(end)) - _aware(begun)).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
