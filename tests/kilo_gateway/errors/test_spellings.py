"""How gateways, relays, local servers and edges other than Kilo's spell the same errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway import errors
from kilo_gateway.errors.bodies import parse_error

SPELLINGS = json.loads((Path(__file__).parents[2] / "data" / "error-spellings.json").read_text(encoding="utf-8"))
"""Kind -> who says it -> status, body, and what it must become where that is not the kind itself."""


def read(status: int, body: Any, headers: dict[str, str] | None = None) -> errors.GatewayError:
    """Read a body given as JSON, or as text or bytes as they are."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    return parse_error(status, headers or {}, data, model="lab/x")


@pytest.mark.parametrize("name", SPELLINGS["context"])
def test_a_request_with_too_many_tokens_is_a_context_length_error(name: str) -> None:
    """Whoever says it and however: shortening helps, so LangChain's handling of long contexts must begin."""
    error = read(*SPELLINGS["context"][name])

    assert type(error) is errors.ContextLengthError
    assert error.retry == "never"
    assert str(error).endswith("Shorten the messages, or choose a model with a larger context.")


@pytest.mark.parametrize("name", SPELLINGS["size"])
def test_a_request_with_too_many_bytes_is_no_matter_of_tokens(name: str) -> None:
    """The remedy is to send less; a model with a larger context would not help."""
    error = read(*SPELLINGS["size"][name])

    assert type(error) is errors.RequestTooLargeError
    assert error.retry == "never"
    assert "bytes, not tokens" in str(error)
    assert "larger context" not in str(error)


@pytest.mark.parametrize("name", SPELLINGS["model"])
def test_an_unknown_model_is_a_model_not_found_error(name: str) -> None:
    """Whatever the status is: another model is the remedy."""
    error = read(*SPELLINGS["model"][name])

    assert type(error) is errors.ModelNotFoundError
    assert "kilo-gateway models" in str(error)


@pytest.mark.parametrize("name", SPELLINGS["others"])
def test_errors_of_other_servers_get_class_and_advice(name: str) -> None:
    """The same errors by other words, in other places."""
    status, body, cls, advice = SPELLINGS["others"][name]
    error = read(status, body)

    assert (type(error).__name__, error.retry) == (cls, advice)


@pytest.mark.parametrize("name", SPELLINGS["said"])
def test_what_was_said_is_found_and_its_field_is_named(name: str) -> None:
    """Wherever a server puts its sentence, it begins the message, with the field that it is about."""
    status, body, said = SPELLINGS["said"][name]

    assert said in str(read(status, body))


def test_advice_is_given_only_where_it_fits() -> None:
    """A conflict of another server is no matter of an organization, and a block by an edge none of the account."""
    assert "organization" not in str(read(409, {"error": "Already running"}))
    assert "organization" in str(read(409, {"error": "No valid models are allowed by this organization's allow list."}))
    assert "firewall" in str(read(403, "<html><title>Attention Required! | Cloudflare</title></html>"))
    assert "base_url" in str(read(403, {"message": "Missing Authentication Token"}))
    assert "https://" in str(read(400, "<html><title>400 The plain HTTP request was sent to HTTPS port</title></html>"))


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": {"message": "Rate limit reached. Please try again in 1.2s."}}, 1.2),
        ({"error": {"message": "Please try again in 7m12.5s"}}, 432.5),
        ({"error": {"message": "Please try again in 20ms."}}, 0.02),
        ({"error": {"message": "Please retry in 36.6s."}}, 36.6),
        ({"error": {"message": "Try again in 5 minutes"}}, 300.0),
        ({"error": {"message": "m", "details": [{"retryDelay": "33s"}]}}, 33.0),
        ({"title": "Error 1015", "retry_after": 30}, 30.0),
        ({"error": "Slow down", "retryAfterMs": 1500}, 1.5),
        ({"error": "Please try again later"}, None),
        ({"error": {"message": "m", "retry_after": True}}, None),
    ],
)
def test_a_wait_is_read_from_the_body(body: dict[str, Any], seconds: float | None) -> None:
    """Servers that send no header say it in words or keys of their own; a header outweighs them."""
    assert read(429, body).retry_after_seconds == seconds
    assert read(429, body, {"retry-after": "9"}).retry_after_seconds == 9.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("5", "5 s"),
        ("300", "5 minutes"),
        ("7200", "2 hours"),
        ("259200", "3 days"),
        ("2300641189", "73 years"),
    ],
)
def test_waits_are_told_in_human_units(seconds: str, said: str) -> None:
    """Nobody can read 2300641189 s."""
    assert f"wait at least {said} " in str(read(429, {"error": "Slow"}, {"retry-after": seconds}))
    assert f"Try again in {said}" in str(read(503, {"error": "Slow"}, {"retry-after": seconds})).replace("about ", "")


def test_what_says_nothing_is_not_repeated() -> None:
    """LiteLLM writes the status again as a text, and a missing type as "None"."""
    error = read(400, {"error": {"message": "m", "type": "None", "param": "None", "code": "400"}})

    assert str(error).startswith("m (model 'lab/x', HTTP 400). ")
    assert error.code == "400"


def test_a_penalty_of_frequency_is_no_rate() -> None:
    """The word for a frequency penalty holds the word for a rate; it names a wrong parameter all the same."""
    assert type(read(400, {"error": {"message": "频率惩罚(frequency_penalty)超出范围"}})) is errors.BadRequestError


def test_what_looks_like_python_and_is_none_is_kept_as_text() -> None:
    """A text that cannot be read as what Python writes is told as it came."""
    assert "{'detail': {[1]: 2}}" in read(400, {"error": {"message": "{'detail': {[1]: 2}}"}}).message


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
        (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK"),
        (400, "Output blocked by content filtering policy"),
    ],
    ids=["OpenAI", "xAI", "Anthropic"],
)
def test_a_refused_content_is_told_as_such(status: int, said: str) -> None:
    """Whoever refuses it: another key or another form of the request would not help."""
    error = read(status, {"error": {"message": said, "type": "invalid_request_error"}})

    assert error.retry == "never"
    assert "A content filter refused" in str(error)


def test_a_wait_beside_the_words_of_a_provider_is_kept() -> None:
    """OpenRouter states what a provider asked for in the metadata of its error."""
    metadata = {"raw": "is temporarily rate-limited upstream", "provider_name": "P", "retry_after_seconds": 17}
    error = read(429, {"error": {"message": "Provider returned error", "code": 429, "metadata": metadata}})

    assert error.retry_after_seconds == 17
    assert "wait at least 17 s" in str(error)
