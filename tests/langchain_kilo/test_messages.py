"""Messages of LangChain as they stand on the wire, and what an answer needs to go back unchanged."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.testing import Reply
from langchain_kilo.messages import render_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsO="
MP3 = "SUQzBAAAAAAAI1RTU0U="
MARK = {"type": "ephemeral"}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (SystemMessage("s"), {"role": "system", "content": "s"}),
        (HumanMessage("h", name="ann"), {"role": "user", "content": "h", "name": "ann"}),
        (HumanMessageChunk(content="h"), {"role": "user", "content": "h"}),
        (AIMessage("a", name="bob"), {"role": "assistant", "content": "a", "name": "bob"}),
        (ChatMessage(role="developer", content="d"), {"role": "developer", "content": "d"}),
        (ToolMessage("t", tool_call_id="1"), {"role": "tool", "tool_call_id": "1", "content": "t"}),
        (
            ToolMessage("t", tool_call_id="1", name="f", status="error"),
            {"role": "tool", "tool_call_id": "1", "content": "t", "name": "f"},
        ),
        (FunctionMessage("r", name="f"), {"role": "function", "name": "f", "content": "r"}),
        (AIMessage(""), {"role": "assistant", "content": ""}),
        (
            AIMessage("", tool_calls=[{"name": "f", "args": {"ä": 1}, "id": "1"}]),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"ä":1}'}}],
            },
        ),
        (
            AIMessage("a", additional_kwargs={"reasoning_content": "r", "reasoning_details": [{"type": "x", "y": 1}]}),
            {"role": "assistant", "content": "a", "reasoning_details": [{"type": "x", "y": 1}]},
        ),
        (AIMessage("", additional_kwargs={"refusal": "no"}), {"role": "assistant", "content": "no"}),
        (
            AIMessage("", response_metadata={"audio": {"id": "au", "data": "x"}}),
            {"role": "assistant", "content": None, "audio": {"id": "au"}},
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseMessage) else "",
)
def test_messages_on_the_wire(message: BaseMessage, expected: dict[str, Any]) -> None:
    """Each kind of message has its role, its name and its content; a message of nothing but calls has content null."""
    assert render_messages([message]) == [expected]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("plain", {"type": "text", "text": "plain"}),
        ({"type": "text", "text": "t", "id": "1", "index": 0, "annotations": []}, {"type": "text", "text": "t"}),
        ({"text": "untyped"}, {"type": "text", "text": "untyped"}),
        ({"type": "text", "text": "t", "cache_control": MARK}, {"type": "text", "text": "t", "cache_control": MARK}),
        (
            {"type": "text", "text": "t", "extras": {"cache_control": MARK}},
            {"type": "text", "text": "t", "cache_control": MARK},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
        ),
        ({"type": "image_url", "image_url": "https://a"}, {"type": "image_url", "image_url": {"url": "https://a"}}),
        (
            {"type": "image", "url": "https://a", "cache_control": MARK, "extras": {"detail": "high"}},
            {"type": "image_url", "image_url": {"url": "https://a", "detail": "high"}, "cache_control": MARK},
        ),
        (
            {"type": "image", "base64": PNG, "mime_type": "image/x-own"},
            {"type": "image_url", "image_url": {"url": f"data:image/x-own;base64,{PNG}"}},
        ),
        (
            {"type": "image", "base64": PNG},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        ),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        ),
        (
            {"type": "image", "source": {"type": "url", "url": "https://a"}},
            {"type": "image_url", "image_url": {"url": "https://a"}},
        ),
        (
            {"type": "audio", "base64": MP3, "mime_type": "audio/mpeg"},
            {"type": "input_audio", "input_audio": {"data": MP3, "format": "mp3"}},
        ),
        (
            {"type": "audio", "base64": "AA==", "mime_type": "audio/x-wav"},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        ),
        ({"type": "audio", "base64": MP3}, {"type": "input_audio", "input_audio": {"data": MP3, "format": "mp3"}}),
        ({"type": "video", "url": "https://v"}, {"type": "video_url", "video_url": {"url": "https://v"}}),
        (
            {"type": "video", "base64": "AA==", "mime_type": "video/mp4"},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA=="}},
        ),
        (
            {"type": "file", "base64": PDF, "mime_type": "application/pdf", "extras": {"filename": "a.pdf"}},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        ),
        (
            {"type": "file", "base64": PDF},
            {"type": "file", "file": {"filename": "file.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        ),
        (
            {"type": "file", "url": "https://a/b.pdf?c=d"},
            {"type": "file", "file": {"filename": "b.pdf", "file_data": "https://a/b.pdf?c=d"}},
        ),
        ({"type": "file", "file_id": "f-1"}, {"type": "file", "file": {"file_id": "f-1"}}),
        ({"type": "text-plain", "text": "t", "title": "T"}, {"type": "text", "text": "T\nt"}),
        (
            {"type": "text-plain", "base64": "AA==", "mime_type": "text/plain"},
            {"type": "file", "file": {"filename": "file.plain", "file_data": "data:text/plain;base64,AA=="}},
        ),
        ({"type": "document", "source": {"type": "text", "data": "d"}}, {"type": "text", "text": "d"}),
        (
            {
                "type": "document",
                "title": "T",
                "source": {"type": "content", "content": [{"type": "text", "text": "d"}]},
            },
            {"type": "text", "text": "T\nd"},
        ),
        (
            {"type": "document", "source": {"type": "file", "file_id": "f-1"}},
            {"type": "file", "file": {"file_id": "f-1"}},
        ),
        (
            {"type": "search_result", "title": "T", "source": "https://a", "content": [{"type": "text", "text": "s"}]},
            {"type": "text", "text": "T\nhttps://a\ns"},
        ),
        (
            {"type": "input_text", "text": "t", "cache_control": MARK},
            {"type": "text", "text": "t", "cache_control": MARK},
        ),
        ({"type": "input_file", "file_id": "f-1"}, {"type": "file", "file": {"file_id": "f-1"}}),
        (
            {"type": "input_file", "file_url": "https://a/b.pdf"},
            {"type": "file", "file": {"filename": "b.pdf", "file_data": "https://a/b.pdf"}},
        ),
        (
            {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"},
            {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        ),
        (
            {"type": "media", "mime_type": "image/png", "data": PNG},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        ),
        (
            {"type": "media", "mime_type": "image/png", "data": base64.b64decode(PNG)},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        ),
        (
            {"type": "media", "mime_type": "video/mp4", "file_uri": "https://v"},
            {"type": "video_url", "video_url": {"url": "https://v"}},
        ),
        (
            {"type": "media", "mime_type": "audio/mpeg", "data": MP3},
            {"type": "input_audio", "input_audio": {"data": MP3, "format": "mp3"}},
        ),
        (
            {"type": "media", "mime_type": "application/pdf", "data": PDF},
            {"type": "file", "file": {"filename": "file.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}},
        ),
        (
            {"type": "document_url", "document_url": "https://a/b.pdf"},
            {"type": "file", "file": {"filename": "b.pdf", "file_data": "https://a/b.pdf"}},
        ),
        ({"type": "video_url", "video_url": "https://v"}, {"type": "video_url", "video_url": {"url": "https://v"}}),
        (
            {"type": "non_standard", "value": {"type": "own_part", "own": 1}},
            {"type": "own_part", "own": 1},
        ),
    ],
)
@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage, ToolMessage])
def test_blocks_on_the_wire(kind: type[BaseMessage], block: Any, part: dict[str, Any]) -> None:
    """Every block of LangChain, OpenAI and Anthropic has its part, in every role, with its cache mark."""
    extra = {"tool_call_id": "1"} if kind is ToolMessage else {}
    [message] = render_messages([kind(content=[block], **extra)])
    assert message["content"] == [part]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "hologram", "data": "x"},
        {"type": "image"},
        {"type": "image", "base64": "AAAA"},
        {"type": "audio", "url": "https://a"},
        {"type": "video"},
        {"type": "file", "file": None},
        {"type": "reasoning", "reasoning": "x"},
        {"colour": "blue"},
    ],
)
def test_blocks_without_a_part_are_refused_by_their_type(block: dict[str, Any]) -> None:
    """What cannot be sent is a typed error that names place and type; it is never dropped or sent as it is."""
    with pytest.raises(InvalidRequestError, match=r"content\[1\].*user.*" + repr(block.get("type"))):
        render_messages([HumanMessage(content=["x", block])])


def test_messages_without_a_form_are_refused() -> None:
    """A message that is no part of a conversation is a typed error."""
    with pytest.raises(InvalidRequestError, match="RemoveMessage"):
        render_messages([RemoveMessage(id="1")])


def test_blocks_that_repeat_the_calls_are_left_out_of_answers() -> None:
    """Tool uses in the content of an answer are in its calls already; its thoughts are its reasoning."""
    said = AIMessage(
        content=[
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "a"},
            "b",
            {"type": "tool_use", "id": "1", "name": "f", "input": {}},
            {"type": "server_tool_call", "id": "2", "name": "g", "args": {}},
        ],
        tool_calls=[{"name": "f", "args": {}, "id": "1"}],
    )
    [message] = render_messages([said])
    assert (message["content"], message["reasoning"]) == ("ab", "hm")
    assert [call["id"] for call in message["tool_calls"]] == ["1"]


def test_tool_results_of_anthropic_become_tool_messages() -> None:
    """Results inside a user's message are messages of their own, before what the user says."""
    block = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "r"}], "is_error": False}
    assert render_messages([HumanMessage(content=[block, {"type": "text", "text": "u"}])]) == [
        {"role": "tool", "tool_call_id": "1", "content": "r"},
        {"role": "user", "content": [{"type": "text", "text": "u"}]},
    ]


