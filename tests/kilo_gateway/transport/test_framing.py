"""Where an answer ends, at the socket: cut anywhere, framed twice, or followed by something."""

from __future__ import annotations

import gzip
import socket
import struct
import time
import zlib
from typing import Any

import httpx
import pytest

from kilo_gateway import ConnectionFailedError, KiloError

from .played import EVENTS, GIVEN, JSON, answer, chunk, stream_head

pytestmark = pytest.mark.usefixtures("engine")

OK = b"HTTP/1.1 200 OK\r\n"
BODY = JSON % b"mine"
CHUNKS = chunk(BODY[:20]) + chunk(BODY[20:]) + b"0\r\n\r\n"


@pytest.mark.parametrize("whose", ["ours", "caller's"])
@pytest.mark.parametrize("length", [5, 500])
def test_a_length_beside_chunks(serve_raw: Any, open_session: Any, mode: str, whose: str, length: int) -> None:
    """An answer that states two ends is refused, or read by its chunks and its connection not used again."""

    def play(peer: Any) -> None:
        while peer.request():
            head = b"%sContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % (OK, length)
            peer.send(head + CHUNKS if peer.number == 1 else answer(b"next"))

    server = serve_raw(play)
    own: Any = None
    if whose != "ours":
        own = httpx.Client() if mode == "sync" else httpx.AsyncClient()
    session = open_session(base_url=server.base_url, http_client=own, **GIVEN)
    try:
        said = session.complete().text
    except ConnectionFailedError:
        said = "mine"
    assert (said, session.complete().text) == ("mine", "next")
    assert server.requests == [1, 2]
    if own is not None:
        session.wait(own.close() if mode == "sync" else own.aclose())


FRAMED = {
    "length": answer(),
    "chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + answer(),
    "compressed": OK
    + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    + chunk(gzip.compress(BODY, mtime=0))
    + b"0\r\n\r\n",
}


@pytest.mark.parametrize(("framing", "how"), [*((framing, "end") for framing in FRAMED), ("chunks", "reset")])
def test_cut_at_every_place(serve_raw: Any, open_session: Any, engine: str, mode: str, framing: str, how: str) -> None:
    """Cut by an end or a reset, wherever it is, no answer is taken for a whole one, and the next call has its own."""
    data = FRAMED[framing]
    first = 2 * ["own engine", "httpx"].index(engine) + 4 * ["sync", "async"].index(mode)
    places = range(first, len(data), 8)  # all four together: every second byte
    cuts = iter(places)

    def play(peer: Any) -> None:
        while request := peer.request():
            if b"cut" not in request:
                peer.send(answer(b"next"))
                continue
            peer.send(data[: next(cuts)])
            if how == "reset":
                peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return

    session = open_session(base_url=serve_raw(play).base_url, **GIVEN)
    for _ in places:
        assert isinstance(session.fail([{"role": "user", "content": "cut"}]), ConnectionFailedError)
        assert session.complete().text == "next"


def test_byte_by_byte(serve_raw: Any, ask: Any, stream: bool) -> None:
    """An answer whose every byte has a packet of its own is read as ever, and its connection is used again."""

    def play(peer: Any) -> None:
        while peer.request():
            for byte in answer(stream=stream):
                peer.send(bytes([byte]))

    server = serve_raw(play)
    call = ask(server.base_url)
    assert [call(stream=stream) for _ in range(2)] == ["mine"] * 2
    assert server.requests[0] == 1


@pytest.mark.parametrize("behind", [b"\r\n", b"junk", answer(b"another's")], ids=["line", "junk", "answer"])
def test_bytes_behind_a_last_answer(serve_raw: Any, ask: Any, stream: bool, behind: bytes) -> None:
    """What stands behind an answer that says `close` takes nothing from it."""

    def play(peer: Any) -> None:
        if peer.request():
            peer.send(answer(stream=stream, headers=b"Connection: close\r\n") + behind)

    call = ask(serve_raw(play).base_url)
    assert [call(stream=stream) for _ in range(2)] == ["mine"] * 2


def test_an_answer_before_the_request_is_asked_for(serve_raw: Any, ask: Any) -> None:
    """A server that speaks before it was asked, as some send a 408 to an idle connection, is found before writing."""

    def play(peer: Any) -> None:
        peer.send(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        peer.wait_for_close()

    begun = time.monotonic()
    with pytest.raises(KiloError):
        ask(serve_raw(play).base_url)()
    assert time.monotonic() - begun < 2


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _packed(coding: str, data: bytes) -> bytes:
    if coding == "br":
        return bytes(pytest.importorskip("brotli").compress(data))
    if coding == "zstd":
        return bytes(pytest.importorskip("backports.zstd").compress(data))
    half = len(data) // 2
    return {
        "gzip": gzip.compress(data[:half]) + gzip.compress(data[half:]),
        "deflate": _raw_deflate(data),
    }[coding]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_compressed_streams(serve_raw: Any, ask: Any, coding: str) -> None:
    """A compressed stream, its chunks cut anywhere, is read in every coding that is offered; a cut one is an error."""
    packed = _packed(coding, EVENTS % b"mine")

    def play(peer: Any) -> None:
        while request := peer.request():
            data = packed if b"Hello" in request else packed[: len(packed) // 3]
            pieces = b"".join(chunk(data[start : start + 7]) for start in range(0, len(data), 7))
            peer.send(stream_head(b"Content-Encoding: %s\r\n" % coding.encode()) + pieces + b"0\r\n\r\n")

    server = serve_raw(play)
    call = ask(server.base_url)
    assert [call(stream=True) for _ in range(2)] == ["mine"] * 2
    with pytest.raises(KiloError):
        call(stream=True, messages=[{"role": "user", "content": "cut"}])
    assert call(stream=True) == "mine"
