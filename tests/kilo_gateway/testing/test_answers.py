"""The shapes of answers: whole and streamed, usage, reasoning, scripted replies."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kilo_gateway.testing import EmbeddedGateway, Reply

CLAUDE = "anthropic/claude-sonnet-4.6"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def _joined(events: list[Any], key: str) -> str:
    return "".join(choice["delta"].get(key) or "" for event in events[:-1] for choice in event["choices"])


def test_a_whole_answer(caller: Any) -> None:
    """An unstreamed answer has the gateway's keys and headers, and names the built-in model."""
    response = caller.chat()
    body = response.json()
    assert body["id"].startswith("gen-1787000000-")
    assert (body["object"], body["provider"], body["model"]) == (
        "chat.completion",
        "Kilo Embedded",
        "kilo-embedded/extractive-1",
    )
    choice = body["choices"][0]
    assert (choice["finish_reason"], choice["native_finish_reason"], choice["index"]) == ("stop", "completed", 0)
    assert choice["message"]["role"] == "assistant"
    for name, value in {"content-encoding": "identity", "content-type": "application/json"}.items():
        assert response.headers[name] == value
    assert {"date", "request-id", "x-vercel-id", "cache-control", "x-frame-options"} <= set(response.headers)
    assert "server" not in response.headers


