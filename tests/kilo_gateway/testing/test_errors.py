"""Every error of the gateway by its name, and the requests that lead to it by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kilo_gateway.testing import Account, EmbeddedGateway, Fault, Organization, error_ids
from kilo_gateway.testing.data_files import load_table

ORGANIZATION = "11111111-2222-4333-8444-555555555555"
ENDPOINT_PATHS = {
    "chat": ("POST", "/api/gateway/chat/completions"),
    "embeddings": ("POST", "/api/gateway/embeddings"),
    "fim": ("POST", "/api/fim/completions"),
    "models": ("GET", "/api/gateway/models"),
    "profile": ("GET", "/api/profile"),
}


def _filled(value: Any) -> Any:
    text = repr(value)
    for place, filling in load_table("errors")["fill"].items():
        text = text.replace(place, filling)
    return text


def test_each_error_by_name_is_exact(gateway: EmbeddedGateway, caller: Any) -> None:
    """A named fault answers with the error's exact status, body and headers, whatever was asked."""
    errors = load_table("errors")["errors"]
    assert len(error_ids()) == 68
    for error_id in error_ids():
        row = errors[error_id]
        gateway.enqueue(Fault.named(error_id))
        response = caller.chat(model="x", stream=True)
        assert response.status_code == row["status"], error_id
        assert repr(response.json()) == _filled(row["body"]), error_id
        wanted = row.get("headers", {})
        for name, value in wanted.items():
            assert repr(response.headers[name]) == _filled(value), error_id
        assert ("retry-after" in response.headers) == any(name.lower() == "retry-after" for name in wanted), error_id


def test_a_named_error_takes_values_and_headers(gateway: EmbeddedGateway, caller: Any) -> None:
    """Places in a body, the status of pass-through errors and further headers can be given."""
    gateway.enqueue(
        Fault.named("model_unknown_openrouter", fill={"<id>": "acme/one"}),
        Fault.named("openrouter_passthrough", status=529, headers={"Retry-After": "3"}),
    )
    assert "'acme/one'" in caller.chat().json()["message"]
    second = caller.chat()
    assert (second.status_code, second.headers["retry-after"]) == (529, "3")


def test_an_unknown_error_is_refused_when_scripted(gateway: EmbeddedGateway) -> None:
    """Asking for an error that the gateway does not have fails at once, and names those that it has."""
    with pytest.raises(ValueError, match="provider_options"):
        gateway.enqueue(Fault.named("provider_option"))


@pytest.mark.parametrize("endpoint", sorted(ENDPOINT_PATHS))
def test_faults_can_be_scripted_for_each_endpoint(gateway: EmbeddedGateway, caller: Any, endpoint: str) -> None:
    """A fault for one endpoint leaves the others alone."""
    gateway.enqueue(Fault(status=418, body={"for": endpoint}), endpoint=endpoint)
    method, path = ENDPOINT_PATHS[endpoint]
    response = caller.http.request(method, gateway.origin + path, json={} if method == "POST" else None)
    assert (response.status_code, response.json()) == (418, {"for": endpoint})


NATURAL: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("provider_options", {"providerOptions": {}}, {}),
    ("model_missing", {"model": "  "}, {}),
    ("model_missing", {"model": 7}, {}),
    ("invalid_request", {"messages": "Hello"}, {}),
    ("invalid_request", {"messages": None}, {}),
    ("invalid_request", {"provider": {"zdr": "yes"}}, {}),
    ("invalid_request", {"provider": {"data_collection": "never"}}, {}),
    ("invalid_token", {}, {"authorization": "Bearer wrong"}),
    ("invalid_token", {"model": "openrouter/free"}, {"authorization": "Bearer wrong"}),
    ("invalid_token", {}, {"x-kilocode-organizationid": "not-a-uuid"}),
    ("paid_model_auth_required", {}, {"authorization": "Bearer anonymous"}),
    ("paid_model_auth_required", {"model": "kilo-auto/balanced"}, {"authorization": ""}),
    ("org_auto", {"model": "kilo-auto/org"}, {}),
]


@pytest.mark.parametrize(("error_id", "body", "headers"), NATURAL)
def test_bad_requests_lead_to_their_error(
    gateway: EmbeddedGateway, caller: Any, error_id: str, body: dict[str, Any], headers: dict[str, str]
) -> None:
    """A request with one thing wrong gets the error that the gateway has for it."""
    response = caller.chat(headers=headers, **body)
    row = load_table("errors")["errors"][error_id]
    assert response.status_code == row["status"]
    assert repr(response.json()) == _filled(row["body"])
    assert gateway.requests[-1].forwarded is None


def test_malformed_json_says_what_the_parser_said(caller: Any) -> None:
    """The parser's complaint is told."""
    response = caller.http.post("chat/completions", content=b"{")
    assert (response.status_code, response.json()["error"]) == (400, "Malformed JSON")
    assert response.json()["message"].startswith("Request body is not valid JSON: ")


