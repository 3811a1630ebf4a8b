"""Real answers of the wire, played to ChatKilo as recorded, cut anywhere, and with every part of them spoiled."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, HumanMessage
from langchain_tests.utils.stream_lifecycle import assert_valid_event_stream

from kilo_gateway.testing import Reply
from langchain_kilo import ChatKilo
from langchain_kilo.errors import ChatKiloError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kilo_gateway.testing import EmbeddedGateway

pytestmark = pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
STREAMS = sorted(SAMPLES.glob("*/*.sse"))
BODIES = sorted(SAMPLES.glob("*/*.json"))
BROKEN = {
    "stream_error.sse",
    "newest-midstream-provider-error.sse",
    "feb-midstream-provider-error.sse",
    "newest-midstream-gateway-timeout.sse",
}
"""Recordings of streams that fail."""


def test_there_are_recordings() -> None:
    """The recordings are found, so that the tests below test something."""
    assert len(STREAMS) >= 10
    assert len(BODIES) >= 3
    assert {path.name for path in STREAMS} >= BROKEN


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.name)
def test_recorded_streams(path: Path, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A recorded stream gives a whole message once, with its usage; one that failed raises with what had come."""
    gateway.enqueue(Reply.from_sse(path.read_bytes(), pieces=[1000, 7]))
    if path.name in BROKEN:
        with pytest.raises(ChatKiloError):
            list(make().stream("x"))
        return
    chunks = list(make().stream("x"))
    total = chunks[0] + chunks[1:]
    facts = total.response_metadata
    assert facts["finish_reason"] in ("stop", "length", "tool_calls")
    assert facts["model_name"] == facts["model"]
    assert total.content or total.tool_calls or total.additional_kwargs
    assert sum(chunk.usage_metadata is not None for chunk in chunks) == ("usage" in facts)
    assert all(call["id"] and call["name"] for call in total.tool_calls)
    assert not total.invalid_tool_calls
    assert loads(dumps(total), allowed_objects="messages").response_metadata == json.loads(json.dumps(facts))


@pytest.mark.parametrize("path", [path for path in STREAMS if path.name not in BROKEN], ids=lambda path: path.name)
def test_recorded_streams_as_events(path: Path, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A recorded stream keeps the lifecycle of event streaming, and says what plain streaming says."""
    gateway.enqueue(Reply.from_sse(path.read_bytes(), times=3))
    assert_valid_event_stream(list(make().stream_events("x", version="v3")))
    running = make().stream_events("x", version="v3")
    for _ in running:
        pass
    chunks = list(make().stream("x"))
    total = chunks[0] + chunks[1:]
    assert running.output.text == total.text
    assert running.output.tool_calls == total.tool_calls
    assert running.output.usage_metadata == total.usage_metadata
    assert running.output.additional_kwargs == total.additional_kwargs


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.name)
def test_recorded_answers(path: Path, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A recorded whole answer is read, and goes back on the next turn with its reasoning as it was."""
    body = json.loads(path.read_bytes())
    gateway.enqueue(Reply(body=body))
    message = make().invoke("x")
    sent = body["choices"][0]["message"]
    assert message.text == (sent.get("content") or "")
    assert message.response_metadata["usage"] == body["usage"]
    make().invoke([HumanMessage("x"), message, HumanMessage("y")])
    assert gateway.requests[-1].body["messages"][1].get("reasoning_details") == (sent.get("reasoning_details") or None)


ODD: tuple[Any, ...] = (None, 0, -1.5, True, "", "odd", [], ["odd"], [None], {}, {"odd": 1})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoiled(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy of the body with one value replaced."""
    copied = copy.deepcopy(body)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return copied


FULL = {
    "id": "gen-1",
    "model": "lab/m",
    "provider": "P",
    "created": 1,
    "choices": [
        {
            "index": 0,
            "finish_reason": "tool_calls",
            "native_finish_reason": "tool_use",
            "logprobs": {"content": []},
            "message": {
                "role": "assistant",
                "content": "text",
                "reasoning": "r",
                "reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "s", "index": 0}],
                "annotations": [{"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 1}}],
                "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
                "audio": {"id": "a", "data": "AA==", "transcript": "t"},
                "refusal": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 0}, "cost": 0.1},
}


@cache
def _model() -> tuple[ChatKilo, list[bytes]]:
    """Return a model whose requests reach no server, and the bodies of its answers: the last one is the next."""
    bodies: list[bytes] = []
    client = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=bodies[-1])))
    return ChatKilo(model="lab/m", api_key="k", max_retries=0, http_client=client), bodies


def play(body: bytes) -> ChatKilo:
    """Return the model, which answers with a body."""
    model, bodies = _model()
    bodies[:] = [body]
    return model


@pytest.mark.parametrize("path", list(places(FULL)), ids=lambda path: ".".join(map(str, path)))
def test_spoiled_answers_are_read_or_refused(path: tuple[Any, ...]) -> None:
    """Whatever stands in a field, the answer is a message with blocks that can be sent back, or a typed error."""
    for value in ODD:
        try:
            message = play(json.dumps(spoiled(FULL, path, value)).encode()).invoke("x")
        except ChatKiloError:
            continue
        assert isinstance(message, AIMessage)
        assert isinstance(message.content_blocks, list)
        assert dumps(message)
        assert play(ANSWER).invoke([HumanMessage("x"), message, HumanMessage("y")]).text == "ok"


ANSWER = b'{"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}'


def as_events(body: dict[str, Any]) -> bytes:
    """Return an answer's parts as the events of a stream, all in one delta."""
    event = {**copy.deepcopy(body), "object": "chat.completion.chunk"}
    for choice in event.get("choices") if isinstance(event.get("choices"), list) else []:
        if isinstance(choice, dict) and "message" in choice:
            choice["delta"] = choice.pop("message")
    return f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()


@pytest.mark.parametrize("path", list(places(FULL)), ids=lambda path: ".".join(map(str, path)))
def test_spoiled_streams_are_read_or_refused(path: tuple[Any, ...]) -> None:
    """Whatever stands in an event, the chunks add up to a message with blocks, or a typed error is raised."""
    for value in ODD:
        try:
            chunks = list(play(as_events(spoiled(FULL, path, value))).stream("x"))
        except ChatKiloError:
            continue
        total = chunks[0] + chunks[1:]
        assert isinstance(total.content_blocks, list)
        assert all(isinstance(chunk.content_blocks, list) for chunk in chunks)
