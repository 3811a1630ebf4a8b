"""What an error answer states, read from its headers and its body; it draws no conclusion and never raises."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.errors.message_text import by_key, text_in, with_inner_facts
from kilo_gateway.errors.text import MAX_BODY_CHARACTERS, bounded, cut, one_line, status_phrase
from kilo_gateway.errors.waits import parse_rate_limit_reset, parse_retry_after, parse_wait_in_body, parse_wait_in_text

if TYPE_CHECKING:
    from datetime import datetime

_REQUEST_ID_HEADERS = ("x-vercel-id", "request-id", "x-request-id", "cf-ray", "x-amzn-requestid")
_REQUEST_IDS = ("vercelrequestid", "id", "requestid")
_STATUS_KEYS = ("status", "statuscode", "httpstatus", "httpstatuscode", "errno", "errorcode", "errcode")
_WORD_KEYS = ("status", "errorcode", "type", "reason")
"""Where servers other than the gateway put the word for an error; `__type` is AWS's."""
_SINGLE_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_.#:-][A-Za-z0-9]+)+|[A-Za-z0-9]+(?:Error|Exception)")
_SECRET_HEADERS = frozenset({"set-cookie", "authorization"})
_CUSTOM_MODEL = "error"
"""`error.type` of an organization's own model."""
_LONGEST_SENTENCE = 2000
_LONGEST_WORD = 200
_LOWEST_ERROR, _HIGHEST_ERROR = 400, 599
_LARGEST_CODE = 2**63


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """One error answer."""

    http_status: int
    said: str
    """What the gateway said, on one line; never empty."""
    code: str | int | None
    """`error.code` as sent."""
    error_type: str | None
    """`error_type`, else `error.type`."""
    stated_status: int | None
    """A status from 400 to 599 that the body states beside the code, as `status` or `statusCode`."""
    other_words: tuple[str, ...]
    """Words that stand where other servers than the gateway put them."""
    provider: str | None
    upstream: str | None
    """`error.metadata.raw` as text."""
    upstream_said: str | None
    """The message inside `upstream`, on one line."""
    title: str | None
    balance: float | None
    buy_credits_url: str | None
    reasons: str | None
    """`error.metadata.reasons` of a refusal by moderation, on one line."""
    is_relayed: bool
    """Whether OpenRouter wrote the error and the gateway passed it on."""
    request_id: str | None
    retry_after_seconds: float | None
    model: str | None
    """The model named in the body."""
    headers: dict[str, str]
    """Lower-case names, without cookies."""

    @property
    def numeric_code(self) -> int | None:
        """The code as an HTTP status from 400 to 599, else the status that the body states; None for neither."""
        return _error_status(self.code) or self.stated_status

    @property
    def words(self) -> tuple[str, ...]:
        """`error_type`, a code that is a word, and words in other places, the more telling first."""
        is_word = isinstance(self.code, str) or (self.code is not None and _error_status(self.code) is None)
        code = str(self.code) if is_word else None
        return tuple(word for word in (self.error_type, code, *self.other_words) if word)

    @property
    def is_own_provider_key(self) -> bool:
        """Whether the error is about the user's own key at a provider (BYOK)."""
        return self.error_type == "byok_error" or self.said.startswith("[BYOK]")


def parse_facts(
    http_status: int, headers: Mapping[str, str], body: Mapping[str, Any], error: object, now: datetime | None
) -> ErrorFacts:
    """Return what the body states; `error` is the part of it that describes the error, of any type."""
    inner: Mapping[str, Any] = with_inner_facts(error) if isinstance(error, Mapping) else {}
    metadata = _mapping(inner.get("metadata"))
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    raw = _raw_text(metadata.get("raw"))
    raw_said = text_in(raw)
    said = _said(http_status, body, error)
    keyed = (by_key(inner), by_key(body))
    return ErrorFacts(
        http_status=http_status,
        said=said,
        code=_code(inner.get("code", body.get("code"))),
        error_type=_word(body.get("error_type")) or _word(inner.get("error_type")) or _word(inner.get("type")),
        stated_status=next(
            (found for name in _STATUS_KEYS for part in keyed if (found := _error_status(part.get(name)))), None
        ),
        other_words=_other_words(keyed, body, lowered),
        provider=_word(metadata.get("provider_name")) or _word(body.get("provider")),
        upstream=raw,
        upstream_said=one_line(raw_said, _LONGEST_SENTENCE) or None if raw_said else None,
        title=_word(inner.get("title")),
        balance=_money(inner.get("balance")),
        buy_credits_url=_word(inner.get("buyCreditsUrl")) or _word(metadata.get("buyCreditsUrl")),
        reasons=_reasons(metadata.get("reasons")),
        is_relayed="user_id" in body or ("metadata" in inner and inner.get("type") != _CUSTOM_MODEL),
        request_id=_request_id(lowered, keyed[1]),
        retry_after_seconds=_wait(lowered, metadata, now, (*keyed, by_key(metadata)), said),
        model=_word(body.get("model")),
        headers={name: value for name, value in lowered.items() if name not in _SECRET_HEADERS},
    )


