"""The errors of ChatKilo: each is the core's class and LangChain's `ModelError` at once, so that either `except` works.

A table decides which; nothing here looks into an answer.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from kilo_gateway import errors as core

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage


class ErrorResponse:
    """What the gateway answered, in the shape in which LangChain's tracing reads an HTTP response."""

    def __init__(self, status_code: int | None, headers: dict[str, str], body: Any) -> None:
        self.status_code = status_code
        self.headers = headers
        self._body = body

    def json(self) -> Any:
        """Return the parsed body. Raises ValueError when the body was no JSON."""
        if isinstance(self._body, (dict, list)):
            return self._body
        raise ValueError("the answer's body is not JSON")

    @property
    def text(self) -> str:
        """The body as text."""
        return self._body if isinstance(self._body, str) else json.dumps(self._body)


class ChatKiloError(core.KiloError, ModelError):
    """The base of every error of a ChatKilo call."""

    is_retryable = False
    """Whether a wrapper such as LangChain's retry middleware should try again; as `KiloError.is_retryable` says."""

    @property
    def partial_message(self) -> AIMessage | None:
        """What had arrived before the error, as a message; None when nothing had."""
        if self.partial is None:
            return None
        from langchain_kilo.answers import parse_message  # noqa: PLC0415 - that module needs messages, errors do not

        return parse_message(self.partial)


class _AnsweredError(ChatKiloError):
    """An error that came with an HTTP answer."""

    @property
    def status_code(self) -> int | None:
        """The status that decides."""
        return getattr(self, "status", None)

    @property
    def response(self) -> ErrorResponse:
        """The answer, for tracing."""
        body = getattr(self, "body", None)
        snippet = getattr(self, "snippet", None)
        return ErrorResponse(
            getattr(self, "http_status", None) or self.status_code,
            dict(getattr(self, "headers", None) or {}),
            snippet if body is None else body,
        )


class KiloMissingKeyError(ChatKiloError, core.MissingKeyError, ModelAuthenticationError):
    """The model needs a key and there is none."""


class KiloInvalidSettingError(ChatKiloError, core.InvalidSettingError, ModelInvalidRequestError):
    """A constructor argument or an environment variable has a value that cannot work."""


class KiloInvalidModelError(ChatKiloError, core.InvalidModelError, ModelInvalidRequestError):
    """The model ref is empty or not a string."""


class KiloInvalidRequestError(ChatKiloError, core.InvalidRequestError, ModelInvalidRequestError):
    """The messages, tools or options cannot be sent as they are."""


class KiloConnectionFailedError(ChatKiloError, core.ConnectionFailedError, ModelConnectionError):
    """The connection could not be made, or broke."""


class KiloRequestTimeoutError(ChatKiloError, core.RequestTimeoutError, ModelTimeoutError):
    """The gateway did not answer, or fell silent, for longer than the timeout."""


class KiloBadRequestError(_AnsweredError, core.BadRequestError, ModelInvalidRequestError):
    """The gateway refused the request as it is."""


class KiloContextLengthError(_AnsweredError, core.ContextLengthError, ModelInvalidRequestError, ContextOverflowError):
    """The request is longer than the model's context."""


class KiloRequestTooLargeError(_AnsweredError, core.RequestTooLargeError, ModelInvalidRequestError):
    """The request has more bytes than the gateway, or something on the way, takes."""


class KiloAuthenticationError(_AnsweredError, core.AuthenticationError, ModelAuthenticationError):
    """The key is missing, wrong, expired, or not allowed here."""


class KiloInsufficientCreditsError(_AnsweredError, core.InsufficientCreditsError):
    """The account has no credits left; LangChain has no class of its own for this."""


class KiloPermissionDeniedError(_AnsweredError, core.PermissionDeniedError, ModelPermissionDeniedError):
    """A policy forbids this."""


class KiloNotFoundError(_AnsweredError, core.NotFoundError, ModelNotFoundError):
    """The path, the provider or the thing asked for does not exist."""


class KiloModelNotFoundError(_AnsweredError, core.ModelNotFoundError, ModelNotFoundError):
    """The gateway does not know the model, or does not serve it now."""


