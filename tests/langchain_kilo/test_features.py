"""Single promises of the table of features, each with its literal on the wire or in the message."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.exceptions import ModelTimeoutError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from kilo_gateway.testing import Fault, Reply
from langchain_kilo.messages import render_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

PNG = "iVBORw0KGgo="


def chunk(delta: Any, finish: str | None = None, **facts: Any) -> dict[str, Any]:
    """Return one event of a stream."""
    return {"id": "g", "model": "lab/m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **facts}


def whole(message: Any, **facts: Any) -> dict[str, Any]:
    """Return an answer that is not streamed."""
    return {
        "id": "g",
        "model": "lab/m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        **facts,
    }


def answers(
    gateway: EmbeddedGateway, model: ChatKilo, message: dict[str, Any], **facts: Any
) -> tuple[AIMessage, AIMessage]:
    """Return what `invoke` and an added-up `stream` make of the same answer."""
    events: list[Any] = [chunk(message), chunk({}, "stop", **facts), "data: [DONE]\n\n"]
    gateway.enqueue(Reply(body=whole({"role": "assistant", **message}, **facts)), Reply(events=events))
    called = model.invoke("x")
    chunks = list(model.stream("x"))
    return called, chunks[0] + chunks[1:]


@pytest.mark.parametrize(
    "timeout",
    [0.05, (5.0, 0.05), {"read": 0.05}, httpx.Timeout(5.0, read=0.05)],
    ids=["seconds", "pair", "mapping", "httpx"],
)
@pytest.mark.parametrize("place", ["constructor", "call"])
def test_timeouts_are_seconds_in_every_form(
    timeout: Any, place: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A number, a pair, a mapping and httpx's own object bound the wait, of the object and of one call."""
    gateway.enqueue(Fault(delay_seconds=30))
    model, given = (make(timeout=timeout), {}) if place == "constructor" else (make(), {"timeout": timeout})
    with pytest.raises(ModelTimeoutError):
        model.invoke("x", **given)


RETRIED = {
    "408": Fault(status=408, body={"error": {"message": "x", "code": 408}}),
    "429": Fault(status=429, body={"error": "Rate limit", "message": "x"}),
    "500": Fault(status=500, body={"error": "Internal"}),
    "502": Fault(status=502, body="<html>Bad gateway</html>"),
    "503": Fault(status=503, body={"error": {"message": "x"}}),
    "529": Fault(status=529, body={"error": {"message": "x"}}),
    "no answer": Fault(cut_before_headers=True),
    "error in a 200": Fault(status=200, body={"error": {"code": 502, "message": "died"}}),
}


@pytest.mark.parametrize("name", sorted(RETRIED))
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_what_is_tried_again(
    name: str,
    streamed: bool,
    gateway: EmbeddedGateway,
    make: Callable[..., ChatKilo],
) -> None:
    """Failures that pass are met by one more request, in calls and in streams that had not begun."""
    gateway.enqueue(RETRIED[name], Reply(text="There."))
    model = make(max_retries=1)
    text = "".join(one.text for one in model.stream("x")) if streamed else model.invoke("x").text
    assert text == "There."
    assert len(gateway.requests) == 2


