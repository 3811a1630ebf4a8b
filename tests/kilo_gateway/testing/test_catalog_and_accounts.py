"""The routes beside chat: model lists, providers, profile, organizations, embeddings, fill-in-the-middle."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest

from kilo_gateway.testing import Account, EmbeddedGateway, Organization

SMALL = "openai/text-embedding-3-small"


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_the_newest_model_list(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """The list has the newest schema, sorted by preference; only a good key sees its own fields; edits show."""
    body = caller.http.get("models").json()
    assert list(body) == ["data"]
    rows = {row["id"]: row for row in body["data"]}
    assert 15 <= len(rows) <= 30
    assert rows["kilo-auto/balanced"]["pricing"]["prompt"] == "-1"
    assert rows["typesafe/jev-router"]["supported_parameters"] == []
    assert rows["unvalidated/row"]["architecture"] is None
    assert rows["openai/gpt-5-mini"]["hasUserByokAvailable"] is False
    assert "kilo/auto" not in rows
    preferred = [row["preferredIndex"] for row in body["data"] if "preferredIndex" in row]
    assert preferred == sorted(preferred)
    public = connect(gateway, key="wrong").http.get("models").json()["data"]
    assert all("hasUserByokAvailable" not in row for row in public)
    gateway.catalog.append({"id": "acme/new"})
    assert {"id": "acme/new"} in connect(gateway, key="anonymous").http.get("models").json()["data"]


def test_the_february_model_list(february_caller: Any) -> None:
    """February lists `kilo/auto` first, and no later auto model."""
    rows = february_caller.http.get("models").json()["data"]
    assert rows[0]["id"] == "kilo/auto"
    assert not any(row["id"].startswith("kilo-auto/") for row in rows)


def test_organizations_see_their_own_models(gateway: EmbeddedGateway, connect: Callable[..., Any]) -> None:
    """The list with an organization header, and the organization's own defaults, hold what it allows."""
    organization = Organization(allowed_models=("x-ai/grok-4",), balance=4)
    gateway.accounts.add(Account(key="member", organizations=(organization,)))
    member = connect(gateway, key="member")
    headers = {"X-KiloCode-OrganizationId": organization.id}
    listed = member.http.get("models", headers=headers).json()["data"]
    assert [row["id"] for row in listed] == ["x-ai/grok-4"]
    own = f"{gateway.origin}/api/organizations/{organization.id}"
    assert member.http.get(f"{own}/defaults").json()["defaultModel"] == "x-ai/grok-4"
    balance = member.http.get(f"{gateway.origin}/api/profile/balance", headers=headers)
    assert balance.json() == {"balance": 4, "isDepleted": False}
    gateway.accounts.add(Account(key="stranger"))
    assert connect(gateway, key="stranger").http.get(f"{own}/defaults").status_code == 404
    organization.allowed_models = ()
    assert member.http.get(f"{own}/defaults").status_code == 409


