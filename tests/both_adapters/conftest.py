"""One gateway and one model of each adapter, which say of an answer what the other says."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway.testing import EmbeddedGateway, Reply
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM

MODEL = "anthropic/claude-sonnet-4.6"


@pytest.fixture
def gateway(running_gateway: EmbeddedGateway) -> EmbeddedGateway:
    """Return the gateway with nothing scripted and nothing recorded."""
    running_gateway.clear()
    return running_gateway


@pytest.fixture
def chat(gateway: EmbeddedGateway) -> ChatKilo:
    """Return a ChatKilo at the gateway."""
    return ChatKilo(model=MODEL, api_key=gateway.api_key, base_url=gateway.base_url, max_retries=0)


@pytest.fixture
def llm(gateway: EmbeddedGateway) -> KiloLLM:
    """Return a KiloLLM at the gateway."""
    return KiloLLM(model=MODEL, api_key=gateway.api_key, api_base=gateway.base_url, max_retries=0)


def whole(message: dict[str, Any], finish: str | None = None) -> Reply:
    """Return an answer that is not streamed."""
    finish = finish or ("tool_calls" if message.get("tool_calls") else "stop")
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return Reply(body={"id": "gen-1", "model": MODEL, "choices": [choice]})
