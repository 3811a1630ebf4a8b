"""Every error of the gateway by its name, and the requests that lead to it by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kilo_gateway.testing import VERSIONS, Account, EmbeddedGateway, Fault, Organization, error_ids
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


def test_both_versions_know_their_errors() -> None:
    """All 68 errors are in the table; those of one version only are refused for the other."""
    assert len(error_ids()) == 68
    assert "provider_options" in error_ids("newest")
    assert "provider_options" not in error_ids("2026-02")
    assert "alpha_ended" not in error_ids("newest")


@pytest.mark.parametrize("version", VERSIONS)
def test_each_error_by_name_is_exact(version: Any) -> None:
    """A named fault answers with the error's exact status, body and headers, whatever was asked."""
    errors = load_table("errors")["errors"]
    with EmbeddedGateway(version=version) as gateway, httpx.Client(trust_env=False) as client:
        for error_id in error_ids(version):
            row = errors[error_id]
            gateway.enqueue(Fault.named(error_id))
            response = client.post(gateway.base_url + "chat/completions", json={"model": "x", "stream": True})
            assert response.status_code == row["status"], error_id
            assert repr(response.json()) == _filled(row["bodies"][version]), error_id
            wanted = row.get("headers", {}).get(version, {})
            for name, value in wanted.items():
                assert repr(response.headers[name]) == _filled(value), error_id
            assert ("retry-after" in response.headers) == any(name.lower() == "retry-after" for name in wanted), (
                error_id
            )


def test_a_named_error_takes_values_and_headers(gateway: EmbeddedGateway, caller: Any) -> None:
    """Places in a body, the status of pass-through errors and further headers can be given."""
    gateway.enqueue(
        Fault.named("model_unknown_openrouter", fill={"<id>": "acme/one"}),
        Fault.named("openrouter_passthrough", status=529, headers={"Retry-After": "3"}),
    )
    assert "'acme/one'" in caller.chat().json()["message"]
    second = caller.chat()
    assert (second.status_code, second.headers["retry-after"]) == (529, "3")


def test_an_error_of_another_version_is_refused_when_scripted(february: EmbeddedGateway) -> None:
    """Asking a version for an error that it does not have fails at once."""
    with pytest.raises(ValueError, match="provider_options"):
        february.enqueue(Fault.named("provider_options"))


@pytest.mark.parametrize("endpoint", sorted(ENDPOINT_PATHS))
def test_faults_can_be_scripted_for_each_endpoint(gateway: EmbeddedGateway, caller: Any, endpoint: str) -> None:
    """A fault for one endpoint leaves the others alone."""
    gateway.enqueue(Fault(status=418, body={"for": endpoint}), endpoint=endpoint)
    method, path = ENDPOINT_PATHS[endpoint]
    response = caller.http.request(method, gateway.origin + path, json={} if method == "POST" else None)
    assert (response.status_code, response.json()) == (418, {"for": endpoint})