def _said(http_status: int, body: Mapping[str, Any], error: object) -> str:
    """Return both texts of a body that has `error` and `message`, unless one is within the other."""
    parts = [text_in(error)]
    if isinstance(error, Mapping):
        parts.insert(0, _word(error.get("title")))
    if body is not error:
        parts.append(text_in({key: value for key, value in body.items() if key != "error"}))
    said = ""
    for part in (one_line(part, _LONGEST_SENTENCE) for part in parts if part):
        if said in part:
            said = part
        elif part not in said:
            said = f"{said} {part}" if said.endswith((".", "!", "?")) else f"{said}: {part}"
    return said or f"The gateway answered {status_phrase(http_status)} with an error and gave no reason"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: object) -> str | None:
    return (one_line(value, _LONGEST_WORD) or None) if isinstance(value, str) else None


def _code(value: object) -> str | int | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < _LARGEST_CODE else None
    return _word(value)


def _money(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if math.isfinite(amount) else None


def _raw_text(raw: object) -> str | None:
    if raw is None or isinstance(raw, str):
        return cut(raw, MAX_BODY_CHARACTERS) if raw else None
    try:
        return cut(orjson.dumps(bounded(raw)).decode(), MAX_BODY_CHARACTERS)
    except TypeError:  # orjson refuses integers of more than 64 bits
        return text_in(raw)


def _reasons(value: object) -> str | None:
    words = [word for item in value[:10] if (word := _word(item))] if isinstance(value, list) else []
    return one_line(", ".join(words), _LONGEST_WORD) if words else None


def _request_id(headers: Mapping[str, str], body: Mapping[str, Any]) -> str | None:
    named = [headers.get(name) for name in _REQUEST_ID_HEADERS]
    stated = [body.get(name) for name in _REQUEST_IDS]
    return next((word for item in (*named, *stated) if (word := _word(item))), None)


def _error_status(value: object) -> int | None:
    """Return a number from 400 to 599, be it written as text; None for anything else."""
    digits = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) == len("429")):
        return None
    return int(digits) if _LOWEST_ERROR <= int(digits) <= _HIGHEST_ERROR else None


def _other_words(
    keyed: tuple[Mapping[str, Any], ...], body: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[str, ...]:
    """Return words such as Google's `status` and its details' `reason`, AWS's `__type`, and an OAuth error."""
    found: list[object] = [part.get(name) for part in keyed for name in _WORD_KEYS]
    for part in keyed:
        details = part.get("details")
        found += (
            [detail.get("reason") for detail in details[:10] if isinstance(detail, Mapping)]
            if isinstance(details, list)
            else []
        )
    aws = body.get("__type") or headers.get("x-amzn-errortype", "").partition(":")[0]
    found += [aws.rpartition("#")[2] if isinstance(aws, str) else None, body.get("error")]
    words = (word for item in found if (word := _word(item)) and (_SINGLE_WORD.fullmatch(word) or word.isupper()))
    return tuple(dict.fromkeys(words))


def _wait(
    headers: Mapping[str, str],
    metadata: Mapping[str, Any],
    now: datetime | None,
    keyed: tuple[Mapping[str, Any], ...],
    said: str,
) -> float | None:
    """Return the wait that is asked for, by the answer's headers rather than by its body."""
    relayed = _mapping(metadata.get("headers"))
    for wait in (parse_retry_after(headers, now), parse_retry_after(relayed, now)):
        if wait is not None:
            return wait
    reset = parse_rate_limit_reset(relayed, now)
    if reset is not None:
        return reset
    in_body = next((wait for part in keyed if (wait := parse_wait_in_body(part)) is not None), None)
    return parse_wait_in_text(said) if in_body is None else in_body
