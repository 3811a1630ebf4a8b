"""When a connection carries another request, and when not: on both engines, blocking and awaited."""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import threading
import time
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, ConnectionFailedError, KiloError, Timeouts

pytestmark = pytest.mark.usefixtures("engine")

ASK = [{"role": "user", "content": "Hello"}]
GIVEN = {"api_key": "k" * 20, "model": "a/b", "max_retries": 0}
BODY = b'{"choices":[{"message":{"role":"assistant","content":"mine"},"finish_reason":"stop"}]}'
LENGTH = b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
OK = b"HTTP/1.1 200 OK\r\n"
RESET = struct.pack("ii", 1, 0)


def reset(sock: socket.socket) -> None:
    """Close with a reset in place of an end."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    sock.close()


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (OK + LENGTH, True),
        (OK + CHUNKS, True),
        (OK + b"Connection: Keep-Alive, X\r\n" + LENGTH, True),
        (OK + b"Connection: Close\r\n" + LENGTH, False),
        (OK + b"Connection: keep-alive,close\r\n" + CHUNKS, False),
        (OK + b"Connection: keep-alive\r\nConnection: close\r\n" + LENGTH, False),
        (b"HTTP/1.0 200 OK\r\n" + LENGTH, False),
        (OK + b"Upgrade: h2c\r\nConnection: upgrade\r\n" + LENGTH, True),
        (b"HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n" * 3 + OK + LENGTH, True),
    ],
)
def test_what_the_head_says(serve_raw: Any, open_session: Any, answer: bytes, is_kept: bool) -> None:
    """`close` in any line and case ends a connection, and so does HTTP/1.0; interim answers say nothing of it."""

    def play(peer: Any) -> None:
        while peer.request():
            for start in range(0, len(answer), 40):
                peer.send(answer[start : start + 40])
            if not is_kept:
                peer.wait_for_close()

    server = serve_raw(play)
    session = open_session(base_url=server.base_url, **GIVEN)
    assert [session.complete().text for _ in range(2)] == ["mine"] * 2
    assert server.requests == ([1, 1] if is_kept else [1, 2])
    assert is_kept or server.has_closed.wait(2)


@pytest.mark.parametrize("end", ["end", "reset"])
def test_a_stale_connection_is_found_before_it_is_used(serve_raw: Any, open_session: Any, end: str) -> None:
    """A connection that the server has closed or reset since its answer costs no failure, and no second request."""
    ended = threading.Event()

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(OK + LENGTH)
            if peer.number == 1:
                reset(peer.sock) if end == "reset" else peer.sock.shutdown(socket.SHUT_RDWR)
                ended.set()
                return

    server = serve_raw(play)
    session = open_session(base_url=server.base_url, **GIVEN)
    assert session.complete().text == "mine"
    assert ended.wait(2)
    assert session.complete().text == "mine"
    assert server.requests == [1, 2]


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", OK], ids=["nothing", "half a line", "half a head"])
def test_a_request_is_sent_once(serve_raw: Any, open_session: Any, said: bytes) -> None:
    """A kept connection that dies when the request has been read is an error: the engine sends nothing again."""

    def play(peer: Any) -> None:
        peer.request()
        peer.send(OK + LENGTH)
        peer.request()
        peer.send(said)
        reset(peer.sock)

    server = serve_raw(play)
    session = open_session(base_url=server.base_url, **GIVEN)
    assert session.complete().text == "mine"
    assert isinstance(session.fail(), ConnectionFailedError)
    assert server.requests == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\nContent-Length: 50\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + OK + LENGTH,
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK + LENGTH,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n" + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
    ids=["no content", "upgrade", "switching", "coding", "another protocol", "long line"],
)
def test_odd_heads_are_errors_at_once(serve_raw: Any, open_session: Any, answer: bytes) -> None:
    """What is no answer of ours is an error although the connection stays open, and the next call has its own."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer if len(server.requests) == 1 else OK + LENGTH)

    server = serve_raw(play)
    session = open_session(base_url=server.base_url, **GIVEN)
    begun = time.monotonic()
    assert isinstance(session.fail(), KiloError)
    assert time.monotonic() - begun < 1
    assert session.complete().text == "mine"


def test_a_fault_behind_a_chunk_is_told_at_once(serve_raw: Any, open_session: Any) -> None:
    """What came before a malformed chunk is delivered, and the error follows although the connection stays open."""
    event = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'

    def play(peer: Any) -> None:
        peer.request()
        head = b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer.send(OK + head + b"%x\r\n%s\r\nx\r\n" % (len(event), event))
        peer.wait_for_close()

    server = serve_raw(play)
    begun = time.monotonic()
    streamed = open_session(base_url=server.base_url, **GIVEN).stream()
    assert streamed.text == "a"
    assert isinstance(streamed.error, ConnectionFailedError)
    assert time.monotonic() - begun < 2
    assert server.has_closed.wait(2)


