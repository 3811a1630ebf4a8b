"""What servers do to a connection, played as bytes: sync and async, whole and streamed, on both engines."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kilo_gateway import (
    AsyncKiloClient,
    KiloClient,
    KiloError,
    MalformedAnswerError,
    RequestTimeoutError,
    Timeouts,
)
from kilo_gateway.transport.sockets import dialing

from .played import ASK, GIVEN, JSON, answer, chunk, stream_head

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.parametrize(
    "behind",
    [answer(b"another's"), b"\r\n", b"junk", b"HTTP/1.1 408 Request Timeout\r\n\r\n"],
    ids=["answer", "line", "junk", "408"],
)
def test_bytes_behind_an_answer_are_never_an_answer(serve_raw: Any, ask: Any, stream: bool, behind: bytes) -> None:
    """What stands behind an answer, in its segment, closes the connection: the next call has its own answer."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer(stream=stream) + behind)

    server = serve_raw(play)
    call = ask(server.base_url)
    assert [call(stream=stream) for _ in range(3)] == ["mine"] * 3
    assert server.requests == [1, 2, 3]


@pytest.mark.parametrize(
    "status", [b"204 No Content", b"500 Oops\r\nContent-Length: 0", b"401 No\r\nContent-Length: 0"]
)
def test_an_answer_behind_one_without_a_body(serve_raw: Any, ask: Any, status: bytes) -> None:
    """An answer pushed behind an empty one is not given to the next call."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(b"HTTP/1.1 " + status + b"\r\n\r\n" + answer(b"another's") if peer.number == 1 else answer())

    server = serve_raw(play)
    call = ask(server.base_url)
    with pytest.raises(KiloError):
        call()
    assert call() == "mine"


def test_an_answer_pushed_while_idle(serve_raw: Any, ask: Any) -> None:
    """An answer that comes when nobody has asked is not given to the next call."""
    pushed = threading.Event()

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer())
            if peer.number == 1:
                peer.send(answer(b"another's"))
                pushed.set()

    server = serve_raw(play)
    call = ask(server.base_url)
    assert call() == "mine"
    pushed.wait(2)
    assert call() == "mine"


def test_bytes_behind_an_answer_on_a_callers_client(serve_raw: Any, open_session: Any, mode: str, stream: bool) -> None:
    """On an httpx client of the caller's, too, what stands behind an answer is never an answer."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer(stream=stream) + (answer(b"another's") if peer.number == 1 else b""))

    server = serve_raw(play)
    own: Any = httpx.Client() if mode == "sync" else httpx.AsyncClient()
    session = open_session(base_url=server.base_url, http_client=own, **GIVEN)
    answers = [session.stream().text if stream else session.complete().text for _ in range(3)]
    session.wait(own.close() if mode == "sync" else own.aclose())
    assert (answers, server.requests) == (["mine"] * 3, [1, 2, 2])


def test_a_last_chunk_that_comes_late_on_a_callers_client(
    serve_raw: Any, open_session: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream whose last chunk comes a moment behind its last event gives the connection of a caller's back."""
    for path in ("blocking", "looped"):  # as if a busy machine were as quick as any
        monkeypatch.setattr(f"kilo_gateway.transport.httpx_path.{path}.DRAIN_SECONDS", 2.0)

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer(stream=True)[:-5])
            time.sleep(0.005)
            peer.send(answer(stream=True)[-5:])

    server = serve_raw(play)
    own: Any = httpx.Client() if mode == "sync" else httpx.AsyncClient()
    session = open_session(base_url=server.base_url, http_client=own, **GIVEN)
    assert [session.stream().text for _ in range(2)] == ["mine"] * 2
    session.wait(own.close() if mode == "sync" else own.aclose())
    assert server.requests == [1, 1]


def test_streams_in_threads_never_meet(serve_raw: Any) -> None:
    """Sixteen threads stream over kept connections whose last chunk comes apart: each has its own answer."""

    def play(peer: Any) -> None:
        while body := peer.request():
            number = body.rpartition(b"Hello ")[2].partition(b'"')[0]
            whole = answer(number, stream=True)
            peer.send(whole[:-5])
            peer.send(whole[-5:])

    server = serve_raw(play)
    client = KiloClient(base_url=server.base_url, **GIVEN)

    def ask(number: int) -> list[str]:
        said = [{"role": "user", "content": f"Hello {number}"}]
        return ["".join(delta.text for delta in client.stream(said)) for _ in range(10)]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [[str(number)] * 10 for number in range(16)]
    assert len(server.requests) == 160