NATURAL: list[tuple[str, str, dict[str, Any], dict[str, str]]] = [
    ("newest", "provider_options", {"providerOptions": {}}, {}),
    ("newest", "model_missing", {"model": "  "}, {}),
    ("newest", "model_missing", {"model": 7}, {}),
    ("newest", "invalid_request", {"messages": "Hello"}, {}),
    ("newest", "invalid_request", {"messages": None}, {}),
    ("newest", "invalid_request", {"provider": {"zdr": "yes"}}, {}),
    ("newest", "invalid_request", {"provider": {"data_collection": "never"}}, {}),
    ("newest", "invalid_token", {}, {"authorization": "Bearer wrong"}),
    ("newest", "invalid_token", {"model": "openrouter/free"}, {"authorization": "Bearer wrong"}),
    ("newest", "invalid_token", {}, {"x-kilocode-organizationid": "not-a-uuid"}),
    ("newest", "paid_model_auth_required", {}, {"authorization": "Bearer anonymous"}),
    ("newest", "paid_model_auth_required", {"model": "kilo-auto/balanced"}, {"authorization": ""}),
    ("newest", "api_kind", {"model": "openai/gpt-5.2-codex"}, {}),
    ("newest", "temporarily_unavailable", {"max_tokens": 99_999_999_999 + 1}, {}),
    ("newest", "model_unavailable", {"model": "x-ai/grok-code-fast-1:optimized:free"}, {}),
    ("newest", "data_collection_required", {"model": "minimax/minimax-m2.5:free", "provider": {"zdr": True}}, {}),
    ("newest", "org_auto", {"model": "kilo-auto/org"}, {}),
    ("2026-02", "malformed_json", {}, {}),
    ("2026-02", "model_missing", {"model": None}, {}),
    ("2026-02", "paid_model_auth_required", {}, {"authorization": "Bearer wrong"}),
    ("2026-02", "paid_model_auth_required", {}, {"x-kilocode-organizationid": "not-a-uuid"}),
    ("2026-02", "temporarily_unavailable", {"max_completion_tokens": 1e12}, {}),
    ("2026-02", "alpha_ended", {"model": "x-ai/grok-code-fast-1:optimized:free"}, {}),
    (
        "2026-02",
        "data_collection_required",
        {"model": "google/gemma-3-27b-it:free", "provider": {"data_collection": "deny"}},
        {},
    ),
]


@pytest.mark.parametrize(("version", "error_id", "body", "headers"), NATURAL)
def test_bad_requests_lead_to_their_error(
    version: Any, error_id: str, body: dict[str, Any], headers: dict[str, str], connect: Callable[..., Any]
) -> None:
    """A request with one thing wrong gets the error that the gateway has for it."""
    with EmbeddedGateway(version=version) as gateway:
        caller = connect(gateway)
        if error_id == "malformed_json":
            response = caller.http.post("chat/completions", content=b"{")
        else:
            response = caller.chat(headers=headers, **body)
        row = load_table("errors")["errors"][error_id]
        assert response.status_code == row["status"]
        assert repr(response.json()) == _filled(row["bodies"][version])
        assert gateway.requests[-1].forwarded is None


def test_malformed_json_says_what_the_parser_said(caller: Any) -> None:
    """The newest version tells the parser's complaint."""
    body = caller.http.post("chat/completions", content=b"{").json()
    assert body["error"] == "Malformed JSON"
    assert body["message"].startswith("Request body is not valid JSON: ")


def test_unknown_models_differ_by_version(caller: Any, february_caller: Any) -> None:
    """The newest version refuses unknown ids itself; February passes the upstream's complaint through."""
    newest = caller.chat(model="Acme/One")
    assert newest.status_code == 404
    assert newest.json()["error_type"] == "model_not_found"
    assert "'Acme/One'" in newest.json()["error"]
    february = february_caller.chat(model="Acme/One")
    assert (february.status_code, february.json()["error"]["code"]) == (400, 400)


def test_missing_messages_are_unhandled_in_february(february_caller: Any) -> None:
    """February answers 500 without JSON when there are no messages."""
    response = february_caller.chat(None)
    assert response.status_code == 500
    assert not response.headers["content-type"].startswith("application/json")


def test_reasoning_details_as_text_are_unhandled(caller: Any) -> None:
    """A string in place of the list of reasoning details makes the gateway answer 500."""
    messages = [{"role": "assistant", "content": "a", "reasoning_details": "text"}, {"role": "user", "content": "b"}]
    assert caller.chat(None, messages=messages).status_code == 500


BALANCES: list[tuple[dict[str, Any], str, int, str]] = [
    ({"balance": -0.5}, "Low Credit Warning!", 402, "newest"),
    ({"balance": 0, "has_paid": False}, "Paid Model - Credits Required", 402, "newest"),
    ({"balance": -0.5}, "Low Credit Warning!", 402, "2026-02"),
]


