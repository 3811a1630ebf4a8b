"""One HTTP exchange: what goes out, what comes back, and every way in which it breaks."""

from __future__ import annotations

import asyncio
import gzip
import socket
import tracemalloc
import zlib
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from kilo_gateway import (
    ConnectionFailedError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    RequestTimeoutError,
    Timeouts,
)
from kilo_gateway.settings.headers import HeaderList
from kilo_gateway.transport import exchange as exchange_module
from kilo_gateway.transport.exchange import AsyncExchange, Exchange, Outgoing
from kilo_gateway.transport.failures import translate
from kilo_gateway.transport.httpx_path.blocking import HttpxCarrier
from kilo_gateway.transport.httpx_path.looped import AsyncHttpxCarrier
from kilo_gateway.transport.outgoing import Bounds, host_of

URL = "http://gateway.example/api/chat"
SECRET = "sk-kilo-0123456789"


def outgoing(url: str = URL, **fields: Any) -> Outgoing:
    """Return a small request."""
    headers = HeaderList([("Authorization", f"Bearer {SECRET}")])
    return Outgoing("POST", url, headers, b"{}", fields.pop("timeouts", Timeouts()), **fields)


class Pair:
    """One exchange, blocking or awaited."""

    def __init__(self, mode: str, request: Outgoing, answer: Any = None) -> None:
        mock = None if answer is None else httpx.MockTransport(answer)
        self.is_async = mode == "async"
        self.request = request
        self._mock = mock

    def run(self) -> tuple[int, bytes]:
        """Return status and body."""
        return asyncio.run(self._arun()) if self.is_async else self._run()

    def _run(self) -> tuple[int, bytes]:
        with httpx.Client(transport=self._mock) as client:
            exchange = Exchange(self.request)
            try:
                exchange.open(HttpxCarrier(client, is_own=True))
                return exchange.status, exchange.read()
            finally:
                exchange.close()

    async def _arun(self) -> tuple[int, bytes]:
        async with httpx.AsyncClient(transport=self._mock) as client:
            exchange = AsyncExchange(self.request)
            try:
                await exchange.open(AsyncHttpxCarrier(client, is_own=True))
                return exchange.status, await exchange.read()
            finally:
                exchange.abort()


def raising(failure: Exception) -> Any:
    """Return a handler that fails."""

    def answer(_: httpx.Request) -> httpx.Response:
        raise failure

    return answer


@pytest.mark.parametrize(
    ("failure", "kind", "said"),
    [
        (httpx.ConnectTimeout("x"), RequestTimeoutError, "could not be reached within 10 s"),
        (httpx.ReadTimeout("x"), RequestTimeoutError, "sent nothing within 120 s"),
        (httpx.WriteTimeout("x"), RequestTimeoutError, "did not take the request within 120 s"),
        (httpx.PoolTimeout("x"), RequestTimeoutError, "no free connection in time"),
        (httpx.ConnectError("[Errno 111] refused"), ConnectionFailedError, "refused"),
        (httpx.ConnectError(""), ConnectionFailedError, "ConnectError"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), ConnectionFailedError, "SSL_CERT_FILE"),
        (httpx.ProxyError("407"), ConnectionFailedError, "proxy"),
        (httpx.ReadError(""), ConnectionFailedError, "ReadError"),
        (httpx.WriteError("gone"), ConnectionFailedError, "gone"),
        (httpx.RemoteProtocolError("cut"), ConnectionFailedError, "cut"),
        (httpx.LocalProtocolError("bad"), InvalidSettingError, "bad"),
        (httpx.UnsupportedProtocol("odd"), InvalidSettingError, "odd"),
        (httpx.InvalidURL("odd"), InvalidSettingError, "odd"),
        (httpx.DecodingError("zip"), MalformedAnswerError, "decompressed"),
        (OSError("broken"), ConnectionFailedError, "broken"),
        (ConnectionResetError(), ConnectionFailedError, "ConnectionResetError"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_failure_has_its_error(mode: str, failure: Exception, kind: type[KiloError], said: str) -> None:
    """What httpx raises becomes a typed error that names host and port, chains the cause and holds no header."""
    with pytest.raises(kind, match=said) as caught:
        Pair(mode, outgoing(), raising(failure)).run()
    assert "gateway.example:80" in str(caught.value)
    assert caught.value.__cause__ is failure
    assert SECRET not in repr(caught.value) + repr(failure)


def test_a_failure_that_names_no_request() -> None:
    """A timeout that knows no bound is still told."""
    assert "sent nothing in time" in str(translate(httpx.ReadTimeout("x"), URL))


def test_only_a_certificate_is_final() -> None:
    """A refused certificate is not tried again; a refused connection is."""
    certificate = translate(httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), URL)
    assert not certificate.is_retryable
    assert translate(httpx.ConnectError("refused"), URL).is_retryable


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://a.example/x", "a.example:80"),
        ("https://a.example/x", "a.example:443"),
        ("https://a.example:8443/x", "a.example:8443"),
        ("http://[::1]:9/x", "[::1]:9"),
    ],
)
def test_how_a_host_is_named(url: str, host: str) -> None:
    """Messages name host and port, the scheme's own where none is written."""
    assert host_of(url) == host


