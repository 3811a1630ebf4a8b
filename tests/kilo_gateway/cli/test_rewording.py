"""Errors of the core, as the command line words them, and the exit status that each means."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway import errors
from kilo_gateway.cli.failures import exit_status_of, failure_of
from kilo_gateway.cli.rewording import reword

ROOT = Path(__file__).parents[3]
PYTHON_ONLY = re.compile(
    r"LangChain|AsyncKilo|ainvoke|The function given|is an async function|http_client that was passed"
    r"|two names of one argument|has no argument|messages must be|is closed: pass"
)
"""Messages about what only Python code can do."""
PYTHON_WORDS = re.compile(
    r"KiloClient|\bapi_key\b|(?<!-o )\bextra_body\b(?!=)|\(\)|httpx\.|\bNone\b|\bTrue\b|\bargument\b|discover="
    r"|list_models|\bbase_url\b|http_client|raise timeout|`partial`|\bdict\b"
)


def core_messages() -> set[str]:
    """Return the messages of the core that a command can meet, from its source, with placeholders."""
    spec = importlib.util.spec_from_file_location("error_messages", ROOT / "tools" / "error_messages.py")
    assert spec is not None
    assert spec.loader is not None
    tool: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool._PACKAGES = {"kilo_gateway": ROOT / "shared"}
    tool._WITHOUT_KILO_ERRORS = ("testing", "adapters", "batch", "cli", "ray")
    return {
        message for found in (tool.raised(), tool.answered()) for messages in found.values() for message in messages
    }


def test_no_word_is_of_python() -> None:
    """Every message that the command line can meet names commands, options and variables."""
    said = [reword(message) for message in core_messages() if not PYTHON_ONLY.search(message)]
    assert len(said) > 100
    assert [message for message in said if PYTHON_WORDS.search(message)] == []


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "argument base_url: base_url 'x' needs to begin with https://.",
            "--base-url 'x' needs to begin with https://.",
        ),
        ("KILOCODE_BASE_URL: base_url 'x' is none.", "KILOCODE_BASE_URL 'x' is none."),
        ("Check base_url.", "Check --base-url (or KILOCODE_BASE_URL)."),
        ("See `kilo-gateway models`.", "See kilo-gateway models."),
        (
            "extra_body holds 'n'; pass it as an argument instead.",
            "-o extra_body holds 'n'; use its own option instead.",
        ),
        ("Try again, or raise timeout.", "Try again, or raise KILOCODE_TIMEOUT."),
    ],
)
def test_what_is_said_instead(message: str, said: str) -> None:
    """Names of Python become what is typed."""
    assert reword(message) == said


def http(cls: type[errors.GatewayError], status: int | None, **facts: object) -> errors.GatewayError:
    """Return an error of the gateway."""
    return cls("No.", status=status, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.MissingKeyError("no"), 4),
        (errors.InvalidSettingError("no"), 2),
        (errors.InvalidRequestError("no"), 2),
        (errors.ConnectionFailedError("no"), 3),
        (errors.RequestTimeoutError("no"), 3),
        (errors.TruncatedStreamError("no"), 3),
        (errors.MalformedAnswerError("no"), 1),
        (errors.BudgetExceededError("no"), 5),
        (http(errors.AuthenticationError, 401), 4),
        (http(errors.RateLimitError, 401), 4),
        (http(errors.InsufficientCreditsError, 402), 5),
        (http(errors.PermissionDeniedError, 403), 1),
        (http(errors.ModelNotFoundError, 404), 1),
        (http(errors.RequestTooLargeError, 413), 1),
        (http(errors.ServerError, 408), 3),
        (http(errors.RateLimitError, 429), 3),
        (http(errors.ServerError, 501), 3),
        (http(errors.ServiceUnavailableError, 503), 3),
        (http(errors.ServerError, None, retry="soon"), 3),
        (http(errors.BadRequestError, None), 1),
    ],
)
def test_exit_statuses(error: errors.KiloError, status: int) -> None:
    """What a script may do next decides."""
    assert exit_status_of(error) == status


def test_what_nobody_thought_of() -> None:
    """Another exception is one line too, without its class."""
    line = failure_of(ValueError("odd\nthing \x1b[1m")).line()
    assert line == "error: Something went wrong inside kilo-gateway: odd\\nthing \\x1b[1m. Report it, please."
