"""Every error the gateway itself writes, in both versions of its source, against what it must become."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.errors import GatewayError
from kilo_gateway.errors.bodies import parse_error, parse_error_object

DATA = Path(__file__).parents[2] / "data"
CATALOG = {entry["id"]: entry for entry in json.loads((DATA / "gateway-errors.json").read_text())["errors"]}
BODIES = [
    pytest.param(entry, version, id=f"{entry['id']}-{version}")
    for entry in CATALOG.values()
    for version in ("2026_02", "newest")
    if f"body_{version}" in entry
]
STATUS_OF = {"context_kilo_free": 500, "redacted": 502, "openrouter_passthrough": 429, "custom_llm_error": 400}
"""The entries whose status is the provider's."""
CLASS_OF_ENTRY = {
    "redacted": "ServiceUnavailableError",
    "openrouter_passthrough": "RateLimitError",
    "openrouter_200_error": "ServiceUnavailableError",
    "custom_llm_error": "BadRequestError",
    "provider_routing_404": "NotFoundError",
    "models_by_provider_empty": "NotFoundError",
    "model_endpoints_404": "NotFoundError",
}
CLASS_OF_SUGGESTION = {
    "Authentication": "AuthenticationError",
    "BadRequest": "BadRequestError",
    "Conflict": "ConflictError",
    "ContextLengthExceeded": "ContextLengthError",
    "InsufficientCredits": "InsufficientCreditsError",
    "InternalServer": "ServerError",
    "NotFound": "ModelNotFoundError",
    "PermissionDenied": "PermissionDeniedError",
    "RateLimit": "RateLimitError",
    "ServiceUnavailable": "ServiceUnavailableError",
}
ADVICE_OF_ENTRY = {
    "redacted": "soon",
    "openrouter_passthrough": "soon",
    "openrouter_200_error": "soon",
    "custom_llm_error": "never",
    "temporarily_unavailable": "soon",
}
ADVICE_OF_RETRY = {True: "soon", False: "never", "later": "later", "after minutes": "later"}


def read_entry(entry: dict[str, Any], version: str) -> GatewayError:
    """Read an entry of the catalog as it would arrive."""
    status = STATUS_OF.get(entry["id"], entry["status"])
    headers = {k: "7" if "<" in v else v for k, v in entry.get(f"headers_{version}", {}).items()}
    if status == 200:
        return parse_error_object(entry[f"body_{version}"], model="lab/x", headers=headers)
    return parse_error(status, headers, json.dumps(entry[f"body_{version}"]).encode(), model="lab/x")


def texts_of(body: dict[str, Any]) -> list[str]:
    """The sentences that a reader of the error must see."""
    error = body["error"]
    texts = [error.get("title"), error["message"]] if isinstance(error, dict) else [error, body.get("message")]
    return [text.rstrip(".") for text in texts if text]


def test_the_catalog_is_whole() -> None:
    """All 68 entries are tested, with every body that either version has."""
    assert (len(CATALOG), len(BODIES)) == (68, 102)


@pytest.mark.parametrize(("entry", "version"), BODIES)
def test_every_gateway_error_has_the_class_that_suits_it(entry: dict[str, Any], version: str) -> None:
    """The class is the one for what a caller does, whatever the status says."""
    suggestion = entry["suggested_exception"].split(" (")[0]
    expected = CLASS_OF_ENTRY.get(entry["id"]) or CLASS_OF_SUGGESTION[suggestion]

    assert type(read_entry(entry, version)).__name__ == expected


@pytest.mark.parametrize(("entry", "version"), BODIES)
def test_every_gateway_error_has_the_retry_advice_that_suits_it(entry: dict[str, Any], version: str) -> None:
    """The advice follows the cause: a policy in a 503 is never retried, a quota not within seconds."""
    expected = ADVICE_OF_ENTRY.get(entry["id"]) or ADVICE_OF_RETRY[entry["retry"]]

    assert read_entry(entry, version).retry == expected


@pytest.mark.parametrize(("entry", "version"), BODIES)
def test_every_gateway_error_says_what_which_model_and_what_to_do(entry: dict[str, Any], version: str) -> None:
    """The text holds the gateway's own words, the model, the status and a remedy, on one line."""
    error = read_entry(entry, version)

    assert all(text in str(error) for text in texts_of(entry[f"body_{version}"]))
    assert "model 'lab/x'" in str(error)
    assert f"HTTP {error.http_status}" in str(error)
    assert str(error).split("). ")[-1].endswith(".")
    assert "\n" not in str(error)
    assert str(error) == error.message


@pytest.mark.parametrize(("entry", "version"), BODIES)
def test_every_gateway_error_keeps_what_it_stated(entry: dict[str, Any], version: str) -> None:
    """Type, code, credits and body are attributes, so that nobody has to parse the text."""
    body = entry[f"body_{version}"]
    inner = body["error"] if isinstance(body["error"], dict) else {}
    error = read_entry(entry, version)

    assert error.error_type == body.get("error_type", inner.get("type"))
    assert error.code == inner.get("code")
    assert error.title == inner.get("title")
    assert error.balance == inner.get("balance")
    assert error.buy_credits_url == inner.get("buyCreditsUrl")
    assert error.provider == inner.get("metadata", {}).get("provider_name")
    assert error.request_id == body.get("vercel_request_id")
    assert error.body == body
    assert error.model == "lab/x"
    assert error.status == (inner["code"] if error.http_status == 200 else STATUS_OF.get(entry["id"], entry["status"]))