def test_an_error_before_the_first_token_is_tried_again(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A stream that breaks before anything was shown is begun anew; the listener sees one whole answer."""
    gateway.enqueue(Fault(error_event={"error": {"code": 502, "message": "died"}}), Reply(text="There."))
    assert "".join(one.text for one in make(max_retries=1).stream("x")) == "There."


def test_own_authorship_is_not_advertised(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """No header names another site or title than the caller chose."""
    make().invoke("x")
    make(default_headers={"HTTP-Referer": "https://mine.example", "X-Title": "Mine"}).invoke("x")
    plain, own = (request.headers for request in gateway.requests)
    assert "http-referer" not in plain
    assert "x-title" not in plain
    assert (own["http-referer"], own["x-title"]) == ("https://mine.example", "Mine")


def test_options_are_not_mutated(make: Callable[..., ChatKilo]) -> None:
    """Mappings that the caller passes stay as they were."""
    given = {"own": {"a": 1}}
    make(model_kwargs=given).invoke("x", extra_body={"other": 2})
    assert given == {"own": {"a": 1}}


def test_blocks_of_an_answer_go_back_bare() -> None:
    """Plain texts and text blocks of an AI message are sent, without the keys that only answers have."""
    own = {"type": "text", "text": "two", "id": "1", "index": 0, "annotations": [{"type": "citation", "url": "u"}]}
    [message] = render_messages([AIMessage(content=["one ", own])])
    assert message == {"role": "assistant", "content": "one two"}


@pytest.mark.parametrize("kind", [HumanMessage, SystemMessage, ToolMessage])
def test_blocks_of_langchains_first_version(kind: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Blocks with `source_type`, as LangChain 0.3 had them, are sent as what they mean."""
    gateway.enqueue(Reply(text="ok"))
    block = {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"}
    extra = {"tool_call_id": "c"} if kind is ToolMessage else {}
    called = AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "c"}])
    make().invoke([*([HumanMessage("x"), called] if extra else []), kind(content=[block], **extra)])
    assert gateway.requests[-1].body["messages"][-1]["content"] == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    ]


def test_ids_of_reasoning_go_back_as_they_came(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Entries keep their ids: what the gateway signed or encrypted is whole only with all of its keys."""
    details = [
        {"type": "reasoning.encrypted", "data": "Z3U=", "id": "rs_1", "format": "openai-responses-v1", "index": 0}
    ]
    said = answers(gateway, make(), {"content": "a", "reasoning_details": details})
    for message in said:
        gateway.enqueue(Reply(text="ok"))
        make().invoke([HumanMessage("x"), message, HumanMessage("y")])
        assert json.dumps(gateway.requests[-1].body["messages"][1]["reasoning_details"]) == json.dumps(details)


def test_made_media_and_citations_are_blocks(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Pictures, a voice with its transcript, and citations on the text come as LangChain's blocks."""
    cited = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 3}
    message = {
        "content": "See.",
        "images": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}],
        "audio": {"id": "au", "data": "AA==", "transcript": "See."},
        "annotations": [{"type": "url_citation", "url_citation": cited}],
    }
    citation = {"type": "citation", **cited}
    for answer in answers(gateway, make(), message):
        assert answer.content_blocks == [
            {"type": "text", "text": "See.", "annotations": [citation]},
            {"type": "image", "base64": PNG, "mime_type": "image/png"},
            {"type": "audio", "base64": "AA==", "mime_type": "audio/wav", "extras": {"id": "au", "transcript": "See."}},
        ]


