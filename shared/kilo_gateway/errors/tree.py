"""The classes of every error that this package raises; the package's docstring draws them as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kilo_gateway.errors.base import Advice, KiloError

if TYPE_CHECKING:
    from collections.abc import Mapping

GET_A_KEY = (
    "Get a key: sign in at https://app.kilo.ai, open API Keys, generate one, and set KILOCODE_API_KEY or pass api_key."
)
"""The remedy where a key is missing or refused."""

StopReason = Literal["key", "credits", "budget", "no_progress", "errors", "interrupted"]
"""Why a batch ended early."""


class SetupError(KiloError, ValueError):
    """The call cannot be made as it is; nothing was sent."""


class MissingKeyError(SetupError):
    """The model needs a key and there is none."""


class InvalidSettingError(SetupError):
    """A constructor argument or an environment variable has a value that cannot work."""


class InvalidModelError(SetupError):
    """The model ref is empty or not a string."""


class InvalidRequestError(SetupError):
    """The messages, tools or options cannot be sent as they are."""


class TransportError(KiloError):
    """No answer arrived."""

    retry: Advice = "soon"


class ConnectionFailedError(TransportError):
    """The connection could not be made, or broke before or during the answer."""

    was_sent: bool = True
    """Whether the request may have reached the gateway; False where no connection was made."""


class RequestTimeoutError(TransportError):
    """The gateway did not answer, or fell silent, for longer than the timeout."""


class AnswerError(KiloError):
    """An answer arrived that cannot be trusted."""

    def __init__(
        self, message: str, *, model: str | None = None, status: int | None = None, snippet: str | None = None
    ) -> None:
        super().__init__(message, model=model)
        self.status = status
        """HTTP status of the answer."""
        self.snippet = snippet
        """The first characters of what could not be read."""


class MalformedAnswerError(AnswerError):
    """The answer is not what the API promises: HTML, nothing at all, broken JSON, no choice."""


class TruncatedStreamError(AnswerError):
    """The answer stopped before its finish reason; `partial` holds what had arrived."""

    retry: Advice = "soon"


class GatewayError(KiloError):
    """The gateway answered with an error, as a status, in a body of status 200, or as an event of a stream."""

    status: int | None
    """The status that decides: the HTTP status, or that of an error inside a 200; None when it names none."""
    http_status: int | None
    """The HTTP status of the response; 200 for an error inside a body or a stream."""
    code: str | int | None
    """`error.code` as sent: a number, or a word such as `PAID_MODEL_AUTH_REQUIRED`."""
    error_type: str | None
    """The gateway's `error_type`, an open set."""
    provider: str | None
    """`error.metadata.provider_name`: the provider that failed."""
    upstream: str | None
    """`error.metadata.raw` as text: what the provider itself said."""
    title: str | None
    """`error.title` of a credits error."""
    buy_credits_url: str | None
    """Where to add credits, when the gateway says so."""
    balance: float | None
    """The balance in USD as the gateway reported it; may be negative."""
    request_id: str | None
    """The gateway's id for this request, for a report to support."""
    headers: dict[str, str]
    """Response headers, lower-case names."""
    body: Any
    """The parsed error body, or its first 64 KiB as text when it is longer or not JSON."""

    def __init__(  # noqa: PLR0913 - one keyword for each fact the gateway may state
        self,
        message: str,
        *,
        model: str | None = None,
        status: int | None = None,
        http_status: int | None = None,
        code: str | int | None = None,
        error_type: str | None = None,
        provider: str | None = None,
        upstream: str | None = None,
        retry: Advice = "never",
        retry_after_seconds: float | None = None,
        title: str | None = None,
        buy_credits_url: str | None = None,
        balance: float | None = None,
        request_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> None:
        super().__init__(message, model=model)
        self.status = status
        self.http_status = http_status
        self.code = code
        self.error_type = error_type
        self.provider = provider
        self.upstream = upstream
        self.retry = retry
        self.retry_after_seconds = retry_after_seconds
        self.title = title
        self.buy_credits_url = buy_credits_url
        self.balance = balance
        self.request_id = request_id
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}
        self.body = body


class BadRequestError(GatewayError):
    """The gateway refused the request as it is, or answered with a redirect."""


class ContextLengthError(BadRequestError):
    """The request has more tokens than the model's context holds."""


class RequestTooLargeError(BadRequestError):
    """The request has more bytes than the gateway, or something on the way, takes; tokens do not matter here."""


class AuthenticationError(GatewayError):
    """The key is missing, wrong, expired, or not allowed here."""


class InsufficientCreditsError(GatewayError):
    """The account has no credits left for a paid model; `buy_credits_url` says where to add some."""


class PermissionDeniedError(GatewayError):
    """A policy of the gateway, the organization or the routing options forbids this."""


class NotFoundError(GatewayError):
    """The path or the thing asked for does not exist."""


class ModelNotFoundError(NotFoundError):
    """The gateway does not know the model, or does not serve it now."""


class ConflictError(GatewayError):
    """The request is at odds with the account's own lists, or with something else that goes on."""


class RateLimitError(GatewayError):
    """Too many requests, or a quota is used up for now."""


class ServerError(GatewayError):
    """The gateway or a provider failed."""


class ServiceUnavailableError(ServerError):
    """The gateway or a provider cannot answer at the moment."""


class BatchStoppedError(KiloError):
    """A batch ended before all of its requests had; what is written can be resumed."""

    def __init__(self, message: str, *, reason: StopReason = "interrupted", model: str | None = None) -> None:
        super().__init__(message, model=model)
        self.reason: StopReason = reason
        """Why: `key`, `credits`, `budget`, `no_progress`, `errors` or `interrupted`."""


class BudgetExceededError(BatchStoppedError):
    """The next request could pass the budget; it was not sent. Never tried again."""

    def __init__(self, message: str, *, reason: StopReason = "budget", model: str | None = None) -> None:
        super().__init__(message, reason=reason, model=model)
