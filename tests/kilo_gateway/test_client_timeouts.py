"""Every wait has a ceiling, and what is late says so. Bounds here are a few tenths of a second."""

from __future__ import annotations

import asyncio
import math
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest
from freezegun import freeze_time

from kilo_gateway import AsyncKiloClient, InvalidSettingError, KiloClient, RequestTimeoutError, Timeouts
from kilo_gateway.testing import Fault, Reply

from .conftest import Session

SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def own_client(mode: str, seconds: float) -> Any:
    """Return an httpx client with a timeout of its own."""
    return httpx.Client(timeout=seconds) if mode == "sync" else httpx.AsyncClient(timeout=seconds)


@SHAPES
def test_a_gateway_that_never_answers(connect: Any, gateway: Any, stream: bool) -> None:
    """Silence for as long as the timeout is a typed error that names the host and the bound."""
    gateway.enqueue(Fault(delay_seconds=math.inf))
    begun = time.monotonic()
    error = connect(timeout=0.1, max_retries=0).fail(stream=stream)
    assert isinstance(error, RequestTimeoutError)
    assert 0.1 <= time.monotonic() - begun < 2
    assert f"127.0.0.1:{gateway.port}" in str(error)
    assert "0.1 s" in str(error)
    assert error.is_retryable


def test_a_timeout_before_the_answer_is_retried(connect: Any, gateway: Any, waits: list[float]) -> None:
    """A try that timed out before any answer is made again, and the second answer is returned."""
    gateway.enqueue(Fault(delay_seconds=math.inf), Reply(text="Yes."))
    assert connect(timeout=0.3).complete().text == "Yes."
    assert len(waits) == 1


def test_comments_are_life(connect: Any, gateway: Any) -> None:
    """Comments that arrive for longer than the timeout keep the call alive until its tokens come."""
    gateway.enqueue(Fault(keepalive_seconds=0.5, keepalive_every_seconds=0.02, reply=Reply(text="Yes.")))
    streamed = connect(timeout=0.3, max_retries=0).stream()
    assert (streamed.text, streamed.error) == ("Yes.", None)


def test_comments_are_not_life_for_ever(connect: Any, gateway: Any) -> None:
    """Comments alone end at the silence bound."""
    gateway.enqueue(Fault(keepalive_seconds=math.inf, keepalive_every_seconds=0.01))
    begun = time.monotonic()
    error = connect(timeout=Timeouts(read=0.2, silence=0.3), max_retries=0).fail(stream=True)
    assert isinstance(error, RequestTimeoutError)
    assert 0.3 <= time.monotonic() - begun < 5
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2)


def test_the_silence_bound_begins_anew_with_each_event(connect: Any, gateway: Any) -> None:
    """Tokens slower than the silence bound in all, but not one by one, arrive whole."""
    text = "one two three four five six seven eight nine"
    gateway.enqueue(Reply(text=text, event_delay_seconds=0.05))
    streamed = connect(timeout=Timeouts(read=0.4, silence=0.4), max_retries=0).stream()
    assert (streamed.text, streamed.error) == (text, None)


def test_a_stall_after_a_token(connect: Any, gateway: Any) -> None:
    """A stream that falls silent is a typed error, not retried; what had arrived was delivered."""
    gateway.enqueue(Fault(stall_after_events=1, reply=Reply(text="Hel lo"), times=9))
    streamed = connect(timeout=0.2).stream()
    assert isinstance(streamed.error, RequestTimeoutError)
    assert streamed.error.partial.text == streamed.text != ""
    assert len(gateway.requests) == 1
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2)


def test_the_total_bound_ends_a_lively_stream(connect: Any, gateway: Any) -> None:
    """A stream that never falls silent ends at timeout.total, with what had arrived."""
    gateway.enqueue(Reply(text="word " * 200, event_delay_seconds=0.02))
    begun = time.monotonic()
    streamed = connect(timeout=Timeouts(total=0.3)).stream()
    assert isinstance(streamed.error, RequestTimeoutError)
    assert "total" in str(streamed.error)
    assert 0.3 <= time.monotonic() - begun < 2
    assert streamed.text.startswith("word ")


def test_padding_for_ever_is_not_an_answer(open_session: Any, serve: Any) -> None:
    """A whole answer that only ever sends blanks ends at the silence bound."""

    def pad(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b" " * 10)
            time.sleep(0.02)

    bounds = Timeouts(read=0.5, silence=0.2)
    session = open_session(base_url=serve(pad).origin, api_key="k" * 20, timeout=bounds, max_retries=0)
    error = session.fail(model="a/b")
    assert isinstance(error, RequestTimeoutError)
    assert "without sending any" in str(error)


def test_a_frozen_clock_ends_a_lively_stream_too(serve: Any) -> None:
    """`timeout.total` is kept by a clock that freezegun does not stop, however lively the stream is."""

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        while True:
            request.wfile.write(b'data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n')
            time.sleep(0.02)

    given = {"base_url": serve(drip).origin, "api_key": "k" * 20, "model": "a/b", "timeout": Timeouts(total=0.3)}
    with asyncio.Runner() as runner, freeze_time("2026-01-01"):  # which takes long
        both = [Session(KiloClient(**given), None).stream(), Session(AsyncKiloClient(**given), runner).stream()]
    for streamed in both:
        assert isinstance(streamed.error, RequestTimeoutError)
        assert streamed.text.startswith("word ")


def test_the_timeout_of_one_call(connect: Any, gateway: Any) -> None:
    """A call's own timeout wins over the client's."""
    gateway.enqueue(Fault(delay_seconds=math.inf))
    error = connect(timeout=60, max_retries=0).fail(timeout=0.1)
    assert "0.1 s" in str(error)


def test_an_own_client_keeps_its_timeout(connect: Any, gateway: Any, mode: str) -> None:
    """Where nobody chose a timeout, an httpx client of the caller's keeps its own, and the error names that bound."""
    gateway.enqueue(Fault(delay_seconds=math.inf))
    http_client = own_client(mode, 0.15)
    session = connect(http_client=http_client, max_retries=0)
    assert "0.15 s" in str(session.fail())
    session.wait(http_client.close() if mode == "sync" else http_client.aclose())


def test_a_chosen_timeout_wins_over_an_own_client(connect: Any, gateway: Any, mode: str) -> None:
    """A timeout that was chosen holds on an httpx client of the caller's too."""
    gateway.enqueue(Fault(delay_seconds=math.inf))
    http_client = own_client(mode, 60)
    session = connect(http_client=http_client, timeout=0.15, max_retries=0)
    assert "0.15 s" in str(session.fail())
    session.wait(http_client.close() if mode == "sync" else http_client.aclose())


@pytest.mark.parametrize("value", [0, -1, "abc", math.nan, math.inf, True, {"read": 0}, {"nonsense": 1}, (1, 2, 3)])
@pytest.mark.parametrize("cls", [KiloClient, AsyncKiloClient])
def test_a_timeout_that_cannot_be(cls: Any, value: Any) -> None:
    """A timeout that is no span of time is refused when the client is made, as a ValueError."""
    with pytest.raises(InvalidSettingError, match="timeout"):
        cls(api_key="k" * 20, timeout=value)


@SHAPES
def test_a_calls_timeout_that_cannot_be(connect: Any, gateway: Any, stream: bool) -> None:
    """A call's timeout that is no span of time is refused before anything is sent."""
    session = connect()
    values: list[Any] = [0, -1, "abc", math.nan]
    for value in values:
        with pytest.raises(ValueError, match="timeout"):
            session.stream(timeout=value) if stream else session.complete(timeout=value)
    assert gateway.requests == []