def test_a_name_that_does_not_resolve(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that DNS does not know is a typed error that names it."""

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = connect(base_url="https://gateway.example/", max_retries=0).fail()
    assert isinstance(error, ConnectionFailedError)
    assert "gateway.example:443" in str(error)


def test_a_request_goes_out_as_it_is(mode: str) -> None:
    """Method, URL, headers and body are sent as given, with the four bounds."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(201, content=b"ok")

    bounds = Timeouts(connect=1, read=2, silence=3, total=1.5)
    assert Pair(mode, outgoing(timeouts=bounds), answer).run() == (201, b"ok")
    (request,) = seen
    assert (request.method, str(request.url), request.content) == ("POST", URL, b"{}")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.extensions["timeout"] == {"connect": 1, "read": 1.5, "write": 2, "pool": None}


def test_an_answer_that_is_too_large(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer beyond the limit is given up with a typed error; one of exactly the limit is read."""
    monkeypatch.setattr(exchange_module, "MAX_BODY_BYTES", 1 << 20)
    answer = lambda size: lambda _: httpx.Response(200, content=b"x" * size)  # noqa: E731
    assert len(Pair(mode, outgoing(), answer(1 << 20)).run()[1]) == 1 << 20
    with pytest.raises(MalformedAnswerError, match="larger than 1 MiB"):
        Pair(mode, outgoing(), answer((1 << 20) + 1)).run()


@cache
def bomb(blocks: int) -> bytes:
    """Return gzip bytes that inflate to so many MiB; each block is the same kibibyte."""
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1 << 20)
    first, other = (packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + other * (blocks - 1)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_decompression_bomb(open_session: Any, serve: Any, stream: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What inflates to a thousand times its size is a typed error, and memory stays under three times the bound."""
    monkeypatch.setattr(exchange_module, "MAX_BODY_BYTES", 8 << 20)
    monkeypatch.setattr("kilo_gateway.stream.sse.MAX_EVENT_BYTES", 8 << 20)
    data = bomb(64)

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-encoding", "gzip")
        request.send_header("content-length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    session = open_session(base_url=serve(answer).origin, api_key="k" * 20, model="a/b", max_retries=0)
    tracemalloc.start()
    error = session.fail(stream=stream)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(error, MalformedAnswerError)
    assert peak < 24_000_000
    assert held < 4_000_000  # the error is still there, and its traceback with all that its frames hold


def test_compressed_answers(mode: str) -> None:
    """A compressed answer is read; one that is broken is a typed error."""
    packed = gzip.compress(b'{"x": 1}')
    headers = {"content-encoding": "gzip"}
    assert (
        Pair(mode, outgoing(), lambda _: httpx.Response(200, headers=headers, content=packed)).run()[1] == b'{"x": 1}'
    )

    class Broken(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self) -> Any:
            yield b"no gzip at all"

        async def __aiter__(self) -> Any:
            yield b"no gzip at all"

    with pytest.raises(MalformedAnswerError, match="decompressed"):
        Pair(mode, outgoing(), lambda _: httpx.Response(200, headers=headers, stream=Broken())).run()


def test_an_exchange_that_was_not_opened(mode: str) -> None:
    """Closing an exchange that never began is harmless; reading it is a mistake of the caller's."""
    exchange: Any = AsyncExchange(outgoing()) if mode == "async" else Exchange(outgoing())
    with pytest.raises(RuntimeError, match="opened"):
        _ = exchange.status
    (exchange.abort if mode == "async" else exchange.close)()


@pytest.mark.parametrize(
    ("moments", "had_event", "late"),
    [
        ([1, 2, 3], [True] * 3, None),
        ([5, 9, 13], [True] * 3, None),
        ([5, 9, 11], [False] * 3, "without sending any"),
        ([5, 9, 14, 18], [False, True, False, False], None),
        ([5, 21], [True, True], "the 20 s of timeout.total"),
    ],
)
def test_the_bounds(monkeypatch: Any, moments: list[float], had_event: list[bool], late: str | None) -> None:
    """Silence is counted from the last event, the deadline from the start."""
    now = [0.0]
    monkeypatch.setattr("kilo_gateway.transport.outgoing.monotonic", lambda: now[0])
    bounds = Bounds(outgoing(timeouts=Timeouts(silence=10, total=20), deadline=20.0), 0.0)
    said = None
    for now[0], had in zip(moments, had_event, strict=True):
        if had:
            bounds.note_event()
        try:
            bounds.check()
        except RequestTimeoutError as error:
            said = str(error)
    assert (said is None) if late is None else (late in (said or ""))


@pytest.mark.parametrize(
    ("silence", "deadline", "seconds", "end"),
    [
        (None, None, None, None),
        (None, None, 2, 2),
        (10, None, None, 10),
        (10, 5, 7, 5),
        (10, 50, 7, 7),
        (3, 5, None, 3),
    ],
)
def test_when_a_wait_ends(
    monkeypatch: Any, silence: float | None, deadline: float | None, seconds: float | None, end: float | None
) -> None:
    """A wait ends by its own bound, by silence or by the deadline, whichever is first."""
    monkeypatch.setattr("kilo_gateway.transport.outgoing.monotonic", lambda: 0.0)
    assert Bounds(outgoing(timeouts=Timeouts(silence=silence), deadline=deadline), 0.0).end_of_wait(seconds) == end