def test_pictures_of_the_model_go_back_as_pictures(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """An image that the model made is in `images` of the assistant's message, from v0 and from v1 content."""
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    for version in ("v0", "v1"):
        gateway.enqueue(Reply(text="Here.", images=[image]))
        said = make(output_version=version).invoke("Draw.")
        [message] = render_messages([said])
        assert (message["content"], message["images"]) == ("Here.", [image])


def test_parsed_files_go_back(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Annotations that save the gateway from parsing a file again are sent with the history; citations are not."""
    file = {"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": [{"type": "text", "text": "t"}]}}
    cited = {"type": "url_citation", "url_citation": {"url": "https://a"}}
    gateway.enqueue(Reply(text="Read.", annotations=[file, cited]))
    [message] = render_messages([make().invoke("Read.")])
    assert message["annotations"] == [file]


def test_details_that_are_no_list_are_refused() -> None:
    """`reasoning_details` that would make the gateway fail are refused here."""
    with pytest.raises(InvalidRequestError, match="reasoning_details"):
        render_messages([AIMessage("x", additional_kwargs={"reasoning_details": "text"})])


FAMILIES = ["anthropic/claude-sonnet-4.6", "openai/gpt-5.2", "google/gemini-3-flash-preview", "x-ai/grok-4"]


@pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("model", FAMILIES)
@pytest.mark.parametrize("mode", ["invoke", "stream", "v1", "v3", "dumped"])
def test_reasoning_goes_back_byte_by_byte(
    model: str, mode: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Signed, encrypted and plain reasoning returns on the next turn exactly as the gateway sent it, in every mode."""
    chat = make(model=model, output_version="v1" if mode == "v1" else None, reasoning={"effort": "low"})
    asked = HumanMessage("Is the sky blue?")
    whole = make(model=model, reasoning={"effort": "low"}).invoke([asked])
    expected = whole.response_metadata["reasoning_details"]
    if mode in ("invoke", "dumped"):
        said = chat.invoke([asked])
    elif mode == "v3":
        running = chat.stream_events([asked], version="v3")
        for _ in running:
            pass
        said = running.output
    else:
        chunks = list(chat.stream([asked]))
        said = chunks[0] + chunks[1:]
    if mode == "dumped":
        said = loads(dumps(said), allowed_objects="messages")
    chat.invoke([asked, said, HumanMessage("And why?")])
    sent = gateway.requests[-1].body["messages"][1]
    assert json.dumps(sent["reasoning_details"]) == json.dumps(expected)
    assert sent["content"] == whole.text
    assert "reasoning" not in sent


def test_inputs_are_not_changed(make: Callable[..., ChatKilo]) -> None:
    """The caller's messages are the same after a call."""
    messages = [
        SystemMessage([{"type": "text", "text": "s"}]),
        HumanMessage([{"type": "image", "url": "https://a"}, "x"]),
    ]
    before = dumps(messages)
    make().invoke(messages)
    assert dumps(messages) == before


NOTES: tuple[dict[str, Any], ...] = (
    {},
    {"refusal": "No."},
    {"reasoning": "hm"},
    {"reasoning_content": "hm"},
    {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
    {"images": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]},
    {"annotations": [{"type": "file", "file": {"hash": "x"}}]},
    {"audio": {"id": "a1"}},
    {"name": "ann"},
    {"function_call": {"name": "f", "arguments": "{}"}},
    {"model_name": "a/b", "finish_reason": "stop", "usage": {"cost": 0.1}, "extra": {"x": 1}},
)


@pytest.mark.parametrize("noted", NOTES, ids=lambda noted: next(iter(noted), "nothing"))
@pytest.mark.parametrize("place", ["additional_kwargs", "response_metadata"])
@pytest.mark.parametrize("content", ["Yes.", "", [{"type": "text", "text": "Yes."}]], ids=["text", "empty", "blocks"])
def test_texts_of_a_history_are_written_as_ever(content: Any, place: str, noted: dict[str, Any]) -> None:
    """An answer that is a text is written without a look for all the rest, and the same comes of it."""
    call = {"name": "f", "args": {}, "id": "c1", "type": "tool_call"}
    broken = {"name": "f", "args": "{", "id": "c2", "error": None, "type": "invalid_tool_call"}
    messages = [
        AIMessage(content, **{place: noted}, **more)
        for more in ({}, {"name": "bob"}, {"tool_calls": [call]}, {"invalid_tool_calls": [broken]})
    ]
    written = render_messages(messages)
    with patch("langchain_kilo.messages._says_nothing_else", lambda message: False):
        assert written == render_messages(messages)


@pytest.mark.parametrize(
    "block",
    [
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "bash_code_execution_tool_result", "tool_use_id": "s_1", "content": {}},
        {"type": "mcp_list_tools", "id": "m_1", "tools": []},
        {"type": "executable_code", "executable_code": "1", "language": "python"},
        {"type": "non_standard", "value": {"type": "web_search_call", "id": "ws_1"}},
        {"type": "image", "id": "ig_1"},
    ],
)
def test_what_other_providers_models_did_is_left_out(block: dict[str, Any]) -> None:
    """A conversation that another provider's class began goes on: what only its API takes back is not sent."""
    said = AIMessage(content=[block, {"type": "output_text", "text": "a"}])
    assert render_messages([said]) == [{"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "json", "json": {"a": 1}}, '{"a": 1}'),
        ({"type": "tool_reference", "tool_name": "f"}, '{"type": "tool_reference", "tool_name": "f"}'),
        ({"degrees": 12, "unit": "\u00b0C"}, '{"degrees": 12, "unit": "\u00b0C"}'),
    ],
)
def test_results_in_a_form_of_their_own_are_their_json(block: dict[str, Any], text: str) -> None:
    """What a tool returned reaches the model, whatever LangChain takes for a block."""
    [message] = render_messages([ToolMessage(content=[block], tool_call_id="1")])
    assert message["content"] == [{"type": "text", "text": text}]


@pytest.mark.parametrize("streaming", [False, True])
def test_thought_signatures_of_calls_go_back(
    streaming: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Gemini refuses the result of a call whose signature is missing, where the signature stands on the call."""
    signed = {
        "id": "c1",
        "type": "function",
        "extra_content": {"google": {"thought_signature": "c2lnbmF0dXJl"}},
        "function": {"name": "f", "arguments": "{}"},
    }
    choice = {"index": 0, "finish_reason": "tool_calls"}
    said = {"role": "assistant", "content": None, "tool_calls": [signed]}
    reply = Reply(body={"id": "gen-1", "choices": [{**choice, "message": said}]})
    if streaming:
        reply = Reply(events=[{"id": "gen-1", "choices": [{**choice, "delta": said}]}])
    gateway.enqueue(reply, Reply(text="ok"))
    model = make(streaming=streaming)
    answer = model.invoke("hi")
    model.invoke([HumanMessage("hi"), answer, ToolMessage("r", tool_call_id="c1")], stream=False)
    assert gateway.requests[-1].body["messages"][1]["tool_calls"] == [signed]