def test_unknown_models_are_named(caller: Any) -> None:
    """An unknown id is 404 and told as it was sent."""
    response = caller.chat(model="Acme/One")
    assert (response.status_code, response.json()["error_type"]) == (404, "model_not_found")
    assert "'Acme/One'" in response.json()["error"]


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({"balance": -0.5}, "Low Credit Warning!"),
        ({"balance": 0, "has_paid": False}, "Paid Model - Credits Required"),
    ],
)
def test_no_balance(gateway: EmbeddedGateway, caller: Any, changes: dict[str, Any], title: str) -> None:
    """A paid model without balance is 402 with the account's balance; free models and own keys still answer."""
    gateway.accounts.adjust(gateway.api_key, **changes)
    response = caller.chat()
    error = response.json()["error"]
    assert (response.status_code, error["title"], error["balance"]) == (402, title, changes["balance"])
    assert caller.chat(model="google/gemma-3-27b-it:free").status_code == 200
    gateway.accounts.adjust(gateway.api_key, byok=True)
    assert caller.chat().status_code == 200


def test_a_top_up_in_flight_says_when_to_come_back(gateway: EmbeddedGateway, caller: Any) -> None:
    """Without balance but with a top-up under way the answer is 503 with Retry-After."""
    gateway.accounts.adjust(gateway.api_key, balance=0, top_up_in_progress=True)
    response = caller.chat()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert response.json()["error_type"] == "top_up_in_progress"


def test_organization_policies(gateway: EmbeddedGateway, connect: Callable[..., Any]) -> None:
    """An organization's lists, money and auto model decide for its members; others are refused."""
    organization = Organization(allowed_models=("openai/gpt-5-mini",), auto_model="openai/gpt-5-mini", balance=3)
    gateway.accounts.add(Account(key="member", balance=-1, organizations=(organization,)))
    caller = connect(gateway, key="member")
    headers = {"X-KILOCODE-OrganizationId": ORGANIZATION.upper()}
    assert caller.chat(headers=headers).status_code == 200
    assert caller.chat(headers=headers, model="kilo-auto/org").status_code == 200
    assert caller.chat(headers=headers, model="x-ai/grok-4").json()["error_type"] == "model_not_allowed"
    pool = caller.chat(headers=headers, model="kilo-auto/balanced")
    assert (pool.status_code, pool.json()["error_type"]) == (503, "model_not_allowed")
    assert caller.chat().status_code == 402
    foreign = {"X-KILOCODE-OrganizationId": ORGANIZATION.replace("1", "9")}
    assert caller.chat(headers=foreign).json()["error"]["code"] == "INVALID_TOKEN"


def test_limits_count_by_the_clock(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """Hosted free models are limited an hour, anonymous callers a day; the windows move with the clock."""
    gateway.options.free_requests_per_hour = 2
    gateway.options.anonymous_requests_per_day = 2
    hosted = "minimax/minimax-m2.5:free"
    assert [caller.chat(model=hosted).status_code for _ in range(3)] == [200, 200, 429]
    gateway.options.clock_seconds += 3601
    assert caller.chat(model=hosted).status_code == 200
    anonymous = connect(gateway, key="anonymous")
    answers = [anonymous.chat(model="openrouter/free") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 401]
    assert answers[2].json()["error"]["code"] == "PROMOTION_MODEL_LIMIT_REACHED"
    gateway.options.account_requests = 0
    limited = caller.http.post("chat/completions", content=b"not even JSON")
    assert (limited.status_code, limited.json()["error_type"]) == (429, "rate_limit_exceeded")


def test_an_unknown_client_address_is_refused(gateway: EmbeddedGateway, caller: Any) -> None:
    """Without the platform's client address the gateway refuses, without a message field."""
    gateway.options.client_ip = None
    response = caller.chat()
    assert (response.status_code, response.json()) == (
        400,
        {"error": "Unable to determine client IP", "error_type": "missing_client_ip"},
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/api/gateway/chat/completions/", 400),
        ("POST", "/api/gateway//chat/completions", 400),
        ("POST", "/api/gateway/completions", 400),
        ("GET", "/api/gateway/chat/completions", 405),
        ("POST", "/api/gateway/models", 405),
        ("GET", "/api/openrouter/models", 200),
        ("GET", "/api/gateway/v1/models", 200),
        ("GET", "/nothing", 404),
    ],
)
def test_paths_match_exactly(gateway: EmbeddedGateway, caller: Any, method: str, path: str, status: int) -> None:
    """Aliases answer; a trailing or a doubled slash, another method and an unknown path do not; all are recorded."""
    response = caller.http.request(method, gateway.origin + path)
    assert response.status_code == gateway.requests[0].status == status
    if status == 400:
        assert response.json()["error"] == "Invalid path"


@pytest.mark.parametrize("base", ["/api/openrouter", "/api/v1"])
def test_chat_answers_on_every_alias(gateway: EmbeddedGateway, caller: Any, base: str) -> None:
    """Chat is answered on other bases, too."""
    body = {"model": "openai/gpt-5-mini", "messages": []}
    assert caller.http.post(f"{gateway.origin}{base}/chat/completions", json=body).status_code == 200
