"""Both adapters send the same of an answer back, and the same conversation alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)

from kilo_gateway.testing import Reply
from tests.both_adapters.conftest import whole

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo
    from llama_index_kilo import KiloLLM

IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
DETAILED = {"type": "image_url", "image_url": {**IMAGE["image_url"], "detail": "high"}}
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
    "a picture with its place in a stream": (
        {"content": "a", "images": [{**DETAILED, "index": 0}]},
        {"content": "a", "images": [DETAILED]},
    ),
    "a picture alone": ({"content": "", "images": [IMAGE]}, {"content": "", "images": [IMAGE]}),
    "a voice": (
        {"content": None, "audio": {"id": "au", "data": "UklGRg==", "transcript": "Hi"}},
        {"content": None, "audio": {"id": "au"}},
    ),
    "a voice without an id": (
        {"content": "a", "audio": {"data": "UklGRg==", "transcript": "Hi"}},
        {"content": "a"},
    ),
    "a voice with an odd id": ({"content": "a", "audio": {"id": 7, "data": "UklGRg=="}}, {"content": "a"}),
    "a signed call": (
        {"content": None, "reasoning_details": [DETAIL], "tool_calls": [CALL]},
        {"content": None, "reasoning_details": [DETAIL], "tool_calls": [CALL]},
    ),
}
"""Name -> an answer's message, and what of it goes back."""


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


def said(*blocks: Any, **extra: Any) -> ChatMessage:
    """Return an answer of LlamaIndex."""
    return ChatMessage(role="assistant", blocks=list(blocks), additional_kwargs=extra)


PNG = IMAGE["image_url"]["url"].partition(",")[2]
NAMELESS = {"type": "function", "function": {"name": "f", "arguments": "{}"}}
HISTORIES: dict[str, tuple[list[Any], list[Any], list[dict[str, Any]]]] = {
    "nothing in parts": (
        [HumanMessage([])],
        [ChatMessage(role="user", blocks=[])],
        [{"role": "user", "content": ""}],
    ),
    "an empty text beside a picture": (
        [HumanMessage([{"type": "text", "text": ""}, {"type": "image", "base64": PNG, "mime_type": "image/png"}])],
        [ChatMessage(role="user", blocks=[TextBlock(text=""), ImageBlock(url=IMAGE["image_url"]["url"])])],
        [{"role": "user", "content": [IMAGE]}],
    ),
    "a call without an id": (
        [AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": None}]), ToolMessage("r", tool_call_id="")],
        [said(ToolCallBlock(tool_name="f", tool_kwargs={})), ChatMessage(role="tool", content="r")],
        [
            {"role": "assistant", "content": None, "tool_calls": [{**NAMELESS, "id": "call_1"}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "r"},
        ],
    ),
    "another package's thoughts": (
        [AIMessage([{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, {"type": "text", "text": "a"}])],
        [said(ThinkingBlock(content="hm", additional_information={"signature": "c2ln"}), TextBlock(text="a"))],
        [{"role": "assistant", "content": "a", "reasoning": "hm"}],
    ),
    "reasoning that another package noted": (
        [AIMessage("a", additional_kwargs={"reasoning_content": "hm"})],
        [said(TextBlock(text="a"), reasoning_content="hm")],
        [{"role": "assistant", "content": "a", "reasoning": "hm"}],
    ),
    "a voice of another package": (
        [AIMessage([{"type": "text", "text": "a"}, {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}])],
        [said(TextBlock(text="a"), AudioBlock(audio=b"\0\0\0", format="wav"))],
        [{"role": "assistant", "content": "a"}],
    ),
}
"""Name -> a conversation in LangChain's messages and in LlamaIndex's, and what is sent."""


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_is_sent_alike(name: str, gateway: EmbeddedGateway, chat: ChatKilo, llm: KiloLLM) -> None:
    """The same conversation, written for either framework, is the same on the wire."""
    ours, theirs, expected = HISTORIES[name]
    gateway.enqueue(Reply(text="ok"), Reply(text="ok"))
    chat.invoke(ours)
    llm.chat(theirs)
    for request in gateway.requests:
        assert request.body["messages"] == expected
