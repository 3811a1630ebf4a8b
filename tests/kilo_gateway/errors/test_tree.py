"""The error tree: what callers may rely on whatever went wrong."""

from __future__ import annotations

import copy
import pickle

import pytest

from kilo_gateway import errors
from kilo_gateway.errors import GatewayError, KiloError, RateLimitError, TruncatedStreamError


def _classes() -> list[type[KiloError]]:
    return [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, KiloError)]


def _full_error() -> RateLimitError:
    return RateLimitError(
        "Slow down",
        model="lab/x",
        status=429,
        http_status=200,
        code="429",
        error_type="rate_limit_exceeded",
        provider="Acme",
        upstream="too fast",
        retry="later",
        retry_after_seconds=90.5,
        title="Title",
        buy_credits_url="https://example.test/buy",
        balance=-0.5,
        request_id="req-1",
        headers={"X-Vercel-Id": "req-1"},
        body={"error": {"code": 429}},
    )


class _FrameworkError(Exception):
    is_retryable = True


class _BothError(RateLimitError, _FrameworkError):  # type: ignore[override]
    """What an adapter raises: the core's class and a framework's."""


@pytest.mark.parametrize(
    ("name", "parent"),
    [
        ("SetupError", "ValueError"),
        ("MissingKeyError", "SetupError"),
        ("InvalidSettingError", "SetupError"),
        ("InvalidModelError", "SetupError"),
        ("InvalidRequestError", "SetupError"),
        ("ConnectionFailedError", "TransportError"),
        ("RequestTimeoutError", "TransportError"),
        ("BadRequestError", "GatewayError"),
        ("ContextLengthError", "BadRequestError"),
        ("AuthenticationError", "GatewayError"),
        ("InsufficientCreditsError", "GatewayError"),
        ("PermissionDeniedError", "GatewayError"),
        ("NotFoundError", "GatewayError"),
        ("ModelNotFoundError", "NotFoundError"),
        ("ConflictError", "GatewayError"),
        ("RateLimitError", "GatewayError"),
        ("ServerError", "GatewayError"),
        ("ServiceUnavailableError", "ServerError"),
        ("MalformedAnswerError", "AnswerError"),
        ("TruncatedStreamError", "AnswerError"),
    ],
)
def test_the_tree_has_the_documented_branches(name: str, parent: str) -> None:
    """Catching a parent catches its children, and each class is drawn in the module's own picture."""
    child = getattr(errors, name)
    expected = getattr(errors, parent, ValueError)

    assert issubclass(child, expected)
    assert issubclass(child, KiloError)
    assert name in (errors.__doc__ or "")


@pytest.mark.parametrize("cls", _classes(), ids=lambda cls: cls.__name__)
def test_every_error_survives_pickle_and_copies(cls: type[KiloError]) -> None:
    """An error that crosses a process pool arrives with its class, text and attributes."""
    error = cls("What failed", model="lab/x")
    error.retry_after_seconds = 2.5
    error.add_note("while testing")

    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is cls
        assert str(twin) == "What failed"
        assert vars(twin) == vars(error)


def test_a_full_gateway_error_survives_pickle() -> None:
    """Every attribute of a gateway's error is still there after a round trip."""
    error = _full_error()

    twin = pickle.loads(pickle.dumps(error))

    assert vars(twin) == vars(error)
    assert twin.args == error.args
    assert twin.headers == {"x-vercel-id": "req-1"}


def test_an_adapters_class_survives_pickle_without_its_response() -> None:
    """A class that is also a framework's is rebuilt as itself; an HTTP response, which cannot travel, stays behind."""
    error = _BothError("Slow down", status=429, retry="never")
    error.response = open  # type: ignore[attr-defined]

    twin = pickle.loads(pickle.dumps(error))

    assert type(twin) is _BothError
    assert isinstance(twin, _FrameworkError)
    assert not twin.is_retryable
    assert not hasattr(twin, "response")


def test_repr_names_class_model_status_and_advice() -> None:
    """One line in a log tells what happened, and shows neither headers nor body."""
    assert repr(_full_error()) == "RateLimitError('Slow down', model='lab/x', status=429, retry='later')"
    assert repr(TruncatedStreamError("Cut off")) == "TruncatedStreamError('Cut off', retry='soon')"


def test_is_retryable_follows_the_advice() -> None:
    """Only `soon` makes an error retryable: minutes are not worth waiting for within a call."""
    assert GatewayError("x", retry="soon").is_retryable
    assert not GatewayError("x", retry="later").is_retryable
    assert not GatewayError("x").is_retryable


def test_what_was_tried_again_is_not_to_be_tried_again() -> None:
    """Once this package's own tries are used up, a wrapper must not multiply them; the advice itself stays."""
    error = GatewayError("x", retry="soon")
    error.was_tried_again = True
    assert (error.retry, error.is_retryable) == ("soon", False)


def test_header_names_are_lower_case() -> None:
    """Headers can be looked up without knowing how the server spelt them."""
    assert GatewayError("x", headers={"Retry-After": "5"}).headers == {"retry-after": "5"}
