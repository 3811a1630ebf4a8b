"""Names that people bring along from other classes lead to what they mean here, in every class of both frameworks."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway.adapters.foreign_names import MEANT, NOTES
from kilo_gateway.errors import KiloError
from langchain_kilo import ChatKilo, KiloEmbeddings
from llama_index_kilo import KiloEmbedding, KiloLLM

CLASSES: list[Any] = [ChatKilo, KiloLLM, KiloEmbeddings, KiloEmbedding]
CHAT: list[Any] = [ChatKilo, KiloLLM]


def refusal(cls: Any, name: str) -> str:
    """Return what a class says of an argument; "" where it takes it."""
    try:
        cls(api_key="k", **{name: "x"})
    except KiloError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("request_timeout", "timeout"),
        ("openai_api_base", "base_url"),
        ("openrouter_api_base", "base_url"),
        ("azure_endpoint", "base_url"),
        ("openai_api_key", "api_key"),
        ("openai_organization", "organization_id"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_names_of_settings_lead_to_ours(cls: Any, name: str, meant: str) -> None:
    """What says who calls and where is found by its name in ChatOpenAI, AzureChatOpenAI or ChatOpenRouter."""
    assert f"{cls.__name__} has no argument {name!r}. Did you mean {meant!r}?" in refusal(cls, name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("azure_deployment", "model"),
        ("thinking", "reasoning"),
        ("thinking_budget", "reasoning"),
        ("max_output_tokens", "max_tokens"),
        ("num_predict", "max_tokens"),
        ("openrouter_provider", "provider"),
        ("allow_fallbacks", "provider"),
        ("functions", "tools"),
    ],
)
@pytest.mark.parametrize("cls", CHAT)
def test_names_of_options_lead_to_ours(cls: Any, name: str, meant: str) -> None:
    """What changes answers is found by its name elsewhere."""
    assert f"Did you mean {meant!r}?" in refusal(cls, name)


def test_each_framework_names_its_async_client() -> None:
    """The two frameworks call the async client differently; each class hints at its own."""
    assert "Did you mean 'http_async_client'?" in refusal(ChatKilo, "async_http_client")
    assert "Did you mean 'async_http_client'?" in refusal(KiloLLM, "http_async_client")


@pytest.mark.parametrize("name", NOTES)
@pytest.mark.parametrize("cls", CHAT)
def test_what_has_no_argument_here_says_what_to_do(cls: Any, name: str) -> None:
    """No hint at an unrelated argument, and no extra_body for what the gateway would not understand."""
    said = refusal(cls, name)
    assert said == f"{cls.__name__} has no argument {name!r}. {NOTES[name]}"
    assert "Did you mean" not in said


@pytest.mark.parametrize("name", MEANT)
def test_every_row_leads_to_an_argument(name: str) -> None:
    """A name leads to an argument of ours in one framework at least, or is one in it."""
    said = [refusal(cls, name) for cls in CHAT]
    assert any(not one or any(f"Did you mean {meant!r}?" in one for meant in MEANT[name]) for one in said)


def test_no_name_is_in_both_tables() -> None:
    """One name has one answer."""
    assert not MEANT.keys() & NOTES.keys()
