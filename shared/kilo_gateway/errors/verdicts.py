"""Which class an error is, and whether trying again helps: tables, by word, then by text, then by status.

The words are the gateway's own and an open set: one that no row names falls through to the text and the status.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

from kilo_gateway.errors import (
    Advice,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ContextLengthError,
    GatewayError,
    InsufficientCreditsError,
    ModelNotFoundError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
)


class Verdict(NamedTuple):
    """What an error is taken for."""

    cls: type[GatewayError]
    retry: Advice
    status: int | None
    """The status this error usually has; used when the answer names none."""
    remedy: str
    """The row of the remedies that says what to do."""


class _Text(NamedTuple):
    pattern: re.Pattern[str]
    statuses: frozenset[int]
    """Where the text counts; empty for everywhere."""
    verdict: Verdict


_BAD_REQUEST = Verdict(BadRequestError, "never", 400, "request")
_PATH = Verdict(BadRequestError, "never", 400, "base_url")
_ORGANIZATION = Verdict(BadRequestError, "never", 400, "organization")
_CONTEXT = Verdict(ContextLengthError, "never", 400, "context")
_KEY = Verdict(AuthenticationError, "never", 401, "key")
_CREDITS = Verdict(InsufficientCreditsError, "never", 402, "credits")
_POLICY = Verdict(PermissionDeniedError, "never", 403, "policy")
_ROUTING_FORBIDDEN = Verdict(PermissionDeniedError, "never", 403, "routing")
_ROUTING_NOT_FOUND = Verdict(NotFoundError, "never", 404, "routing")
_RESTRICTED = Verdict(PermissionDeniedError, "never", 403, "support")
_MODEL = Verdict(ModelNotFoundError, "never", 404, "model")
_RATE = Verdict(RateLimitError, "soon", 429, "rate")
_QUOTA = Verdict(RateLimitError, "later", 429, "quota")
_UNAVAILABLE = Verdict(ServiceUnavailableError, "soon", 503, "server")

_BY_WORD: dict[str, Verdict] = {
    "abuse_blocked": _RESTRICTED,
    "account_restricted": _RESTRICTED,
    "api_kind_not_supported": _BAD_REQUEST,
    "authentication_required": _KEY,
    "byok_key_required": Verdict(BadRequestError, "never", 400, "add_own_key"),
    "context_length_exceeded": _CONTEXT,
    "data_collection_required": Verdict(BadRequestError, "never", 400, "data_collection"),
    "discontinued_free_model": _MODEL,
    "insufficient_credits": _CREDITS,
    "invalid_path": _PATH,
    "invalid_request": _BAD_REQUEST,
    "invalid_token": _KEY,
    "missing_client_ip": _BAD_REQUEST,
    "model_not_allowed": _POLICY,
    "model_not_found": _MODEL,
    "no_free_models_available": Verdict(ServiceUnavailableError, "later", 503, "no_free_model"),
    "organization_auto_configuration": _ORGANIZATION,
    "paid_model_auth_required": Verdict(AuthenticationError, "never", 401, "sign_in"),
    "promotion_limit_reached": Verdict(RateLimitError, "never", 401, "promotion"),
    "promotion_model_limit_reached": Verdict(RateLimitError, "never", 401, "promotion"),
    "provider_not_allowed": _ROUTING_FORBIDDEN,
    "rate_limit_exceeded": _RATE,
    # Also what an absurd max_tokens gets, for which trying again is useless; nothing tells the two apart.
    "temporarily_unavailable": _UNAVAILABLE,
    "timeout": _UNAVAILABLE,
    "top_up_in_progress": Verdict(ServiceUnavailableError, "soon", 503, "top_up"),
    "unavailable_model": _MODEL,
    "unsupported_edit_model": _BAD_REQUEST,
    "unsupported_field": _BAD_REQUEST,
    "unsupported_fim_model": _BAD_REQUEST,
    "upstream_disconnect": _UNAVAILABLE,
    "usage_limit_exceeded": _CREDITS,
}

_BY_WORD_AND_STATUS: dict[tuple[str, int], Verdict] = {
    ("provider_not_allowed", 404): _ROUTING_NOT_FOUND,
}

_ANYWHERE: frozenset[int] = frozenset()


def _text(pattern: str, statuses: frozenset[int], verdict: Verdict) -> _Text:
    return _Text(re.compile(pattern, re.IGNORECASE), statuses, verdict)


_BY_TEXT: tuple[_Text, ...] = (
    _text(r"maximum context length is [\d,.]*\d tokens", _ANYWHERE, _CONTEXT),
    _text(
        r"prompt is too long|input is too long|context[ _]length|context window"
        r"|input token count|reduce the length of the messages",
        frozenset({400, 413}),
        _CONTEXT,
    ),
    _text(r"not allowed for your team", _ANYWHERE, _POLICY),
    _text(
        r"do not have access to this organization|not a member of the organization",
        frozenset({401, 403, 404}),
        Verdict(PermissionDeniedError, "never", 403, "organization"),
    ),
    _text(r"invalid organization id", frozenset({400}), _ORGANIZATION),
    _text(r"only accepts the path", frozenset({400}), _PATH),
    _text(r"usage limit reached|free-models-per-day", frozenset({429}), _QUOTA),
    _text(r"no body returned from upstream", frozenset({500, 502}), Verdict(ServerError, "never", 500, "report")),
    _text(
        r"no allowed providers|no eligible provider|no endpoints (?:found (?:that|matching)|available)",
        frozenset({404}),
        _ROUTING_NOT_FOUND,
    ),
    _text(r"is not a valid model id", frozenset({400, 404}), _MODEL),
    _text(
        r"no endpoints found for|model not found"
        r"|\bmodel\b.{0,300}(?:does not exist|not be found|not found|unavailable|no longer|deprecated|has ended)",
        frozenset({404, 410}),
        _MODEL,
    ),
)

_SERVER = Verdict(ServerError, "soon", 500, "server")
_BY_STATUS: dict[int, Verdict] = {
    401: _KEY,
    402: _CREDITS,
    403: Verdict(PermissionDeniedError, "never", 403, "policy"),
    404: Verdict(NotFoundError, "never", 404, "base_url"),
    405: _PATH,
    # The gateway's or a provider's own deadline, not the client's: what 504 says, by another number.
    408: Verdict(ServiceUnavailableError, "soon", 408, "server"),
    409: Verdict(ConflictError, "never", 409, "organization"),
    410: Verdict(NotFoundError, "never", 410, "base_url"),
    413: _CONTEXT,
    429: _RATE,
    # 520 to 524 and 529 are how edges and providers say 502, 504 and 503.
    **dict.fromkeys((502, 503, 504, 520, 521, 522, 523, 524, 529), _UNAVAILABLE),
}
_REDIRECT = Verdict(BadRequestError, "never", None, "redirect")

_STATUS_OF_WORD: dict[str, int] = {
    **{status.name.lower(): status.value for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST},
    "api_error": 500,
    "authentication_error": 401,
    "billing_error": 402,
    "insufficient_quota": 402,
    "invalid_request_error": 400,
    "not_found_error": 404,
    "overloaded_error": 529,
    "permission_error": 403,
    "rate_limit_error": 429,
    "request_too_large": 413,
    "server_error": 500,
}
"""Words of providers. They give a status to an error that has none and never overrule one."""


def decide_status(http_status: int, numeric_code: int | None, words: tuple[str, ...]) -> int | None:
    """Return the status that counts: that of an HTTP error, else the code's, else the word's; None when unknown."""
    if http_status >= HTTPStatus.MULTIPLE_CHOICES:
        return http_status
    if numeric_code is not None:
        return numeric_code
    usual = (_BY_WORD[word].status if word in _BY_WORD else _STATUS_OF_WORD.get(word) for word in words)
    return next((status for status in usual if status is not None), None)


def classify(status: int | None, words: tuple[str, ...], text: str) -> Verdict:
    """Return the verdict on an error. A text may narrow what a word said, and never contradicts it."""
    by_word = _by_word(status, words)
    by_text = next(
        (row.verdict for row in _BY_TEXT if (not row.statuses or status in row.statuses) and row.pattern.search(text)),
        None,
    )
    if by_word is None:
        return by_text or _by_status(status)
    if by_text is not None and issubclass(by_text.cls, by_word.cls):
        return by_text
    return by_word


def _by_word(status: int | None, words: tuple[str, ...]) -> Verdict | None:
    for word in words:
        verdict = _BY_WORD_AND_STATUS.get((word, status or 0)) or _BY_WORD.get(word)
        if verdict is not None:
            return verdict
    return None


def _by_status(status: int | None) -> Verdict:
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _BY_STATUS.get(status or 0, _SERVER)
    if status < HTTPStatus.BAD_REQUEST:
        return _REDIRECT
    return _BY_STATUS.get(status, _BAD_REQUEST)
