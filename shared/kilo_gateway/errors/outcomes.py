"""What an error can be taken for: its class, whether to try again, its usual status and the remedy. Decides nothing."""

from __future__ import annotations

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
    RequestTooLargeError,
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


BAD_REQUEST = Verdict(BadRequestError, "never", 400, "request")
BYOK_REQUIRED = Verdict(BadRequestError, "never", 400, "add_own_key")
DATA_COLLECTION = Verdict(BadRequestError, "never", 400, "data_collection")
FORCED_TOOL = Verdict(BadRequestError, "never", 400, "forced_tool")
FILTERED = Verdict(BadRequestError, "never", 400, "filtered")
ORGANIZATION_REFUSED = Verdict(BadRequestError, "never", 400, "organization")
PATH = Verdict(BadRequestError, "never", 400, "base_url")
PLAIN_HTTP = Verdict(BadRequestError, "never", 400, "https")
REDIRECT = Verdict(BadRequestError, "never", None, "redirect")
CONTEXT = Verdict(ContextLengthError, "never", 400, "context")
SIZE = Verdict(RequestTooLargeError, "never", 413, "size")

KEY = Verdict(AuthenticationError, "never", 401, "key")
SIGN_IN = Verdict(AuthenticationError, "never", 401, "sign_in")
CREDITS = Verdict(InsufficientCreditsError, "never", 402, "credits")

FORBIDDEN = Verdict(PermissionDeniedError, "never", 403, "forbidden")
FORBIDDEN_BY_EDGE = Verdict(PermissionDeniedError, "never", 403, "edge")
FORBIDDEN_PATH = Verdict(PermissionDeniedError, "never", 403, "base_url")
POLICY = Verdict(PermissionDeniedError, "never", 403, "policy")
NO_MEMBER = Verdict(PermissionDeniedError, "never", 403, "organization")
RESTRICTED = Verdict(PermissionDeniedError, "never", 403, "support")
ROUTING_FORBIDDEN = Verdict(PermissionDeniedError, "never", 403, "routing")

MODEL = Verdict(ModelNotFoundError, "never", 404, "model")
NOT_FOUND = Verdict(NotFoundError, "never", 404, "base_url")
ROUTING_NOT_FOUND = Verdict(NotFoundError, "never", 404, "routing")
CONFLICT = Verdict(ConflictError, "never", 409, "conflict")
ORGANIZATION_CONFLICT = Verdict(ConflictError, "never", 409, "organization")

RATE = Verdict(RateLimitError, "soon", 429, "rate")
QUOTA = Verdict(RateLimitError, "later", 429, "quota")
BILLING = Verdict(RateLimitError, "later", 429, "billing")
PROMOTION = Verdict(RateLimitError, "never", 401, "promotion")
TOKENS_PER_MINUTE = Verdict(RateLimitError, "never", 429, "tokens_per_minute")

SERVER = Verdict(ServerError, "soon", 500, "server")
NO_UPSTREAM = Verdict(ServerError, "never", 500, "report")
NOT_IMPLEMENTED = Verdict(ServerError, "never", 501, "base_url")
PORTAL = Verdict(ServerError, "never", 511, "portal")
UNAVAILABLE = Verdict(ServiceUnavailableError, "soon", 503, "server")
NO_FREE_MODEL = Verdict(ServiceUnavailableError, "later", 503, "no_free_model")
TOP_UP = Verdict(ServiceUnavailableError, "soon", 503, "top_up")
