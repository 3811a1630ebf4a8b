"""Starting, stopping and observing an embedded gateway."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from kilo_gateway.testing import EmbeddedGateway, Fault, Options, Reply, serve


def test_many_gateways_leave_no_thread_and_no_listener() -> None:
    """Starting and stopping repeatedly leaks neither threads nor sockets."""
    before = set(threading.enumerate())
    ports = []
    for _ in range(5):
        with EmbeddedGateway() as gateway:
            ports.append(gateway.port)
            assert httpx.get(gateway.base_url + "models", trust_env=False).status_code == 200
    assert set(threading.enumerate()) <= before
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_stopping_is_quick_while_a_stream_is_open(connect: Callable[..., Any]) -> None:
    """A gateway stops in under a second although a client still reads an endless stream."""
    gateway = EmbeddedGateway().start()
    gateway.enqueue(Fault(keepalive_seconds=float("inf"), keepalive_every_seconds=0.01))
    caller = connect(gateway)
    body = {"model": "openai/gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    with caller.http.stream("POST", "chat/completions", json=body) as response:
        lines = response.iter_lines()
        assert next(lines) == ": KILO PROCESSING"
        began = time.monotonic()
        gateway.stop()
        assert time.monotonic() - began < 1
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
    assert gateway.open_streams == 0


def test_stopping_ends_a_request_that_was_never_answered(connect: Callable[..., Any]) -> None:
    """A hanging request does not keep the gateway alive, and its client sees the connection close."""
    gateway = EmbeddedGateway().start()
    gateway.enqueue(Fault(delay_seconds=float("inf")))
    seen: list[Exception] = []

    def ask() -> None:
        caller = connect(gateway)
        try:
            caller.chat()
        except httpx.HTTPError as error:
            seen.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert gateway.wait_until(lambda: len(gateway.requests) == 1)
    gateway.stop()
    thread.join(5)
    assert isinstance(seen[0], httpx.RemoteProtocolError)


def test_a_client_that_leaves_closes_its_stream(gateway: EmbeddedGateway, caller: Any) -> None:
    """Closing a streamed response early ends the stream at the server."""
    gateway.enqueue(Reply(text="word " * 200, event_delay_seconds=0.02))
    body = {"model": "openai/gpt-5-mini", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    with caller.http.stream("POST", "chat/completions", json=body) as response:
        chunks = response.iter_bytes()
        next(chunks)
        assert gateway.open_streams == 1
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2)


def test_connections_are_counted(gateway: EmbeddedGateway, caller: Any, connect: Callable[..., Any]) -> None:
    """One client keeps its connection, another one opens its own."""
    caller.chat()
    caller.chat()
    other = connect(gateway)
    other.chat()
    first, second, third = (request.connection_id for request in gateway.requests)
    assert first == second != third


def test_requests_are_recorded_as_received(gateway: EmbeddedGateway, caller: Any) -> None:
    """Method, path, query, header spelling and body are kept; `clear` forgets them."""
    headers = [("X-KILOCODE-Feature", "cli"), ("X-Twice", "a"), ("x-twice", "b")]
    caller.http.post("chat/completions?a=1", content=b"not json", headers=headers)
    request = gateway.requests[0]
    assert (request.method, request.path, request.query) == ("POST", "/api/gateway/chat/completions", "a=1")
    assert ("X-KILOCODE-Feature", "cli") in request.headers.pairs
    assert request.headers["x-kilocode-feature"] == "cli"
    assert request.headers.get_all("x-twice") == ["a", "b"]
    assert request.body == request.raw_body == b"not json"
    assert request.status == 400
    assert "absent" not in request.headers
    with pytest.raises(KeyError):
        request.headers["absent"]
    gateway.clear()
    assert gateway.requests == []


def test_ids_and_time_are_deterministic(connect: Callable[..., Any]) -> None:
    """Two fresh gateways answer the same request with the same bytes; the clock moves only when set."""
    bodies = []
    for _ in range(2):
        with EmbeddedGateway() as gateway:
            caller = connect(gateway)
            bodies.append(caller.chat().content)
            gateway.options.clock_seconds = 5
            assert caller.chat().json()["created"] == 5
    assert bodies[0] == bodies[1]


def test_scripted_items_repeat_and_run_out(gateway: EmbeddedGateway, caller: Any) -> None:
    """`times` serves an item for several requests, then the built-in models answer."""
    gateway.enqueue(Fault(status=503, times=2), Reply(text="scripted"))
    assert gateway.pending == 2
    assert [caller.chat().status_code for _ in range(2)] == [503, 503]
    assert caller.chat().json()["choices"][0]["message"]["content"] == "scripted"
    assert caller.chat("Say tea").json()["choices"][0]["message"]["content"] == "tea"
    assert gateway.pending == 0


def test_a_reply_waits_while_the_gateway_refuses(gateway: EmbeddedGateway, caller: Any) -> None:
    """A refused request does not use up a scripted reply."""
    gateway.enqueue(Reply(text="kept"))
    assert caller.chat(model="no/such-model").status_code == 404
    assert caller.chat().json()["choices"][0]["message"]["content"] == "kept"


def test_what_an_endpoint_cannot_answer_is_refused_when_scripted(gateway: EmbeddedGateway) -> None:
    """A misspelt endpoint, a reply in words for anything but chat, and what is no reply are errors at once."""
    with pytest.raises(ValueError, match="embedings"):
        gateway.enqueue(Fault(status=503), endpoint="embedings")
    for item in (Reply(text="words"), Fault(reply=Reply(text="words"))):
        with pytest.raises(ValueError, match="whole body"):
            gateway.enqueue(item, endpoint="embeddings")
    with pytest.raises(TypeError, match="str"):
        gateway.enqueue("words")  # type: ignore[arg-type]
    assert gateway.pending == 0


def test_unknown_versions_are_refused() -> None:
    """A misspelt version is an error at construction."""
    with pytest.raises(ValueError, match="2026-02"):
        EmbeddedGateway(version="2025")  # type: ignore[arg-type]


def test_a_taken_port_is_reported() -> None:
    """Binding a port that is in use raises OSError and leaves nothing behind."""
    with EmbeddedGateway() as gateway, pytest.raises(OSError, match=r"."):
        EmbeddedGateway(port=gateway.port).start()


def test_a_running_gateway_cannot_be_started_again(gateway: EmbeddedGateway) -> None:
    """Starting twice is an error."""
    with pytest.raises(RuntimeError, match="running"):
        gateway.start()


def test_options_choose_the_behaviour() -> None:
    """Options given at construction are the ones in force."""
    with EmbeddedGateway(options=Options(version="2026-02", models_failed=True)) as gateway:
        response = httpx.get(gateway.base_url + "models", trust_env=False)
        assert (response.status_code, response.json()["error"]) == (500, "Failed to fetch models")


def test_serve_prints_where_it_is_and_stops(capfd: pytest.CaptureFixture[str]) -> None:
    """`serve` prints base URL and key, one line each, and returns when told to."""
    answers = iter([False, True])
    serve(version="2026-02", should_stop=lambda: next(answers))
    url, key = capfd.readouterr().out.splitlines()
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/api/gateway/")
    assert key


@pytest.fixture
def foreground() -> Iterator[subprocess.Popen[str]]:
    """`python -m kilo_gateway.testing` in a process of its own, killed at the end if it still runs."""
    command = [sys.executable, "-W", "error", "-m", "kilo_gateway.testing", "--version", "newest"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    """`serve` returns on either signal, and leaves their handlers as they were."""
    before = signal.getsignal(number)
    serve(announce=lambda _: signal.raise_signal(number))
    assert signal.getsignal(number) is before


def test_the_module_runs_in_the_foreground_until_a_signal(foreground: subprocess.Popen[str]) -> None:
    """`python -m kilo_gateway.testing` serves, says where its page is, and ends cleanly and silently on a signal."""
    assert foreground.stdout is not None
    assert foreground.stderr is not None
    url, key = foreground.stdout.readline().strip(), foreground.stdout.readline().strip()
    answer = httpx.get(url + "models", headers={"authorization": f"Bearer {key}"}, trust_env=False)
    assert answer.status_code == 200
    foreground.send_signal(signal.SIGTERM)
    assert foreground.wait(10) == 0
    (shown,) = foreground.stderr.read().splitlines()
    assert shown.startswith("What is sent here shows at http://127.0.0.1:")
