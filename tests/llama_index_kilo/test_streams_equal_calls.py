"""Every sample says the same streamed and whole: the last response of a stream equals the answer, in every key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway import KiloClient
from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
BROKEN = {"stream_error", "newest-midstream-provider-error"} | {
    "feb-midstream-provider-error",
    "newest-midstream-gateway-timeout",
}
STREAMS = [path for path in sorted(SAMPLES.glob("*/*.sse")) if path.stem not in BROKEN]
BODIES = sorted(SAMPLES.glob("*/*.json"))

HEAD = {"id": "gen-1", "created": 1_787_000_000, "model": "lab/m", "provider": "P", "object": "chat.completion.chunk"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.25}
CUT_OFF = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": '}}
LOST = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
CITED = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
LOGPROBS = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}

SCENARIOS: dict[str, tuple[list[dict[str, Any]], dict[str, Any]]] = {
    "text": ([{"content": "Hel"}, {"content": "lo"}], {"finish_reason": "stop"}),
    "text cut off": ([{"content": "Hel"}], {"finish_reason": "length"}),
    "reasoning, then text": (
        [{"reasoning": "Hm"}, {"reasoning": "m."}, {"content": "Yes."}],
        {"finish_reason": "stop"},
    ),
    "reasoning alone": ([{"reasoning": "Hm"}, {"reasoning": "m."}], {"finish_reason": "stop"}),
    "a refusal": ([{"refusal": "I will "}, {"refusal": "not."}], {"finish_reason": "stop"}),
    "a call cut off": ([{"content": "Now. "}, {"tool_calls": [CUT_OFF]}], {"finish_reason": "length"}),
    "a call without its arguments": ([{"tool_calls": [LOST]}], {"finish_reason": "length"}),
    "citations and a picture": (
        [{"content": "See."}, {"annotations": [CITED]}, {"images": [PICTURE]}],
        {"finish_reason": "stop"},
    ),
    "a voice": ([{"audio": {"id": "au", "data": "AA==", "transcript": "Hi"}}], {"finish_reason": "stop"}),
    "log probabilities": ([{"content": "a"}], {"finish_reason": "stop", "logprobs": LOGPROBS}),
    "keys that nobody knows": ([{"content": "a", "mood": "good"}], {"finish_reason": "stop", "rank": 1}),
}
"""Name -> the deltas of a stream, and what its last choice says."""


def as_stream(deltas: list[dict[str, Any]], last: dict[str, Any]) -> Reply:
    """Return the stream of these deltas."""
    events: list[Any] = [
        {**HEAD, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in [{"role": "assistant"}, *deltas]
    ]
    events.append({**HEAD, "choices": [{"index": 0, "delta": {}, **last}]})
    return Reply(events=[*events, {**HEAD, "choices": [], "usage": USAGE}, "data: [DONE]\n\n"], times=100)


def body_of(gateway: EmbeddedGateway, streamed: Reply) -> Any:
    """Return the body of the whole answer that the events of a stream make up."""
    gateway.enqueue(streamed)
    client = KiloClient(base_url=gateway.base_url, api_key=gateway.api_key)
    stream = client.stream([{"role": "user", "content": "x"}], model="anthropic/claude-sonnet-4.6")
    for _ in stream:
        pass
    gateway.clear()
    return json.loads(json.dumps(stream.completion.body))


def check(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, streamed: Reply, body: Any) -> None:
    """Compare the four entry points, and every text on the way."""
    whole = Reply(body=body)
    gateway.enqueue(whole, streamed)
    expected, responses = ask.chat(llm, "x"), ask.stream(llm, "x")
    assert responses[-1].model_dump(exclude={"delta"}) == expected.model_dump(exclude={"delta"})
    assert "".join(response.delta or "" for response in responses) == (expected.message.content or "")
    gateway.clear()
    gateway.enqueue(whole, streamed)
    text, texts = ask.complete(llm, "x"), ask.stream_complete(llm, "x")
    assert texts[-1].model_dump(exclude={"delta"}) == text.model_dump(exclude={"delta"})
    gateway.clear()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_recorded_stream_is_the_whole_answer(
    path: Path, gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any
) -> None:
    """The last response of a recorded stream is the response of the body that its events make up."""
    streamed = Reply.from_sse(path.read_bytes())
    check(gateway, make_llm(), ask, streamed, body_of(gateway, streamed))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_written_stream_is_the_whole_answer(
    name: str, gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any
) -> None:
    """The same of shapes that nobody has recorded."""
    streamed = as_stream(*SCENARIOS[name])
    check(gateway, make_llm(), ask, streamed, body_of(gateway, streamed))


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_recorded_body_is_the_same_as_a_stream(
    path: Path, gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any
) -> None:
    """A whole answer that comes as one event says what it says as a body."""
    body = json.loads(path.read_bytes())
    choices = [
        {**{key: value for key, value in choice.items() if key != "message"}, "delta": choice["message"]}
        for choice in body["choices"]
    ]
    event = {**body, "object": "chat.completion.chunk", "choices": choices}
    streamed = Reply(events=[event, "data: [DONE]\n\n"])
    whole = body_of(gateway, streamed)
    assert whole["choices"][0]["message"].get("content") == body["choices"][0]["message"].get("content")
    check(gateway, make_llm(), ask, streamed, whole)
