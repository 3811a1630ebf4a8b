"""What the gateway makes of a request before it would reach a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kilo_gateway.testing import Account, EmbeddedGateway, Organization

CALL = {"id": "call.1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_caller_fields_are_overwritten(gateway: EmbeddedGateway, caller: Any) -> None:
    """`user` and `safety_identifier` become a hash, `models` goes, the request as received stays."""
    caller.chat(user="me", safety_identifier="me", models=["a/b"], usage={"include": True}, description="x", seed=7)
    received = gateway.requests[0]
    forwarded = received.forwarded
    assert forwarded["user"] == forwarded["safety_identifier"] != "me"
    assert len(forwarded["user"]) == 64
    assert not {"models", "usage", "description"} & set(forwarded)
    assert forwarded["seed"] == 7
    assert received.body["user"] == "me"
    assert received.body["models"] == ["a/b"]


@pytest.mark.parametrize(
    ("version", "stream", "wanted"),
    [
        ("newest", False, None),
        ("newest", True, {"include_usage": True, "x": 1}),
        ("2026-02", False, {"include_usage": True, "x": 1}),
    ],
)
def test_usage_is_always_asked_for(version: Any, stream: bool, wanted: Any, connect: Callable[..., Any]) -> None:
    """`include_usage` is merged in: by February always, by the newest only into streams."""
    with EmbeddedGateway(version=version) as gateway:
        connect(gateway).chat(stream=stream, stream_options={"include_usage": False, "x": 1})
        given = gateway.requests[0].forwarded["stream_options"]
        assert given == (wanted or {"include_usage": False, "x": 1})


def test_the_task_id_makes_the_cache_key(gateway: EmbeddedGateway, caller: Any) -> None:
    """A task id overwrites the client's cache key with 44 characters that depend on user and task; without it stays."""
    caller.chat(prompt_cache_key="mine")
    caller.chat(prompt_cache_key="mine", headers={"x-kilocode-taskid": "t1"})
    caller.chat(headers={"x-kilocode-taskid": "t1"})
    caller.chat(headers={"x-kilocode-taskid": "t2"})
    keys = [request.forwarded["prompt_cache_key"] for request in gateway.requests]
    assert keys[0] == "mine"
    assert keys[1] == keys[2] != keys[3]
    assert len(keys[1]) == 44


@pytest.mark.parametrize(
    ("version", "headers", "feature"),
    [
        ("newest", {}, "direct-gateway"),
        ("newest", {"X-KILOCODE-FEATURE": "CLI"}, "cli"),
        ("newest", {"X-KILOCODE-FEATURE": "langchain"}, None),
        ("newest", {"User-Agent": "Kilo-Code/1.0"}, None),
        ("2026-02", {}, None),
        ("2026-02", {"x-kilocode-feature": "kilo-claw"}, "kilo-claw"),
    ],
)
def test_features(version: Any, headers: dict[str, str], feature: str | None, connect: Callable[..., Any]) -> None:
    """The feature header is checked against the version's list; an unknown word is worse than none."""
    with EmbeddedGateway(version=version) as gateway:
        connect(gateway).chat(headers=headers)
        assert gateway.requests[0].facts["feature"] == feature


@pytest.mark.parametrize(
    ("version", "model", "mode", "resolved"),
    [
        ("newest", "kilo-auto/frontier", "plan", "anthropic/claude-opus-4.6"),
        ("newest", "kilo-auto/frontier", "PLAN", "anthropic/claude-sonnet-4.6"),
        ("newest", "kilo-auto/frontier", "code", "anthropic/claude-sonnet-4.6"),
        ("newest", "kilo-auto/free", "", "minimax/minimax-m2.5:free"),
        ("newest", "kilo-auto/small", "", "google/gemma-3-27b-it"),
        ("newest", "OpenAI/GPT-5-mini", "plan", "openai/gpt-5-mini"),
        ("2026-02", "kilo/auto", "PLAN", "anthropic/claude-opus-4.6"),
        ("2026-02", "kilo/auto", "", "anthropic/claude-sonnet-4.6"),
    ],
)
def test_auto_ids_resolve(version: Any, model: str, mode: str, resolved: str, connect: Callable[..., Any]) -> None:
    """Auto ids stand for another model, by mode where the version says so."""
    with EmbeddedGateway(version=version) as gateway:
        response = connect(gateway).chat(model=model, headers={"x-kilocode-mode": mode})
        assert response.status_code == 200
        assert response.json()["model"].startswith("kilo-embedded/")
        assert gateway.requests[0].facts["resolved_model"] == resolved


def test_kilo_auto_is_gone_unless_accepted(gateway: EmbeddedGateway, caller: Any) -> None:
    """The newest version no longer knows `kilo/auto`; an option brings the alias back."""
    assert caller.chat(model="kilo/auto").json()["error_type"] == "model_not_found"
    gateway.options.accept_kilo_auto = True
    assert caller.chat(model="kilo/auto").status_code == 200