def test_profile_and_balance(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """A good key sees its profile; a bad one, a blocked one and none get the errors of these routes."""
    profile = caller.http.get(f"{gateway.origin}/api/profile").json()
    assert profile["user"]["id"] == "user-1"
    assert profile["organizations"][0]["role"] == "member"
    gateway.accounts.add(Account(key="poor", balance=-1))
    poor = connect(gateway, key="poor")
    assert "organizations" not in poor.http.get(f"{gateway.origin}/api/profile").json()
    assert poor.http.get(f"{gateway.origin}/api/profile/balance").json() == {"balance": -1, "isDepleted": True}
    gateway.accounts.add(Account(key="blocked", refused="auth_result_6"))
    expected = {"junk": (401, "Invalid token"), "blocked": (403, "Access denied (R1)"), "": (401, "Unauthorized")}
    for key, (status, start) in expected.items():
        response = connect(gateway, key=key or " ").http.get(
            f"{gateway.origin}/api/profile", headers={} if key else {"authorization": ""}
        )
        assert (response.status_code, response.json()["success"]) == (status, False)
        assert response.json()["error"].startswith(start)


def test_accounts_can_be_changed(gateway: EmbeddedGateway) -> None:
    """Accounts are added, adjusted and counted; a misspelt field is an error."""
    gateway.accounts.add(Account(key="two"))
    assert gateway.accounts.adjust("two", balance=1).balance == 1
    assert gateway.accounts["two"].balance == 1
    assert len(gateway.accounts) == len(list(gateway.accounts)) == 2
    with pytest.raises(AttributeError, match="blance"):
        gateway.accounts.adjust("two", blance=1)


def test_lists_of_providers(gateway: EmbeddedGateway, caller: Any) -> None:
    """Providers come bare or under `data`; models by provider are counted; an empty catalog is 404."""
    bare = caller.http.get("providers").json()
    gateway.options.providers_shape = "data"
    assert caller.http.get("providers").json() == {"data": bare}
    body = caller.http.get("models-by-provider").json()
    assert body["total_providers"] == len(body["providers"]) == len(bare)
    assert body["total_models"] == sum(len(row["models"]) for row in body["providers"])
    gateway.catalog.clear()
    assert caller.http.get("models-by-provider").status_code == 404


def test_endpoints_of_a_model(caller: Any) -> None:
    """One model's endpoints are listed under `data`; an unknown model is 404 in its own shape."""
    body = caller.http.get("models/google/gemma-3-27b-it:free/endpoints").json()
    assert body["data"]["endpoints"][0]["pricing"]["prompt"] == "0"
    missing = caller.http.get("models/acme/none/endpoints")
    assert (missing.status_code, missing.json()) == (404, {"error": {"message": "Not Found", "code": 404}})


def test_defaults(caller: Any, february_caller: Any) -> None:
    """The default model is the version's auto model."""
    for one, model in ((caller, "kilo-auto/balanced"), (february_caller, "kilo/auto")):
        assert one.http.get(f"{one.gateway.origin}/api/defaults").json()["defaultModel"] == model


def test_vectors_have_meaning(caller: Any) -> None:
    """Vectors are normalised, deterministic, in order, and near for texts that share words."""
    texts = ["The cat sat on the mat", "A cat is sitting on mats", "Stock markets fell sharply", ""]
    body = caller.http.post("embeddings", json={"model": SMALL, "input": texts}).json()
    assert [row["index"] for row in body["data"]] == [0, 1, 2, 3]
    vectors = [row["embedding"] for row in body["data"]]
    assert all(len(vector) == 1536 and math.isclose(_dot(vector, vector), 1) for vector in vectors)
    assert _dot(vectors[0], vectors[1]) > 0.5
    assert _dot(vectors[0], vectors[2]) < 0.2
    again = caller.http.post("embeddings", json={"model": SMALL, "input": texts[1]}).json()
    assert again["data"][0]["embedding"] == vectors[1]
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] > 0
    assert body["usage"]["cost"] == pytest.approx(body["usage"]["total_tokens"] * 2e-8)


def test_vectors_as_base64_and_shortened(gateway: EmbeddedGateway, caller: Any) -> None:
    """`base64` holds the same numbers as little-endian floats; `dimensions` shortens; some fields are not forwarded."""
    asked = {"model": SMALL, "input": "tea", "dimensions": 64}
    plain = caller.http.post("embeddings", json=asked).json()["data"][0]["embedding"]
    packed = caller.http.post("embeddings", json={**asked, "encoding_format": "base64", "user": "me"}).json()
    numbers = struct.unpack("<64f", base64.b64decode(packed["data"][0]["embedding"]))
    assert list(numbers) == pytest.approx(plain, abs=1e-6)
    assert "user" not in gateway.requests[-1].forwarded


