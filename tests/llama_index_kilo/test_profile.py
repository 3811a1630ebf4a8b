"""What LlamaIndex is told of a model, and what traces are told of a call: always known, never asked for."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.indices.prompt_helper import PromptHelper

from kilo_gateway.catalog import discovery
from kilo_gateway.catalog.catalog import bundled_catalog
from llama_index_kilo import KiloLLM
from llama_index_kilo.profile import UNKNOWN_CONTEXT_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway


def test_default_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default model has its real window, calls tools, and leaves the answer's length open; nothing is asked."""

    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("metadata must not touch the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    metadata = KiloLLM(api_key="test-key").metadata
    assert metadata.context_window == 1_000_000
    assert metadata.num_output == -1
    assert metadata.is_chat_model
    assert metadata.is_function_calling_model
    assert metadata.model_name == "kilocode/kilo/auto"


@pytest.mark.parametrize("info", bundled_catalog().models, ids=lambda info: info.id)
def test_every_bundled_model(info: Any) -> None:
    """For every model of the bundled catalog the window and the tools are those of the catalog."""
    metadata = KiloLLM(api_key="test-key", model=info.id).metadata
    assert metadata.context_window == info.context_window
    assert metadata.is_function_calling_model is (info.tools is not False)


def test_unknown_model_is_taken_cautiously() -> None:
    """A model that no list knows has a cautious window and may call tools; the caller's word wins."""
    metadata = KiloLLM(api_key="test-key", model="new-lab/new-model").metadata
    assert metadata.context_window == UNKNOWN_CONTEXT_WINDOW
    assert metadata.is_function_calling_model
    told = KiloLLM(
        api_key="test-key", model="new-lab/new-model", context_window=200_000, is_function_calling_model=False
    ).metadata
    assert (told.context_window, told.is_function_calling_model) == (200_000, False)


def test_live_list_wins(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM]) -> None:
    """After a discovery, metadata answers from the gateway's own list."""
    llm = make_llm(model="typesafe/jev-router")
    entry = next(entry for entry in gateway.catalog if entry["id"] == "typesafe/jev-router")
    assert llm.metadata.context_window == UNKNOWN_CONTEXT_WINDOW
    llm._clients().client.discover()
    assert llm.metadata.context_window == entry["context_length"]
    discovery.forget()


@pytest.mark.parametrize(
    ("max_tokens", "window", "expected"),
    [(None, 128_000, -1), (500, 128_000, 500), (128_000, 128_000, 123_904), (9000, 8000, 4000)],
)
def test_output_never_fills_the_window(max_tokens: int | None, window: int, expected: int) -> None:
    """A longest answer as long as the window leaves room for a prompt, so that LlamaIndex can pack one."""
    llm = KiloLLM(api_key="test-key", context_window=window, max_tokens=max_tokens)
    assert llm.metadata.num_output == expected
    assert PromptHelper.from_llm_metadata(llm.metadata)._get_available_context_size(200) > 0


def test_payload_has_model_and_temperature() -> None:
    """What traces are given holds model and temperature, and no key."""
    llm = KiloLLM(api_key="sk-very-secret-0123456789", model="lab/model", temperature=0.25)
    payload = llm.to_payload()
    assert (payload["model"], payload["temperature"]) == ("kilocode/lab/model", 0.25)
    assert payload["class_name"] == "Kilo_LLM"
    assert "sk-very-secret" not in repr(payload)


def test_class_name_and_round_trip() -> None:
    """The class has a name of its own in dumps, and a dump gives the same model back."""
    llm = KiloLLM(api_key="test-key", model="lab/model", stop=["x"], reasoning={"effort": "low"}, top_k=3)
    data = llm.to_dict()
    assert data["class_name"] == KiloLLM.class_name() == "Kilo_LLM"
    restored = KiloLLM.from_dict(data, api_key="test-key")
    assert restored.to_dict() == data


@pytest.mark.parametrize(
    "said", [{}, {"max_tokens": 100}, {"context_window": 9000, "is_function_calling_model": False}]
)
def test_trace_holds_a_dump_of_the_metadata(said: dict[str, Any]) -> None:
    """A trace shows the metadata as LlamaIndex dumps them, as they are now, in a dict of its own."""
    llm = KiloLLM(api_key="test-key", **said)
    for temperature, window in ((0.5, llm.context_window), (0.7, 50_000)):
        llm.temperature, llm.context_window = temperature, window
        facts = {"model": llm.model, "temperature": temperature, "max_tokens": llm.max_tokens}
        expected = {"class_name": "Kilo_LLM", **llm.metadata.model_dump(), **facts}
        assert list(llm.to_payload().items()) == list(expected.items())
        llm.to_payload().clear()
        assert llm.to_payload() == expected