def test_frontier_overwrites_reasoning(gateway: EmbeddedGateway, caller: Any) -> None:
    """The frontier route sets its own reasoning and verbosity."""
    caller.chat(model="kilo-auto/frontier", reasoning={"effort": "high"}, reasoning_effort="high")
    forwarded = gateway.requests[0].forwarded
    assert (forwarded["reasoning"], forwarded["verbosity"]) == ({"effort": "medium"}, "medium")
    assert "reasoning_effort" not in forwarded


def test_providers_are_replaced_or_completed(
    gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]
) -> None:
    """Hosted models fix the provider, labs prefer one, an organization's policy replaces the routing object."""
    caller.chat(model="minimax/minimax-m2.5:free", provider={"sort": "price"})
    caller.chat(model="anthropic/claude-sonnet-4.6", provider={"sort": "price"})
    caller.chat(provider={"order": ["azure"]})
    organization = Organization(allowed_providers=("azure",), data_collection="deny")
    gateway.accounts.add(Account(key="member", organizations=(organization,)))
    member = connect(gateway, key="member")
    headers = {"X-KiloCode-OrganizationId": organization.id}
    member.chat(provider={"order": ["openai"], "zdr": True}, headers=headers)
    routings = [request.forwarded["provider"] for request in gateway.requests]
    assert routings == [
        {"only": ["novita"]},
        {"sort": "price", "order": ["amazon-bedrock"]},
        {"order": ["azure"]},
        {"zdr": True, "only": ["azure"], "data_collection": "deny"},
    ]
    assert gateway.requests[0].forwarded["model"] == "minimax/minimax-m2.5"


def test_tool_history_is_repaired(gateway: EmbeddedGateway, caller: Any) -> None:
    """Duplicate calls go, missing results are made up, orphaned results are removed."""
    other = {**CALL, "id": "call2"}
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [CALL, CALL, other]},
        {"role": "tool", "tool_call_id": "call2", "content": "two"},
        {"role": "tool", "tool_call_id": "call2", "content": "again"},
        {"role": "tool", "tool_call_id": "nobody", "content": "orphan"},
        {"role": "user", "content": "on"},
    ]
    caller.chat(None, messages=messages)
    repaired = gateway.requests[0].forwarded["messages"]
    assert [call["id"] for call in repaired[1]["tool_calls"]] == ["call.1", "call2"]
    results = [(message["tool_call_id"], message["content"]) for message in repaired if message["role"] == "tool"]
    assert results == [("call2", "two"), ("call.1", "Tool execution was interrupted before completion.")]


@pytest.mark.parametrize(
    ("model", "length"), [("anthropic/claude-sonnet-4.6", 64), ("mistralai/devstral-2512", 9), ("x-ai/grok-4", 6)]
)
def test_call_ids_suit_the_lab(gateway: EmbeddedGateway, caller: Any, model: str, length: int) -> None:
    """Call ids that a lab refuses are renamed, in the call and in its result alike."""
    messages = [{"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "call.1", "content": "x"}]
    caller.chat(None, model=model, messages=messages)
    assistant, result = gateway.requests[0].forwarded["messages"]
    assert assistant["tool_calls"][0]["id"] == result["tool_call_id"]
    assert len(result["tool_call_id"]) == length


def test_claude_messages_get_cache_marks(gateway: EmbeddedGateway, caller: Any) -> None:
    """System and last user message are marked for caching, unless the client marked one itself."""
    system, user = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}
    caller.chat(None, model="anthropic/claude-sonnet-4.6", messages=[system, user])
    marked = {**user, "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}
    caller.chat(None, model="anthropic/claude-sonnet-4.6", messages=[system, marked])
    first, second = (request.forwarded["messages"] for request in gateway.requests)
    assert first == [
        {"role": "system", "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
        marked,
    ]
    assert second == [system, marked]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"model": "qwen/qwen3-coder", "max_tokens": 100_000}, {"max_tokens": 32_768}),
        ({"model": "mistralai/devstral-2512"}, {"temperature": 0.2}),
        ({"model": "mistralai/devstral-2512", "temperature": 1}, {"temperature": 1}),
        ({"model": "moonshotai/kimi-k2.5", "reasoning": {"effort": "high"}}, {"reasoning": {"enabled": True}}),
    ],
)
def test_february_has_quirks(
    february: EmbeddedGateway, february_caller: Any, body: dict[str, Any], changed: dict[str, Any]
) -> None:
    """February caps, fills in and reduces fields for some labs."""
    february_caller.chat(**body)
    forwarded = february.requests[0].forwarded
    assert {key: forwarded[key] for key in changed} == changed


def test_february_drops_what_labs_refuse(february: EmbeddedGateway, february_caller: Any) -> None:
    """Moonshot loses its temperature, Mistral's tools their `strict`."""
    february_caller.chat(model="moonshotai/kimi-k2.5", temperature=0.5)
    tool = {"type": "function", "function": {"name": "f", "strict": True}}
    february_caller.chat(model="mistralai/devstral-2512", tools=[tool])
    moonshot, mistral = (request.forwarded for request in february.requests)
    assert "temperature" not in moonshot
    assert mistral["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert february.requests[1].body["tools"] == [tool]