@pytest.mark.parametrize("given", [[1, 2, 3], [[1, 2], [3]], ["a", "b"], "a"])
def test_every_kind_of_input_is_taken(caller: Any, given: Any) -> None:
    """Strings, lists of strings and token ids are all embedded."""
    body = caller.http.post("embeddings", json={"model": SMALL, "input": given}).json()
    assert len(body["data"]) == (2 if given in ([[1, 2], [3]], ["a", "b"]) else 1)


@pytest.mark.parametrize(
    ("body", "key", "status", "marker"),
    [
        ({"model": SMALL, "input": None}, None, 400, "invalid_request"),
        ({"model": " ", "input": "a"}, None, 404, "model_not_found"),
        ({"model": "acme/none", "input": "a"}, None, 404, "model_not_found"),
        ({"model": SMALL, "input": "a"}, "junk", 401, "authentication_required"),
        ({"model": SMALL, "input": "a"}, "anonymous", 401, "paid_model_auth_required"),
    ],
)
def test_refused_embeddings(
    gateway: EmbeddedGateway, connect: Callable[..., Any], body: Any, key: str | None, status: int, marker: str
) -> None:
    """Bad embedding requests get the gateway's errors."""
    response = connect(gateway, key=key).http.post("embeddings", json=body)
    assert (response.status_code, response.json()["error_type"]) == (status, marker)


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [(SMALL, 0), (SMALL, -1), (SMALL, 1537), (SMALL, "64"), ("openai/text-embedding-ada-002", 64)],
)
def test_refused_dimensions(caller: Any, model: str, dimensions: Any) -> None:
    """Dimensions that a model does not have are 400 in OpenAI's shape."""
    body = {"model": model, "input": "a", "dimensions": dimensions}
    response = caller.http.post("embeddings", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "dimensions"


def test_embedding_models(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """The curated list has dimensions and aliases; an organization that allows none gets 409."""
    body = caller.http.get("embedding-models").json()
    assert {row["id"]: row["dimension"] for row in body["models"]}[SMALL] == 1536
    assert body["aliases"]["text-embedding-3-small"] == SMALL
    organization = Organization(allowed_models=("a/b",))
    gateway.accounts.add(Account(key="member", organizations=(organization,)))
    headers = {"X-KiloCode-OrganizationId": organization.id}
    assert connect(gateway, key="member").http.get("embedding-models", headers=headers).status_code == 409


FIM = {"model": "mistralai/codestral-2508", "prompt": "def add(a, b):\n    ", "max_tokens": 10}


def test_fill_in_the_middle(gateway: EmbeddedGateway, caller: Any) -> None:
    """FIM answers whole and streamed, without cost, with the bare model name."""
    url = f"{gateway.origin}/api/fim/completions"
    body = caller.http.post(url, json=FIM).json()
    assert (body["object"], body["model"]) == ("fim.completion", "codestral-2508")
    text = body["choices"][0]["text"]
    assert text
    assert "cost" not in body["usage"]
    events = caller.events(caller.http.post(url, json={**FIM, "stream": True}).content)
    assert "".join(event["choices"][0]["delta"]["content"] for event in events[:-1]) == text
    assert events[-2]["usage"] == body["usage"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"max_tokens": None}, 503),
        ({"max_tokens": 1001}, 503),
        ({"stop": "x"}, 400),
        ({"model": "mistralai/devstral-2512"}, 400),
    ],
)
def test_fim_has_rules_of_its_own(gateway: EmbeddedGateway, caller: Any, change: Any, status: int) -> None:
    """FIM's models, limits and stop list are checked."""
    assert caller.http.post(f"{gateway.origin}/api/fim/completions", json={**FIM, **change}).status_code == status


def test_fim_needs_a_key_and_credits(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """FIM refuses anonymous callers and empty balances."""
    url = f"{gateway.origin}/api/fim/completions"
    assert connect(gateway, key="anonymous").http.post(url, json=FIM).status_code == 401
    gateway.accounts.adjust(gateway.api_key, balance=0)
    assert caller.http.post(url, json=FIM).status_code == 402