def test_a_streamed_answer(caller: Any) -> None:
    """A stream begins with comments, repeats the finish reason with the usage, and ends with `[DONE]`."""
    response = caller.chat(stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    assert response.content.startswith(b": KILO PROCESSING\n\n: KILO PROCESSING\n\ndata: {")
    assert response.content.endswith(b"data: [DONE]\n\n")
    events = caller.events(response.content)
    assert _joined(events, "content") == caller.chat().json()["choices"][0]["message"]["content"]
    *_, finish, usage, _ = events
    assert finish["choices"][0]["finish_reason"] == usage["choices"][0]["finish_reason"] == "stop"
    assert "usage" not in finish
    assert usage["usage"] == caller.chat().json()["usage"]
    assert {event["id"] for event in events[:-1]} == {events[0]["id"]}


@pytest.mark.parametrize(("shape", "choices"), [("a", [None]), ("b", []), ("c", ["stop"])])
def test_usage_shapes(gateway: EmbeddedGateway, caller: Any, shape: Any, choices: list[Any]) -> None:
    """The usage chunk comes in the three shapes that were seen, once in a stream."""
    gateway.options.usage_shape = shape
    events = caller.stream()
    with_usage = [event for event in events[:-1] if "usage" in event]
    assert len(with_usage) == 1
    assert [choice["finish_reason"] for choice in with_usage[0]["choices"]] == choices


def test_comments_come_in_mid_stream(gateway: EmbeddedGateway, caller: Any) -> None:
    """A comment follows every so many events."""
    gateway.options.comment_every_events = 2
    gateway.enqueue(Reply(text="one two three four five"))
    content = caller.chat(stream=True).content
    first = content.index(b"data:")
    assert content[first:].count(b": KILO PROCESSING\n\n") == 2


def test_cost_is_exact(caller: Any) -> None:
    """The cost is the catalog's prices times the tokens, in decimals."""
    usage = caller.chat("Tell me something about tea.").json()["usage"]
    prompt, completion = (Decimal(usage[key]) for key in ("prompt_tokens", "completion_tokens"))
    wanted = prompt * Decimal("0.00000025") + completion * Decimal("0.000002")
    assert usage["cost"] == float(wanted)
    assert usage["cost_details"]["upstream_inference_cost"] == float(wanted)
    assert usage["is_byok"] is False
    assert usage["total_tokens"] == prompt + completion


def test_byok_usage(gateway: EmbeddedGateway, caller: Any) -> None:
    """With a provider's own key the cost is 0 and the upstream's cost is told."""
    gateway.accounts.adjust(gateway.api_key, is_byok_upstream=True)
    usage = caller.chat().json()["usage"]
    assert (usage["is_byok"], usage["cost"]) == (True, 0)
    assert usage["cost_details"]["upstream_inference_cost"] > 0


def test_free_models_tell_no_cost(gateway: EmbeddedGateway, caller: Any) -> None:
    """The cost is taken out of hosted free models' usage, unless an option keeps it; nor do unknown prices give one."""
    hosted = "minimax/minimax-m2.5:free"
    assert "cost" not in caller.chat(model=hosted).json()["usage"]
    gateway.options.keep_usage_cost_of_free_models = True
    assert caller.chat(model=hosted).json()["usage"]["cost"] == 0
    assert "cost" not in caller.chat(model="typesafe/jev-router").json()["usage"]


REASONED = {
    CLAUDE: ([("reasoning.text", "anthropic-claude-v1")], "signature"),
    "openai/gpt-5-mini": (
        [("reasoning.summary", "openai-responses-v1"), ("reasoning.encrypted", "openai-responses-v1")],
        "summary",
    ),
    "google/gemini-3-flash-preview": ([("reasoning.text", "google-gemini-v1")], "text"),
    "deepseek/deepseek-v3.2": ([("reasoning.text", "unknown")], "text"),
}


@pytest.mark.parametrize("model", sorted(REASONED))
def test_reasoning_has_the_family_s_format(caller: Any, model: str) -> None:
    """Asked for, reasoning comes with details in the family's format, the same streamed and whole."""
    kinds, key = REASONED[model]
    body = caller.chat(model=model, reasoning={"effort": "low"}).json()
    message = body["choices"][0]["message"]
    details = message["reasoning_details"]
    assert [(one["type"], one["format"]) for one in details] == kinds
    assert key in details[0]
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    events = caller.stream(model=model, reasoning={"effort": "low"})
    assert _joined(events, "reasoning") == message["reasoning"]
    streamed = [one for event in events[:-1] for one in event["choices"][0]["delta"].get("reasoning_details", [])]
    text = "".join(one.get("text") or one.get("summary") or "" for one in streamed)
    assert text == message["reasoning"]
    for opaque in ("signature", "data"):
        assert [one[opaque] for one in streamed if opaque in one] == [one[opaque] for one in details if opaque in one]


@pytest.mark.parametrize("body", [{}, {"reasoning": {"effort": "none"}}, {"reasoning": {"enabled": False}}])
def test_reasoning_is_not_sent_unasked(caller: Any, body: dict[str, Any]) -> None:
    """Without an effort there is no reasoning."""
    message = caller.chat(**body).json()["choices"][0]["message"]
    assert message["reasoning"] is None
    assert "reasoning_details" not in message


def test_excluded_reasoning_is_counted_but_hidden(caller: Any) -> None:
    """`exclude` hides the words, not the tokens."""
    body = caller.chat(reasoning={"effort": "high", "exclude": True}).json()
    assert body["choices"][0]["message"]["reasoning"] is None
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


def test_tool_calls_stream_in_fragments(caller: Any) -> None:
    """A call's name comes first with id and index, its arguments in pieces; parallel calls have their own index."""
    events = caller.stream("What is the weather in Paris and Rome?", model=CLAUDE, tools=[WEATHER])
    fragments = [one for event in events[:-1] for one in event["choices"][0]["delta"].get("tool_calls", [])]
    heads = [one for one in fragments if "id" in one]
    assert [(head["index"], head["type"], head["function"]["name"]) for head in heads] == [
        (0, "function", "get_weather"),
        (1, "function", "get_weather"),
    ]
    arguments = [
        "".join(one["function"].get("arguments", "") for one in fragments if one["index"] == index) for index in (0, 1)
    ]
    assert arguments == ['{"city":"Paris"}', '{"city":"Rome"}']
    assert len(fragments) > 4
    assert events[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert events[-2]["choices"][0]["native_finish_reason"] == "tool_use"


def test_gemini_signs_its_calls(caller: Any) -> None:
    """Gemini's reasoning details hold one encrypted entry under each call's id."""
    asked = {"tools": [WEATHER], "reasoning": {"effort": "low"}}
    body = caller.chat("Weather in Oslo?", model="google/gemini-3-flash-preview", **asked).json()
    message = body["choices"][0]["message"]
    signed = [one["id"] for one in message["reasoning_details"] if one["type"] == "reasoning.encrypted"]
    assert signed == [call["id"] for call in message["tool_calls"]]
    assert message["content"] == ""


def test_several_choices(caller: Any) -> None:
    """`n` gives so many choices, whole and streamed."""
    assert [choice["index"] for choice in caller.chat(n=3).json()["choices"]] == [0, 1, 2]
    events = caller.stream(n=2)
    assert {choice["index"] for event in events[:-1] for choice in event["choices"]} == {0, 1}


@pytest.mark.parametrize(
    ("body", "text", "reason"),
    [
        ({"stop": "can"}, "Tea is hot, you ", "stop"),
        ({"stop": ["drink", " hot"]}, "Tea is", "stop"),
        ({"max_tokens": 2}, "Tea is", "length"),
        ({"max_completion_tokens": 3, "max_tokens": 100}, "Tea is hot", "length"),
        ({"max_tokens": 100}, "Tea is hot, you can drink it", "stop"),
    ],
)
def test_stop_and_limits(caller: Any, body: dict[str, Any], text: str, reason: str) -> None:
    """Stop strings and token limits cut the answer, and the finish reason says which."""
    choice = caller.chat('Say "Tea is hot, you can drink it"', **body).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (text, reason)


def test_limits_cut_arguments(caller: Any) -> None:
    """A limit may leave half of a call's arguments."""
    body = caller.chat("What is the weather in Paris?", tools=[WEATHER], max_tokens=4).json()
    choice = body["choices"][0]
    arguments = choice["message"]["tool_calls"][0]["function"]["arguments"]
    assert choice["finish_reason"] == "length"
    assert arguments
    assert '{"city":"Paris"}'.startswith(arguments)
    assert arguments != '{"city":"Paris"}'


def test_the_repeating_model_streams_as_many_pieces_as_asked(caller: Any) -> None:
    """The benchmark model streams one chunk a token, whatever the question."""
    events = caller.stream(model="kilo-embedded/repeat", max_tokens=500)
    assert _joined(events, "content") == " kilo" * 500
    assert events[-2]["usage"]["completion_tokens"] == 500
    whole = caller.chat(model="kilo-embedded/repeat", max_tokens=3).json()
    assert whole["choices"][0]["message"]["content"] == " kilo kilo kilo"


def test_scripted_fields_arrive(gateway: EmbeddedGateway, caller: Any) -> None:
    """Every field of a reply appears in both shapes."""
    details = [{"type": "reasoning.encrypted", "data": "eA==", "format": "x", "index": 0}]
    reply = Reply(
        text="hi",
        reasoning="why",
        reasoning_details=details,
        tool_calls=[{"name": "f", "arguments": {"a": 1}, "id": "c1"}, {"name": "g", "arguments": '{"cut'}],
        finish_reason="tool_calls",
        native_finish_reason="odd",
        usage={"prompt_tokens": 1},
        model="acme/one",
        provider="Acme",
        annotations=[{"type": "file", "file": {"hash": "h"}}],
        images=[{"type": "image_url", "image_url": {"url": "data:,"}}],
        times=2,
    )
    gateway.enqueue(reply)
    body = caller.chat().json()
    choice = body["choices"][0]
    message = choice["message"]
    assert (body["model"], body["provider"], body["usage"]) == ("acme/one", "Acme", {"prompt_tokens": 1})
    assert (choice["finish_reason"], choice["native_finish_reason"]) == ("tool_calls", "odd")
    assert (message["content"], message["reasoning"], message["reasoning_details"]) == ("hi", "why", details)
    calls = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in message["tool_calls"]]
    assert calls[0] == ("c1", "f", '{"a":1}')
    assert calls[1][1:] == ("g", '{"cut')
    events = caller.stream()
    deltas = [event["choices"][0]["delta"] for event in events[:-1]]
    assert [delta["reasoning_details"] for delta in deltas if "reasoning_details" in delta] == [details]
    assert [delta["annotations"] for delta in deltas if "annotations" in delta] == [message["annotations"]]
    assert [delta["images"] for delta in deltas if "images" in delta] == [message["images"]]


SSE = b': OPENROUTER PROCESSING\r\n\r\ndata: {"a":"\xc3\xa4"}\n\ndata:{"b":1}\r\rdata: [DONE]\n\nevent: x'


@pytest.mark.parametrize("pieces", [None, [1], [3, 7], [1000]])
def test_recorded_streams_replay_byte_for_byte(gateway: EmbeddedGateway, caller: Any, pieces: Any) -> None:
    """A replayed stream arrives exactly, however it is cut into writes."""
    gateway.enqueue(Reply.from_sse(SSE, pieces=pieces))
    assert caller.chat(stream=True).content == SSE


def test_replayed_comments_can_be_rewritten(gateway: EmbeddedGateway, caller: Any) -> None:
    """On request comments read as the newest gateway sends them."""
    gateway.enqueue(Reply.from_sse(SSE, rewrite_comments=True))
    assert caller.chat(stream=True).content == SSE.replace(b"OPENROUTER", b"KILO")


def test_raw_bodies_and_events(gateway: EmbeddedGateway, caller: Any) -> None:
    """A raw body is sent as JSON even to a stream, raw events as a stream even to a plain request."""
    gateway.enqueue(Reply(body={"choices": []}), Reply(events=[{"x": 1}, "data: two\n\n", b"three"]))
    assert caller.chat(stream=True).json() == {"choices": []}
    assert caller.chat().content == b'data: {"x":1}\n\ndata: two\n\nthree'


def test_answers_wait_as_scripted(gateway: EmbeddedGateway, caller: Any) -> None:
    """A delay comes before the answer."""
    gateway.enqueue(Reply(text="late", delay_seconds=0.2))
    response = caller.chat()
    assert response.elapsed.total_seconds() >= 0.2
    assert gateway.requests[0].status == 200
