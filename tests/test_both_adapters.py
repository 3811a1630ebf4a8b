"""Both adapters read an answer alike and send it back alike."""

from __future__ import annotations

from functools import reduce
from operator import add
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
from llama_index.core.prompts import PromptTemplate
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from kilo_gateway.errors import AnswerError
from kilo_gateway.testing import EmbeddedGateway, Reply
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "anthropic/claude-sonnet-4.6"
IMAGE: dict[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
FILE = {"type": "file", "file": {"hash": "h", "name": "a.pdf", "content": [{"type": "text", "text": "t"}]}}
CITED = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
DETAIL = {"type": "reasoning.text", "text": "hm", "signature": "c2ln", "format": "anthropic-claude-v1", "index": 0}
OSLO, ROME = '{"name":"Oslo","size":3}', '{"name":"Rome","size":4}'
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


class City(BaseModel):
    """A city."""

    name: str
    size: int = 0


def calls(*made: str | tuple[str, str]) -> dict[str, Any]:
    """Return a message of calls: of City by their arguments, or of (name, arguments)."""
    pairs = [("City", one) if isinstance(one, str) else one for one in made]
    functions = [{"name": name, "arguments": arguments} for name, arguments in pairs]
    return {
        "content": None,
        "tool_calls": [{"id": f"c{i}", "type": "function", "function": one} for i, one in enumerate(functions)],
    }


STRUCTURED: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "a call": (calls(OSLO), "tool_calls", "Oslo"),
    "a broken call beside a good one": (calls('{"name":', ROME), "tool_calls", "Rome"),
    "a cut-off call behind a good one": (calls(OSLO, '{"name":"Ro'), "length", "Oslo"),
    "a call by another name before the wanted one": (calls(("note", OSLO), ROME), "tool_calls", "Rome"),
    "a call by another name": (calls(("city", OSLO)), "tool_calls", "Oslo"),
    "a call with a last comma": (calls('{"name":"Oslo","size":3,}'), "tool_calls", "Oslo"),
    "a call with a list of one": (calls(f"[{OSLO}]"), "tool_calls", "Oslo"),
    "a broken call beside text": ({**calls('{"name":'), "content": ROME}, "tool_calls", "Rome"),
    "a cut-off call": (calls('{"name":"Oslo","size":'), "length", None),
    "a last comma": ({"content": '{"name":"Oslo","size":3,}'}, "stop", "Oslo"),
    "a list of one": ({"content": f"[{OSLO}]"}, "stop", "Oslo"),
    "a list of two": ({"content": f"[{OSLO},{ROME}]"}, "stop", None),
    "words around it": ({"content": f"Here you go: {OSLO} Enjoy {{1}}."}, "stop", "Oslo"),
    "two objects": ({"content": f"{OSLO}\n{ROME}"}, "stop", "Oslo"),
    "all in the reasoning": ({"content": "", "reasoning": OSLO}, "stop", "Oslo"),
    "an object in a refusal": ({"content": OSLO, "refusal": "No."}, "stop", None),
    "cut off": ({"content": '{"name":"Os'}, "length", None),
    "nothing": ({"content": ""}, "stop", None),
}
"""Name -> an answer's message, its finish reason, and the city's name in it; None where it gives no city."""


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


def streamed(message: dict[str, Any], finish: str) -> Reply:
    """Return the same answer as a stream, a piece an event."""
    facts = {"id": "gen-1", "model": MODEL, "object": "chat.completion.chunk"}
    deltas = [{key: message[key]} for key in ("reasoning", "refusal", "content") if message.get(key)]
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        deltas.append({"tool_calls": [{**call, "index": index, "function": {**call["function"], "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in arguments]
    events = [{**facts, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    last = {**facts, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
    return Reply(events=[*events, last, "data: [DONE]\n\n"])


@pytest.mark.parametrize("name", STRUCTURED)
def test_an_object_is_found_alike(name: str, gateway: EmbeddedGateway, chat: ChatKilo, llm: KiloLLM) -> None:
    """Both adapters find the same object in an answer, whole or streamed, or none."""
    message, finish, expected = STRUCTURED[name]
    gateway.enqueue(*[one for one in (whole(message, finish), streamed(message, finish)) for _ in range(2)])
    asking = chat.with_structured_output(City, method="function_calling")
    llm.pydantic_program_mode = PydanticProgramMode.FUNCTION
    prompt = PromptTemplate("q")
    ways: list[Callable[[], Any]] = [
        lambda: asking.invoke("q"),
        lambda: llm.structured_predict(City, prompt),
        lambda: list(asking.stream("q"))[-1],
        lambda: list(llm.stream_structured_predict(City, prompt))[-1],
    ]
    for way in ways:
        if expected is None:
            with pytest.raises(AnswerError):
                way()
        else:
            assert way().name == expected


@pytest.mark.parametrize("ids", [("a", "b", "c"), (None, None, None)], ids=["with ids", "without ids"])
@pytest.mark.parametrize("last", ['{"n":3}', '{"n":'], ids=["whole", "cut off"])
def test_calls_that_begin_out_of_order(
    ids: tuple[str | None, ...], last: str, gateway: EmbeddedGateway, chat: ChatKilo, llm: KiloLLM
) -> None:
    """A call that begins before one of a smaller index stands behind it, as in the answer that is not streamed."""
    arguments = ('{"n":1}', '{"n":2}', last)
    made = [
        {**({"id": id_} if id_ else {}), "type": "function", "function": {"name": f"f{place}", "arguments": one}}
        for place, (id_, one) in enumerate(zip(ids, arguments, strict=True))
    ]
    facts = {"id": "gen-1", "model": MODEL, "object": "chat.completion.chunk"}
    heads = [{**made[i], "index": i, "function": {**made[i]["function"], "arguments": ""}} for i in (2, 0, 1)]
    pieces = [{"index": i, "function": {"arguments": arguments[i]}} for i in (1, 2, 0)]
    deltas = [{"content": "Look."}, *({"tool_calls": [one]} for one in (*heads, *pieces))]
    finish = "tool_calls" if last.endswith("}") else "length"
    events = [
        *({**facts, "choices": [{"index": 0, "delta": delta}]} for delta in deltas),
        {**facts, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
        "data: [DONE]\n\n",
    ]
    reply = whole({"content": "Look.", "tool_calls": made}, finish)
    gateway.enqueue(reply, reply, reply, *[Reply(events=events) for _ in range(3)])
    v1 = chat.model_copy(update={"output_version": "v1"})
    expected = chat.invoke("q")
    assert [call["name"] for call in expected.tool_calls] == ["f0", "f1", "f2"][: len(expected.tool_calls)]
    blocks = [block for block in v1.invoke("q").content if isinstance(block, dict)]
    asked = [ChatMessage(content="q")]
    answered = llm.chat(asked).message
    total = reduce(add, chat.stream("q"))
    assert (total.tool_calls, total.invalid_tool_calls) == (expected.tool_calls, expected.invalid_tool_calls)
    streamed_blocks = [block for block in reduce(add, v1.stream("q")).content if isinstance(block, dict)]
    assert [block.get("id") for block in streamed_blocks] == [block.get("id") for block in blocks]
    assert list(llm.stream_chat(asked))[-1].message == answered


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