DRIPS = {
    "head": (b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"),
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "chunk line": (stream_head() + b"5;x=", b"y"),
    "trailer": (stream_head() + b"0\r\nX-Trailer: ", b"z"),
    "comment": (stream_head(), chunk(b": waiting\n\n")),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize(
    ("drip", "bound"), [*((drip, "silence") for drip in DRIPS), ("head", "total"), ("comment", "total")]
)
def test_every_wait_ends(serve_raw: Any, ask: Any, drip: str, bound: str) -> None:
    """Wherever an answer drips, `total` and `silence` end the call."""
    head, drop = DRIPS[drip]

    def play(peer: Any) -> None:
        peer.request()
        peer.send(head)
        while not peer.ending.wait(0.01):
            peer.send(drop)

    call = ask(serve_raw(play).base_url, timeout=Timeouts(**{bound: 0.05}))  # type: ignore[arg-type]
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        call(stream=True)
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("drip", ["head", "interim", "chunk line", "nothing"])
def test_total_on_an_awaited_client_of_the_callers(serve_raw: Any, drip: str) -> None:
    """`total` ends a call through an AsyncClient of the caller's, too, wherever the answer drips."""
    head, drop = DRIPS[drip]

    def play(peer: Any) -> None:
        peer.request()
        peer.send(head)
        while not peer.ending.wait(0.01):
            peer.send(drop)

    server = serve_raw(play)

    async def main() -> None:
        async with httpx.AsyncClient() as own:
            bounds = Timeouts(total=0.05)
            client = AsyncKiloClient(base_url=server.base_url, http_client=own, timeout=bounds, **GIVEN)
            with pytest.raises(RequestTimeoutError, match=r"timeout\.total"):
                await client.complete(ASK)

    begun = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - begun < 1


def test_a_handshake_that_is_cancelled_closes_its_socket(serve_raw: Any) -> None:
    """A task that is cancelled within the TLS handshake leaves the socket closed."""
    greeted = threading.Event()

    def play(peer: Any) -> None:
        peer.sock.recv(65536)
        greeted.set()
        peer.wait_for_close()

    server = serve_raw(play)

    async def main() -> None:
        client = AsyncKiloClient(base_url=server.base_url.replace("http:", "https:"), **GIVEN)
        task = asyncio.create_task(client.complete(ASK))
        assert await asyncio.to_thread(greeted.wait, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.has_closed.wait, 1)

    asyncio.run(main())


def test_a_handshake_is_bounded_by_connect(serve_raw: Any, ask: Any) -> None:
    """A server that accepts and never speaks TLS is given up after `connect`."""
    server = serve_raw(lambda peer: peer.ending.wait(5))
    call = ask(server.base_url.replace("http:", "https:"), timeout=Timeouts(connect=0.1))
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError, match=r"could not be reached within 0\.1 s"):
        call()
    assert time.monotonic() - begun < 1


def test_the_second_address_is_tried_beside_the_first(serve_raw: Any, ask: Any, monkeypatch: Any) -> None:
    """An address that drops packets delays a call by the attempt delay only, not by the whole bound."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer())

    server = serve_raw(play)
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", where) for where in (full.getsockname(), ("127.0.0.1", server.port))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(dialing, "ATTEMPT_DELAY_SECONDS", 0.05)
    begun = time.monotonic()
    assert ask(f"http://localhost:{server.port}/", timeout=Timeouts(connect=3))() == "mine"
    assert time.monotonic() - begun < 1
    for one in (*fillers, full):
        one.close()


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        (gzip.compress(JSON[:20]) + gzip.compress((JSON % b"two")[20:]), "two"),
        (gzip.compress(JSON % b"padded") + bytes(7), "padded"),
        (gzip.compress(JSON % b"cut")[:-4], None),
        (gzip.compress(JSON % b"false")[:-8] + bytes(8), None),
    ],
    ids=["two members", "padding", "no trailer", "wrong checksum"],
)
def test_gzip_is_read_to_its_end(serve_raw: Any, ask: Any, packed: bytes, text: str | None) -> None:
    """All members of a gzip answer are read; one that is cut or false is a typed error."""

    def play(peer: Any) -> None:
        while peer.request():
            head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            peer.send(head % len(packed) + packed)

    call = ask(serve_raw(play).base_url)
    if text is None:
        with pytest.raises(MalformedAnswerError):
            call()
    else:
        assert call() == text


async def _leave_twice_cancelled(base_url: str, http_client: Any = None) -> None:
    client = AsyncKiloClient(base_url=base_url, http_client=http_client, **GIVEN)
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in client.stream(ASK):
            begun.set()

    task = asyncio.create_task(consume())
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("whose", ["ours", "caller's"])
def test_cancelled_twice_in_a_row(serve_raw: Any, whose: str) -> None:
    """A stream whose task is cancelled twice is closed at the server at once, and leaves no task."""

    def play(peer: Any) -> None:
        peer.request()
        peer.send(stream_head() + chunk(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'))
        peer.wait_for_close()

    server = serve_raw(play)

    async def main() -> None:
        own = httpx.AsyncClient() if whose != "ours" else None
        await _leave_twice_cancelled(server.base_url, own)
        assert await asyncio.to_thread(server.has_closed.wait, 1)
        await asyncio.sleep(0.01)
        assert len(asyncio.all_tasks()) == 1
        if own is not None:
            await own.aclose()

    asyncio.run(main())