@pytest.mark.parametrize(("changes", "title", "status", "version"), BALANCES)
def test_no_balance(
    changes: dict[str, Any], title: str, status: int, version: Any, connect: Callable[..., Any]
) -> None:
    """A paid model without balance is 402 with the account's balance; free models still answer."""
    with EmbeddedGateway(version=version) as gateway:
        gateway.accounts.adjust(gateway.api_key, **changes)
        caller = connect(gateway)
        response = caller.chat()
        error = response.json()["error"]
        assert (response.status_code, error["title"], error["balance"]) == (status, title, changes["balance"])
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


def test_hosted_models_need_their_only_provider(caller: Any) -> None:
    """Excluding the one provider of a hosted model is 403 and names it."""
    for routing in ({"only": ["openai"]}, {"ignore": ["novita"]}):
        response = caller.chat(model="minimax/minimax-m2.5:free", provider=routing)
        assert (response.status_code, response.json()["error_type"]) == (403, "provider_not_allowed")
        assert "novita" in response.json()["message"]


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


def test_free_models_take_any_key_in_february_only(february: EmbeddedGateway, connect: Callable[..., Any]) -> None:
    """February serves a refused key anonymously on free models."""
    assert connect(february, key="junk").chat(model="google/gemma-3-27b-it:free").status_code == 200
    assert february.requests[-1].facts["user_id"] is None


PATHS: list[tuple[str, str, str, int]] = [
    ("newest", "POST", "/api/gateway/chat/completions/", 400),
    ("newest", "POST", "/api/gateway//chat/completions", 400),
    ("newest", "POST", "/api/gateway/completions", 400),
    ("newest", "GET", "/api/gateway/chat/completions", 405),
    ("newest", "POST", "/api/gateway/models", 405),
    ("newest", "GET", "/api/gateway/v1/models", 200),
    ("newest", "GET", "/api/v1/models", 200),
    ("newest", "GET", "/api/openrouter/v1/models", 200),
    ("newest", "GET", "/nothing", 404),
    ("2026-02", "POST", "/api/gateway/v1/chat/completions", 400),
    ("2026-02", "POST", "/api/gateway/embeddings", 400),
    ("2026-02", "POST", "/api/gateway/responses", 400),
    ("2026-02", "GET", "/api/gateway/v1/models", 404),
    ("2026-02", "GET", "/api/openrouter/models", 200),
]


@pytest.mark.parametrize(("version", "method", "path", "status"), PATHS)
def test_paths_match_exactly(version: Any, method: str, path: str, status: int) -> None:
    """Aliases answer; a trailing slash, a doubled slash or another version's path does not."""
    with EmbeddedGateway(version=version) as gateway:
        response = httpx.request(method, gateway.origin + path, trust_env=False)
        assert response.status_code == status
        if status == 400:
            assert response.json()["error"] == "Invalid path"
        if status == 405:
            assert response.content == b""


@pytest.mark.parametrize(
    "base", ["/api/gateway", "/api/openrouter", "/api/gateway/v1", "/api/openrouter/v1", "/api/v1"]
)
def test_chat_answers_on_every_alias(gateway: EmbeddedGateway, caller: Any, base: str) -> None:
    """The newest version takes chat on all its bases."""
    body = {"model": "openai/gpt-5-mini", "messages": []}
    assert caller.http.post(f"{gateway.origin}{base}/chat/completions", json=body).status_code == 200


def test_other_apis_refuse_as_the_gateway_does(caller: Any) -> None:
    """The responses API refuses stored conversations; behind both other APIs there is no model."""
    stored = caller.http.post("responses", json={"model": "openai/gpt-5-mini", "input": "Hi", "store": True})
    assert (stored.status_code, stored.json()["error_type"]) == (400, "unsupported_field")
    body = {"model": "openai/gpt-5-mini", "messages": []}
    assert caller.http.post("messages", json=body).json()["error"]["code"] == 404