def test_facts_of_the_gateway_are_in_the_metadata(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Provider, the provider's own finish reason, costs and tier are there, called and streamed; nulls are absent."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.5, "is_byok": False, "cost_details": {"upstream": 1}}
    choice = {"index": 0, "finish_reason": "stop", "native_finish_reason": "end_turn", "logprobs": None}
    top = {"id": "g", "model": "lab/m", "provider": "Host", "service_tier": "flex", "system_fingerprint": None}
    gateway.enqueue(
        Reply(body={**top, "choices": [{**choice, "message": {"content": "a"}}], "usage": usage}),
        Reply(events=[{**top, "choices": [{**choice, "delta": {"content": "a"}}], "usage": usage}, "data: [DONE]\n\n"]),
    )
    chunks = list(make().stream("x")) if (called := make().invoke("x")) else []
    for message in (called, chunks[0] + chunks[1:]):
        facts = message.response_metadata
        assert (facts["provider"], facts["native_finish_reason"], facts["finish_reason"]) == (
            "Host",
            "end_turn",
            "stop",
        )
        assert (facts["cost"], facts["is_byok"], facts["cost_details"]) == (0.5, False, {"upstream": 1})
        assert (facts["service_tier"], facts["model_name"], facts["id"]) == ("flex", "lab/m", "g")
        assert not {"logprobs", "system_fingerprint"} & facts.keys()


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.5}
ENDS: dict[str, list[Any]] = {
    "on every event": [chunk({"content": "a"}, usage=USAGE), chunk({}, "stop", usage=USAGE)],
    "with the finish reason and again": [
        chunk({"content": "a"}),
        chunk({}, "stop", usage=USAGE),
        {"id": "g", "choices": [], "usage": USAGE},
    ],
    "with the finish reason said twice": [chunk({"content": "a"}), chunk({}, "stop"), chunk({}, "stop", usage=USAGE)],
}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_nothing_is_counted_or_said_twice(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """However often a stream repeats usage, model and finish reason, the message has each once."""
    gateway.enqueue(Reply(events=[*ENDS[name], "data: [DONE]\n\n"]))
    chunks = list(make().stream("x"))
    message = chunks[0] + chunks[1:]
    assert message.usage_metadata == {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    facts = message.response_metadata
    assert (facts["finish_reason"], facts["model_name"], facts["cost"]) == ("stop", "lab/m", 0.5)


def piece(arguments: str | None = None, name: str | None = None, **facts: Any) -> dict[str, Any]:
    """Return the fragment of a tool call."""
    return {"function": {"name": name, "arguments": arguments}, **facts}


CALLS: dict[str, tuple[list[list[Any]], list[tuple[str, str, Any]]]] = {
    "no index": (
        [[piece("", "f", id="c1", type="function")], [piece('{"a"')], [piece(": 1}")]],
        [("c1", "f", {"a": 1})],
    ),
    "null function first": (
        [[{"index": 0, "id": "c1", "function": None}], [piece('{"a": 1}', "f", index=0)]],
        [("c1", "f", {"a": 1})],
    ),
    "interleaved": (
        [
            [piece('{"a"', "f", index=0, id="c1")],
            [piece('{"b"', "g", index=1, id="c2")],
            [piece(": 1}", index=0)],
            [piece(": 2}", index=1)],
        ],
        [("c1", "f", {"a": 1}), ("c2", "g", {"b": 2})],
    ),
    "one index, two ids": (
        [[piece('{"a": 1}', "f", index=0, id="c1")], [piece('{"b": 2}', "g", index=0, id="c2")]],
        [("c1", "f", {"a": 1}), ("c2", "g", {"b": 2})],
    ),
    "null arguments": ([[piece(None, "f", index=0, id="c1")]], [("c1", "f", {})]),
}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_odd_streams_of_tool_calls(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Fragments find their call whatever the provider leaves out, with its id."""
    deltas, expected = CALLS[name]
    events = [chunk({"tool_calls": fragments}) for fragments in deltas]
    gateway.enqueue(Reply(events=[*events, chunk({}, "tool_calls"), "data: [DONE]\n\n"]))
    chunks = list(make().stream("x"))
    message = chunks[0] + chunks[1:]
    assert [(call["id"], call["name"], call["args"]) for call in message.tool_calls] == expected
    assert message.invalid_tool_calls == []


ABSENT = ["id", "created", "object", "model", "provider", "system_fingerprint", "usage"]


@pytest.mark.parametrize("name", ABSENT)
def test_absent_facts_break_nothing(name: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """An answer without one of its usual keys is an AI message all the same, streamed or not."""
    top = dict.fromkeys(ABSENT, "x") | {"created": 1.5, "usage": USAGE}
    del top[name]
    choice = {"index": 0, "finish_reason": "stop"}
    events: list[Any] = [{**top, "choices": [{**choice, "delta": {"role": "odd", "content": "a"}}]}, "data: [DONE]\n\n"]
    gateway.enqueue(
        Reply(body={**top, "choices": [{**choice, "message": {"role": "odd", "content": "a"}}]}), Reply(events=events)
    )
    called, streamed = make().invoke("x"), list(make().stream("x"))
    assert isinstance(called, AIMessage)
    assert called.text == (streamed[0] + streamed[1:]).text == "a"


def test_keepalives_are_no_answer_async_either(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """An awaited stream of nothing but comments ends by the same bound as a plain one."""
    gateway.enqueue(Fault(keepalive_seconds=30, keepalive_every_seconds=0.02))

    async def read() -> None:
        async for _ in make(timeout={"silence": 0.1, "read": 5}).astream("x"):
            pass

    with pytest.raises(ModelTimeoutError):
        asyncio.run(read())
