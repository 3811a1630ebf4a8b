"""What a conversation over real HTTP looks like from both ends, for both clients."""

from __future__ import annotations

import getpass
import os
import socket
from typing import Any

import pytest

from kilo_gateway import render_metadata
from kilo_gateway.testing import Reply

MODEL = "openai/gpt-4.1-mini"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


def test_whole_and_streamed_answers_are_one(connect: Any, gateway: Any) -> None:
    """The same reply gives the same text, finish reason, model and usage, streamed or not."""
    gateway.enqueue(Reply(text="Grüße, 世界 🌍", reasoning="Hm.", times=2))
    session = connect()
    whole, streamed = session.complete(), session.stream()
    assert streamed.error is None
    assert whole.text == streamed.text == streamed.completion.text == "Grüße, 世界 🌍"
    assert whole.reasoning == streamed.completion.reasoning == "Hm."
    assert (whole.finish_reason, whole.model, whole.usage) == (
        streamed.completion.finish_reason,
        streamed.completion.model,
        streamed.completion.usage,
    )


def test_what_is_sent(connect: Any, gateway: Any) -> None:
    """A request goes to chat/completions once, with the bearer, the feature, JSON and the id without its prefix."""
    connect(model=f"kilocode/{MODEL}", organization_id=gateway.accounts[gateway.api_key].organizations[0].id).complete(
        temperature=0, max_tokens=20
    )
    (request,) = gateway.requests
    assert (request.method, request.path, request.status) == ("POST", "/api/gateway/chat/completions", 200)
    assert request.body == {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello"}],
        "temperature": 0,
        "max_tokens": 20,
    }
    assert request.headers.get_all("authorization") == [f"Bearer {gateway.api_key}"]
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-kilocode-feature"] == "direct-gateway"
    assert request.headers["x-kilocode-organizationid"] == gateway.accounts[gateway.api_key].organizations[0].id


def test_no_header_tells_of_the_machine(connect: Any, gateway: Any) -> None:
    """No header names the host, the user, the directory or the operating system."""
    connect().complete()
    (request,) = gateway.requests
    values = " ".join(value for name, value in request.headers if name.lower() not in {"host", "authorization"})
    told = {socket.gethostname(), getpass.getuser(), os.getcwd(), os.uname().sysname, os.uname().release}  # noqa: PTH109
    assert [word for word in told if word and word.lower() in values.lower()] == []
    assert {name.lower() for name, _ in request.headers} <= {
        "host",
        "accept",
        "accept-encoding",
        "connection",
        "user-agent",
        "content-type",
        "content-length",
        "authorization",
        "x-kilocode-feature",
    }


def test_a_stream_asks_for_usage_and_gets_it(connect: Any, gateway: Any) -> None:
    """A streamed request asks for the usage chunk, and the completion holds tokens and cost."""
    streamed = connect().stream()
    assert gateway.requests[0].body["stream_options"] == {"include_usage": True}
    assert streamed.completion.usage.total_tokens > 0
    assert streamed.completion.usage.cost > 0


@pytest.mark.parametrize("shape", ["a", "b", "c"])
@pytest.mark.parametrize("version", ["newest", "2026-02"])
def test_every_shape_of_the_last_chunks(connect: Any, gateway: Any, shape: Any, version: Any) -> None:
    """Whatever the usage chunk looks like, and with comments between, the finish reason and the model count once."""
    gateway.options.usage_shape, gateway.options.version, gateway.options.comment_every_events = shape, version, 1
    streamed = connect().stream()
    assert streamed.error is None
    assert streamed.completion.finish_reason == "stop"
    assert streamed.completion.model.count("kilo-embedded") == 1
    assert streamed.completion.usage.output_tokens > 0