class KiloConflictError(_AnsweredError, core.ConflictError, ModelAPIError):
    """The request is at odds with the account's own lists, or with something else that goes on."""


class KiloRateLimitError(_AnsweredError, core.RateLimitError, ModelRateLimitError):
    """Too many requests, or a quota is used up for now."""


class KiloServerError(_AnsweredError, core.ServerError, ModelAPIError):
    """The gateway or a provider failed."""


class KiloServiceUnavailableError(_AnsweredError, core.ServiceUnavailableError, ModelAPIError):
    """The gateway or a provider cannot answer at the moment."""


class KiloGatewayTimeoutError(_AnsweredError, core.ServiceUnavailableError, ModelTimeoutError):
    """The gateway or a provider gave up waiting: status 408, 504 or 524."""


class KiloMalformedAnswerError(_AnsweredError, core.MalformedAnswerError, ModelAPIError):
    """The answer is not what the API promises."""


class KiloTruncatedStreamError(_AnsweredError, core.TruncatedStreamError, ModelAPIError):
    """The answer stopped before its finish reason."""


class KiloBudgetExceededError(ChatKiloError, core.BudgetExceededError):
    """The call could pass a budget and was not sent; LangChain has no class of its own for this."""


_CLASSES: dict[type[core.KiloError], type[ChatKiloError]] = {
    core.KiloError: ChatKiloError,
    core.SetupError: KiloInvalidRequestError,
    core.MissingKeyError: KiloMissingKeyError,
    core.InvalidSettingError: KiloInvalidSettingError,
    core.InvalidModelError: KiloInvalidModelError,
    core.InvalidRequestError: KiloInvalidRequestError,
    core.TransportError: KiloConnectionFailedError,
    core.ConnectionFailedError: KiloConnectionFailedError,
    core.RequestTimeoutError: KiloRequestTimeoutError,
    core.GatewayError: KiloServerError,
    core.BadRequestError: KiloBadRequestError,
    core.ContextLengthError: KiloContextLengthError,
    core.RequestTooLargeError: KiloRequestTooLargeError,
    core.AuthenticationError: KiloAuthenticationError,
    core.InsufficientCreditsError: KiloInsufficientCreditsError,
    core.PermissionDeniedError: KiloPermissionDeniedError,
    core.NotFoundError: KiloNotFoundError,
    core.ModelNotFoundError: KiloModelNotFoundError,
    core.ConflictError: KiloConflictError,
    core.RateLimitError: KiloRateLimitError,
    core.ServerError: KiloServerError,
    core.ServiceUnavailableError: KiloServiceUnavailableError,
    core.AnswerError: KiloMalformedAnswerError,
    core.MalformedAnswerError: KiloMalformedAnswerError,
    core.TruncatedStreamError: KiloTruncatedStreamError,
    core.BudgetExceededError: KiloBudgetExceededError,
}

_EDGE_TIMEOUT = 524
_TIMEOUTS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.GATEWAY_TIMEOUT, _EDGE_TIMEOUT})


_HINTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"support tool use|tool use is not supported", re.IGNORECASE),
        " For structured output without tools, use with_structured_output(..., method='json_schema') or 'json_mode'.",
    ),
)
"""What the gateway says -> what to do about it in LangChain."""


def chat_error(error: core.KiloError) -> ChatKiloError:
    """Return the error of the core's as one that is LangChain's too, with all its facts."""
    if isinstance(error, ChatKiloError):
        return error
    cls = next(_CLASSES[kind] for kind in type(error).__mro__ if kind in _CLASSES)
    if cls is KiloServiceUnavailableError and getattr(error, "status", None) in _TIMEOUTS:
        cls = KiloGatewayTimeoutError
    typed = cls.__new__(cls, *error.args)
    Exception.__init__(typed, *error.args)
    typed.__dict__.update(error.__dict__)
    hint = "".join(text for said, text in _HINTS if said.search(error.message))
    if hint:
        typed.message = f"{error.message}{hint}"
        typed.args = (typed.message, *typed.args[1:])
    typed.is_retryable = error.is_retryable
    return typed.with_traceback(error.__traceback__)
