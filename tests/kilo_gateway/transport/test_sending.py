"""Requests that take long to go out: an answer wins over them, and only a server that takes nothing is late."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import pytest

from kilo_gateway import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    KiloError,
    RequestTimeoutError,
    Timeouts,
)
from kilo_gateway.transport.sockets import dialing

from .played import answer

pytestmark = pytest.mark.usefixtures("engine")

LONG = [{"role": "user", "content": "x" * 12_000_000}]


@pytest.mark.parametrize(
    ("status", "kind", "then"),
    [
        (b"413 Too Large", BadRequestError, "close"),
        (b"401 Unauthorized", AuthenticationError, "stop reading"),
    ],
)
def test_an_answer_wins_over_a_request_that_is_not_sent(
    serve_raw: Any, ask: Any, status: bytes, kind: type[KiloError], then: str
) -> None:
    """An error that is sent while the request still goes out is that error, whatever happens to the rest."""

    def play(peer: Any) -> None:
        peer.sock.recv(65536)
        peer.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        if then != "close":
            peer.ending.wait(5)

    call = ask(serve_raw(play).base_url, timeout=Timeouts(read=2))
    begun = time.monotonic()
    with pytest.raises(kind):
        call(messages=LONG)
    assert time.monotonic() - begun < 1.5


def test_an_interim_answer_does_not_stop_a_request(serve_raw: Any, ask: Any) -> None:
    """A 103 that comes while a long request goes out is passed over; the request is sent to its end."""

    def play(peer: Any) -> None:
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        if peer.request():
            peer.send(answer())

    long = [{"role": "user", "content": "x" * 6_000_000}]  # more than a socket takes at once
    assert ask(serve_raw(play).base_url)(messages=long) == "mine"


@pytest.mark.parametrize("then", ["close", "reset", "stop reading"])
def test_an_answer_wins_over_tls(serve_raw: Any, ask: Any, tls: Any, monkeypatch: Any, then: str) -> None:
    """The same holds under TLS, whose layers hold back what cannot be sent any more."""
    context, path = tls
    monkeypatch.setenv("SSL_CERT_FILE", path)

    def play(peer: Any) -> None:
        peer.sock.recv(16384)
        peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        if then == "reset":
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif then == "stop reading":
            peer.ending.wait(5)

    call = ask(serve_raw(play, tls=context).base_url, timeout=Timeouts(read=2))
    begun = time.monotonic()
    with pytest.raises(BadRequestError if then != "reset" else KiloError):  # a reset may overtake what came before it
        call(messages=LONG)
    assert time.monotonic() - begun < 1.8


def test_a_server_that_takes_a_request_slowly(serve_raw: Any, ask: Any, tls: Any, monkeypatch: Any) -> None:
    """The bound of writing counts from the last bytes that were taken: a slow server has all the time that it needs."""
    start = dialing._start

    def start_small(address: Any, trying: list[socket.socket]) -> Any:
        connected = start(address, trying)
        for sock in trying:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        return connected

    def play(peer: Any) -> None:
        data = b""
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # a full window opens in steps of half of it
        while not data.endswith(b"}]}"):
            data = data[-8:] + peer.sock.recv(16384)
            time.sleep(0.005)
        peer.send(answer())

    monkeypatch.setattr(dialing, "_start", start_small)
    monkeypatch.setenv("SSL_CERT_FILE", tls[1])
    call = ask(serve_raw(play, tls=tls[0]).base_url, timeout=Timeouts(read=20, write=0.3))
    begun = time.monotonic()
    assert call(messages=[{"role": "user", "content": "x" * 1_400_000}]) == "mine"
    assert time.monotonic() - begun > 0.3


def test_a_server_that_takes_nothing(serve_raw: Any, ask: Any) -> None:
    """A server that takes nothing for as long as `write` allows is late, though interim answers drip from it."""

    def play(peer: Any) -> None:
        peer.sock.recv(1000)
        while not peer.ending.wait(0.02):
            peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")

    call = ask(serve_raw(play).base_url, timeout=Timeouts(read=20, write=0.1))
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError, match=r"did not take the request within 0\.1 s"):
        call(messages=LONG)
    assert time.monotonic() - begun < 1


def test_interim_answers_without_end_while_sending(serve_raw: Any, ask: Any, engine: str) -> None:
    """A server that floods a client with interim answers, and reads nothing, is given up, and fills no memory."""
    flood = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 500

    def play(peer: Any) -> None:
        peer.sock.recv(1000)
        while True:
            peer.send(flood)

    error, total = (ConnectionFailedError, 5.0) if engine == "own engine" else (RequestTimeoutError, 0.1)
    call = ask(serve_raw(play).base_url, timeout=Timeouts(read=20, total=total))
    with pytest.raises(error):
        call(messages=LONG)