def test_big_requests_are_not_delayed(serve_raw: Any, open_session: Any) -> None:
    """Head and body that go out apart do not wait for the acknowledgement of each other."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(OK + LENGTH)

    session = open_session(base_url=serve_raw(play).base_url, **GIVEN)
    taken = []
    for _ in range(9):
        begun = time.monotonic()
        session.complete([{"role": "user", "content": "x" * 90_000}])
        taken.append(time.monotonic() - begun)
    assert sorted(taken)[4] < 0.035  # an acknowledgement comes 40 ms late


def test_more_files_than_select_can_count(serve_raw: Any, open_session: Any) -> None:
    """With 1,200 files open, calls share one connection as ever."""

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(OK + LENGTH)

    server = serve_raw(play)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2000:
        pytest.skip("this system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    held = [socket.socket() for _ in range(1200)]
    try:
        session = open_session(base_url=server.base_url, **GIVEN)
        assert [session.complete().text for _ in range(3)] == ["mine"] * 3
    finally:
        for sock in held:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert server.requests == [1, 1, 1]


def test_a_slow_reader_is_felt_by_the_server(serve_raw: Any, open_session: Any, mode: str) -> None:
    """While nobody reads, no more is taken of a stream than fits into the buffers of the sockets."""
    sent = 0
    event = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % (b"x" * 60_000)
    chunk = b"%x\r\n%s\r\n" % (len(event), event)

    def play(peer: Any) -> None:
        nonlocal sent
        peer.request()
        peer.send(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.sock.settimeout(0.2)
        for _ in range(1000):
            peer.send(chunk)
            sent += len(chunk)

    session = open_session(base_url=serve_raw(play).base_url, **GIVEN)
    stream = session.client.stream(ASK)
    if mode == "sync":
        next(stream)
        time.sleep(0.15)
        taken = sent
        stream.close()
    else:

        async def read() -> int:
            await anext(stream)
            await asyncio.sleep(0.15)
            taken = sent
            await stream.aclose()
            return taken

        taken = session.wait(read())
    assert taken < 30_000_000


def test_many_calls_at_once_are_kept_apart(serve_raw: Any) -> None:
    """A hundred calls of one loop have a connection and an answer each; the next hundred use the same connections."""

    def play(peer: Any) -> None:
        while body := peer.request():
            number = body.rpartition(b"Hello ")[2].partition(b'"')[0]
            answer = BODY.replace(b"mine", number)
            peer.send(OK + b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))

    server = serve_raw(play)

    async def main() -> None:
        client = AsyncKiloClient(base_url=server.base_url, **GIVEN)

        async def ask(number: int) -> str:
            return (await client.complete([{"role": "user", "content": f"Hello {number}"}])).text

        for _ in range(2):
            assert await asyncio.gather(*map(ask, range(100))) == [str(number) for number in range(100)]

    asyncio.run(main())
    assert len(server.requests) == 200
    assert len(set(server.requests)) <= 100


def test_a_readers_pause_is_not_the_servers(serve_raw: Any, open_session: Any, mode: str) -> None:
    """A reader who pauses for longer than `read` and `silence` is not late, and his connection is used again."""
    event = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    chunks = [b"%x\r\n%s\r\n" % (len(data), data) for data in (event, event, event, end)]

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            for chunk in (*chunks, b"0\r\n\r\n"):
                peer.send(chunk)
                time.sleep(0.01)

    server = serve_raw(play)
    bounds = Timeouts(read=0.1, silence=0.1)
    session = open_session(base_url=server.base_url, timeout=bounds, **GIVEN)

    async def read() -> str:
        text = ""
        async for delta in session.client.stream(ASK):
            await asyncio.sleep(0.15 * (not text))
            text += delta.text
        return text

    def read_blocking() -> str:
        text = ""
        for delta in session.client.stream(ASK):
            time.sleep(0.15 * (not text))
            text += delta.text
        return text

    assert [session.wait(read()) if mode == "async" else read_blocking() for _ in range(2)] == ["aaa"] * 2
    assert server.requests == [1, 1]


def test_an_error_whose_request_was_not_read(serve_raw: Any, open_session: Any) -> None:
    """Behind a refusal of a request that is still going out, the connection is not used, though the server keeps it."""

    def play(peer: Any) -> None:
        if peer.number == 1:
            peer.sock.recv(65536)
            peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
            peer.wait_for_close()  # reads the rest
            return
        while peer.request():
            peer.send(OK + LENGTH)

    server = serve_raw(play)
    session = open_session(base_url=server.base_url, **GIVEN)
    assert session.fail([{"role": "user", "content": "x" * 12_000_000}]).status == 413
    assert session.complete().text == "mine"
    assert server.requests == [2]


@pytest.mark.parametrize("said", [b"HTTP/1.1 2", OK], ids=["half a line", "half a head"])
def test_uvloop_notices_a_reset_behind_bytes(serve_raw: Any, said: bytes) -> None:
    """A loop of uvloop tells once of bytes and the reset behind them: the call ends at once there too."""
    uvloop = pytest.importorskip("uvloop")

    def play(peer: Any) -> None:
        peer.request()
        peer.send(said)
        reset(peer.sock)

    async def ask() -> None:
        async with AsyncKiloClient(base_url=serve_raw(play).base_url, **GIVEN) as client:
            with pytest.raises(ConnectionFailedError):
                await asyncio.wait_for(client.complete(ASK), 10)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(ask())