@pytest.mark.parametrize("shape", ["complete", "stream"])
def test_parallel_tool_calls_stay_two(connect: Any, gateway: Any, shape: str) -> None:
    """Two calls of one answer are kept apart, with their arguments, whole or streamed."""
    calls = [
        {"name": "weather", "arguments": {"city": "Oslo"}, "id": "call_1"},
        {"name": "weather", "arguments": "", "id": "call_2"},
    ]
    gateway.enqueue(Reply(tool_calls=calls))
    session = connect()
    completion = session.complete(tools=[TOOL]) if shape == "complete" else session.stream(tools=[TOOL]).completion
    assert [(call["id"], call["function"]["name"]) for call in completion.tool_calls] == [
        ("call_1", "weather"),
        ("call_2", "weather"),
    ]
    assert completion.tool_calls[0]["function"]["arguments"].replace(" ", "") == '{"city":"Oslo"}'
    assert completion.tool_calls[1]["function"]["arguments"] in {"", "{}"}
    assert completion.finish_reason == "tool_calls"


def test_a_tool_round_trip_is_accepted(connect: Any, gateway: Any) -> None:
    """The message of an answer with a call can be sent back with the tool's result."""
    gateway.enqueue(Reply(tool_calls=[{"name": "weather", "arguments": {}, "id": "call_1"}]), Reply(text="Sunny."))
    session = connect()
    first = session.complete(tools=[TOOL])
    answer = session.complete(
        [
            {"role": "user", "content": "Weather?"},
            first.message,
            {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
        ],
        tools=[TOOL],
    )
    assert answer.text == "Sunny."
    assert gateway.requests[1].body["messages"][1]["tool_calls"][0]["id"] == "call_1"


@pytest.mark.parametrize("shape", ["complete", "stream"])
def test_cut_arguments_are_never_mended(connect: Any, gateway: Any, shape: str) -> None:
    """Arguments cut off by max_tokens come as they were sent, with the finish reason `length`."""
    cut = '{"path": "/data/x", "mode": "del'
    gateway.enqueue(Reply(tool_calls=[{"name": "remove", "arguments": cut}], finish_reason="length"))
    session = connect()
    completion = session.complete() if shape == "complete" else session.stream().completion
    assert completion.tool_calls[0]["function"]["arguments"] == cut
    assert completion.finish_reason == "length"


def test_the_answering_model_is_told_apart(connect: Any, gateway: Any) -> None:
    """The completion says which model answered and which was asked for; nothing was sent in its place."""
    gateway.enqueue(Reply(text="x", model="openai/gpt-4.1-mini-2025-04-14", provider="Azure"))
    completion = connect().complete()
    assert (completion.model, completion.requested_model) == ("openai/gpt-4.1-mini-2025-04-14", MODEL)
    assert (completion.provider, completion.sent_model) == ("Azure", None)
    assert "sent_model" not in render_metadata(completion)


def test_several_choices_are_kept(connect: Any) -> None:
    """With n=3 there are three choices, whole and streamed."""
    session = connect()
    assert len(session.complete(n=3).choices) == 3
    streamed = session.stream(n=3)
    assert len(streamed.completion.choices) == 3
    assert {delta.choice for delta in streamed.deltas} == {0, 1, 2}


def test_headers_and_model_of_one_call(connect: Any, gateway: Any) -> None:
    """A call's own headers and model are for that call alone; the feature header is not theirs to change."""
    session = connect(default_headers={"X-Team": "red", "x-kilocode-feature": "mine"}, feature="cloud-agent")
    session.complete(extra_headers={"x-team": "blue"}, model="openai/gpt-5-mini")
    session.complete()
    first, second = gateway.requests
    assert (first.headers.get_all("x-team"), second.headers.get_all("x-team")) == (["blue"], ["red"])
    assert (first.body["model"], second.body["model"]) == ("openai/gpt-5-mini", MODEL)
    assert first.headers.get_all("x-kilocode-feature") == ["cloud-agent"]


def test_the_prompt_goes_whole_at_ten_megabytes(connect: Any, gateway: Any) -> None:
    """A prompt of ten megabytes arrives complete and is answered."""
    prompt = "kilo byte " * 1_000_000
    gateway.enqueue(Reply(text="Read."))
    assert connect().complete([{"role": "user", "content": prompt}]).text == "Read."
    assert gateway.requests[0].body["messages"][0]["content"] == prompt
