"""Every recorded and synthetic sample says the same streamed and whole, in every key of the message."""

from __future__ import annotations

import asyncio
import copy
import json
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.messages import message_chunk_to_message

from kilo_gateway import KiloClient
from kilo_gateway.testing import Reply
from langchain_kilo.errors import ChatKiloError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from langchain_core.messages import AIMessage

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
STREAMS = sorted(SAMPLES.glob("*/*.sse"))
BODIES = sorted(SAMPLES.glob("*/*.json"))
BROKEN = {"stream_error", "newest-midstream-provider-error"} | {
    "feb-midstream-provider-error",
    "newest-midstream-gateway-timeout",
}
"""Recordings of streams that fail."""


def facts(message: AIMessage) -> dict[str, Any]:
    """Return everything that a message says but its id, which is LangChain's own for each run."""
    dumped: dict[str, Any] = message_chunk_to_message(message).model_dump(exclude={"id"})
    return {**dumped, "content_blocks": message.content_blocks, "text": message.text}


def every_way(gateway: EmbeddedGateway, model: ChatKilo, streamed: Reply, whole: Reply) -> list[dict[str, Any]]:
    """Return the facts of the answer: called, then awaited, streamed and streamed inside a call, sync and async."""
    gateway.enqueue(whole, whole, *[streamed] * 5)
    inside = model.model_copy(update={"streaming": True})

    async def run() -> list[AIMessage]:
        chunks = [chunk async for chunk in model.astream("x")]
        return [reduce(add, chunks), await inside.ainvoke("x")]

    found: list[Any] = [model.invoke("x"), asyncio.run(model.ainvoke("x"))]
    found.append(reduce(add, model.stream("x")))
    first, *rest = model.stream("x")
    found += [first + rest, *asyncio.run(run())]
    found.append(inside.invoke("x"))
    return [facts(message) for message in found]


def pieces(value: str, size: int = 3) -> Iterator[str]:
    """Yield a text in pieces."""
    for start in range(0, len(value), size):
        yield value[start : start + size]


def deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a whole message as a stream brings one: texts and arguments in pieces, the rest at once."""
    for name in ("reasoning", "content", "refusal"):
        if isinstance(message.get(name), str):
            yield from ({name: piece} for piece in pieces(message[name]))
    for place, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": place, "function": {**function, "arguments": ""}}]}
        for piece in pieces(function["arguments"]):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}
    texts = ("role", "reasoning", "content", "refusal", "tool_calls")
    rest = {name: value for name, value in message.items() if name not in texts and value is not None}
    if rest:
        yield rest


def as_events(body: dict[str, Any]) -> list[Any]:
    """Return a whole answer as the events of a stream."""
    head = {key: value for key, value in body.items() if key not in ("choices", "usage")}
    events: list[Any] = []
    for choice in body["choices"]:
        facts_of_choice = {key: value for key, value in choice.items() if key != "message"}
        opened = {"index": choice["index"], "finish_reason": None}
        events += [{**head, "choices": [{**opened, "delta": delta}]} for delta in deltas(choice["message"])]
        events.append({**head, "choices": [{**facts_of_choice, "delta": {}}]})
    if "usage" in body:
        events.append({**head, "choices": [], "usage": body["usage"]})
    return [*({**copy.deepcopy(event), "object": "chat.completion.chunk"} for event in events), "data: [DONE]\n\n"]


@pytest.mark.parametrize("path", [path for path in STREAMS if path.stem not in BROKEN], ids=lambda path: path.stem)
def test_a_recorded_stream_is_the_whole_answer(
    path: Path, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """The sum of the chunks equals the message of the body that the same events make up."""
    streamed = Reply.from_sse(path.read_bytes())
    gateway.enqueue(streamed)
    client = KiloClient(base_url=gateway.base_url, api_key=gateway.api_key)
    stream = client.stream([{"role": "user", "content": "x"}], model="anthropic/claude-sonnet-4.6")
    for _ in stream:
        pass
    body = json.loads(json.dumps(stream.completion.body))
    expected, *found = every_way(gateway, make(), streamed, Reply(body=body))
    for one in found:
        assert one == expected


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_recorded_body_is_the_same_in_pieces(
    path: Path, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A whole answer, cut into the pieces of a stream, adds up to itself."""
    body = json.loads(path.read_bytes())
    expected, *found = every_way(gateway, make(), Reply(events=as_events(body)), Reply(body=body))
    for one in found:
        assert one == expected


@pytest.mark.parametrize("path", [path for path in STREAMS if path.stem in BROKEN], ids=lambda path: path.stem)
def test_a_stream_that_fails_has_what_had_come(
    path: Path, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """The error holds the message so far, which is the sum of the chunks that were handed out."""
    gateway.enqueue(Reply.from_sse(path.read_bytes()))
    seen: list[Any] = []

    def read() -> None:
        for chunk in make().stream("x"):
            seen.append(chunk)  # noqa: PERF402 - extend would lose what came before the error

    with pytest.raises(ChatKiloError) as caught:
        read()
    partial = caught.value.partial_message
    assert (partial.text if partial else "") == "".join(chunk.text for chunk in seen)
