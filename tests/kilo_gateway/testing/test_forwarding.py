"""What the gateway makes of a request before it would reach a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kilo_gateway.testing import Account, EmbeddedGateway, Organization


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


@pytest.mark.parametrize(("stream", "include"), [(False, False), (True, True)])
def test_streams_are_asked_for_their_usage(gateway: EmbeddedGateway, caller: Any, stream: bool, include: bool) -> None:
    """`include_usage` is merged into the options of streams, whatever the client said."""
    caller.chat(stream=stream, stream_options={"include_usage": False, "x": 1})
    assert gateway.requests[0].forwarded["stream_options"] == {"include_usage": include, "x": 1}


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
    ("model", "mode", "resolved"),
    [
        ("kilo-auto/frontier", "plan", "anthropic/claude-opus-4.6"),
        ("kilo-auto/frontier", "code", "anthropic/claude-sonnet-4.6"),
        ("kilo-auto/free", "", "minimax/minimax-m2.5"),
        ("kilo-auto/small", "", "google/gemma-3-27b-it"),
        ("OpenAI/GPT-5-mini", "plan", "openai/gpt-5-mini"),
    ],
)
def test_auto_ids_resolve(gateway: EmbeddedGateway, caller: Any, model: str, mode: str, resolved: str) -> None:
    """Auto ids stand for another model, by mode where the gateway says so."""
    response = caller.chat(model=model, headers={"x-kilocode-mode": mode})
    assert response.json()["model"].startswith("kilo-embedded/")
    assert gateway.requests[0].forwarded["model"].lower() == resolved


@pytest.mark.parametrize(("mode", "resolved"), [("plan", "claude-opus-4.6"), ("", "claude-sonnet-4.6")])
def test_february_resolves_kilo_auto(february: EmbeddedGateway, february_caller: Any, mode: str, resolved: str) -> None:
    """The version of February knows `kilo/auto`, and answers with its own comments."""
    response = february_caller.chat(model="kilo/auto", stream=True, headers={"x-kilocode-mode": mode})
    assert response.content.startswith(b": OPENROUTER PROCESSING\n\n")
    assert february.requests[-1].forwarded["model"] == f"anthropic/{resolved}"
    assert february_caller.chat(model="kilo-auto/balanced").status_code == 404


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


def test_providers_are_replaced(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """Hosted models fix the provider, an organization's policy replaces the routing object but for privacy."""
    caller.chat(model="minimax/minimax-m2.5:free", provider={"sort": "price"})
    caller.chat(provider={"order": ["azure"]})
    organization = Organization(allowed_providers=("azure",), data_collection="deny")
    gateway.accounts.add(Account(key="member", organizations=(organization,)))
    member = connect(gateway, key="member")
    headers = {"X-KiloCode-OrganizationId": organization.id}
    member.chat(provider={"order": ["openai"], "zdr": True}, headers=headers)
    routings = [request.forwarded["provider"] for request in gateway.requests]
    assert routings == [
        {"only": ["novita"]},
        {"order": ["azure"]},
        {"zdr": True, "only": ["azure"], "data_collection": "deny"},
    ]
    assert gateway.requests[0].forwarded["model"] == "minimax/minimax-m2.5"
