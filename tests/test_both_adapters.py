"""Both adapters read an answer alike and send it back alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import HumanMessage
from llama_index.core.base.llms.types import ChatMessage

from kilo_gateway.testing import EmbeddedGateway, Reply
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "anthropic/claude-sonnet-4.6"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
FILE = {"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": [{"type": "text", "text": "t"}]}}
CITED = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
DETAIL = {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}

SENT_BACK: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"content": "a"}, {"content": "a"}),
    "nothing": ({"content": ""}, {"content": ""}),
    "details, which say what the reasoning says": (
        {"content": "a", "reasoning": "hm", "reasoning_details": [DETAIL]},
        {"content": "a", "reasoning_details": [DETAIL]},
    ),
    "reasoning without details": ({"content": "a", "reasoning": "hm"}, {"content": "a", "reasoning": "hm"}),
    "reasoning by another name": ({"content": "a", "reasoning_content": "hm"}, {"content": "a", "reasoning": "hm"}),
    "citations, which are for readers": ({"content": "a", "annotations": [CITED]}, {"content": "a"}),
    "parsed files": ({"content": "a", "annotations": [CITED, FILE]}, {"content": "a", "annotations": [FILE]}),
    "a refusal": ({"content": None, "refusal": "No."}, {"content": "No."}),
    "a refusal beside text": ({"content": "a", "refusal": "No."}, {"content": "a"}),
    "a picture": ({"content": "a", "images": [IMAGE]}, {"content": "a", "images": [IMAGE]}),
    "a picture alone": ({"content": "", "images": [IMAGE]}, {"content": "", "images": [IMAGE]}),
    "a voice": (
        {"content": None, "audio": {"id": "au", "data": "UklGRg==", "transcript": "Hi"}},
        {"content": None, "audio": {"id": "au"}},
    ),
    "a voice without an id": (
        {"content": "a", "audio": {"data": "UklGRg==", "transcript": "Hi"}},
        {"content": "a"},
    ),
    "a signed call": (
        {"content": None, "reasoning_details": [DETAIL], "tool_calls": [CALL]},
        {"content": None, "reasoning_details": [DETAIL], "tool_calls": [CALL]},
    ),
}
"""Name -> an answer's message, and what of it goes back."""


@pytest.fixture(scope="module")
def running_gateway() -> Iterator[EmbeddedGateway]:
    """Serve for all of these tests."""
    with EmbeddedGateway() as gateway:
        yield gateway


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


@pytest.mark.parametrize("name", SENT_BACK)
def test_an_answer_goes_back_alike(name: str, gateway: EmbeddedGateway, chat: ChatKilo, llm: KiloLLM) -> None:
    """Both adapters send the same of an answer back, each thing once and in the same place."""
    message, expected = SENT_BACK[name]
    gateway.enqueue(whole(message), Reply(text="ok"), whole(message), Reply(text="ok"))
    chat.invoke([HumanMessage("q"), chat.invoke("q"), HumanMessage("n")])
    asked = ChatMessage(content="q")
    llm.chat([asked, llm.chat([asked]).message, ChatMessage(content="n")])
    for request in (gateway.requests[1], gateway.requests[3]):
        assert request.body["messages"][1] == {"role": "assistant", **expected}
