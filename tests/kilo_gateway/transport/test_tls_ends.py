"""How TLS ends an answer, and what it sends between answers."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from kilo_gateway import ConnectionFailedError

from .played import JSON, answer, chunk

pytestmark = pytest.mark.usefixtures("engine")


@pytest.mark.parametrize("framing", ["until the end", "length", "chunked"])
def test_tls_that_is_cut(serve_raw: Any, ask: Any, tls: Any, monkeypatch: Any, framing: str) -> None:
    """A connection cut without TLS's close_notify ends no answer; one that is whole by its framing stands."""
    context, path = tls
    monkeypatch.setenv("SSL_CERT_FILE", path)
    body = JSON % b"mine"
    heads = {
        "until the end": b"Connection: close\r\n\r\n" + body,
        "length": b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body) + b"0\r\n\r\n",
    }

    def play(peer: Any) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n" + heads[framing])
        socket.socket(fileno=peer.sock.detach()).close()

    call = ask(serve_raw(play, tls=context).base_url)
    if framing == "until the end":
        with pytest.raises(ConnectionFailedError):
            call()
    else:
        assert call() == "mine"


def test_tls_connections_are_kept(serve_raw: Any, ask: Any, tls: Any, monkeypatch: Any, stream: bool) -> None:
    """Session tickets, which TLS 1.3 sends between answers, do not end a connection."""
    context, path = tls
    monkeypatch.setenv("SSL_CERT_FILE", path)

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer(stream=stream))

    server = serve_raw(play, tls=context)
    call = ask(server.base_url)
    assert [call(stream=stream) for _ in range(3)] == ["mine"] * 3
    assert server.requests == [1, 1, 1]


class _Records:
    """TLS by hand, so that several records can go out in one segment."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._run(self._tls.do_handshake)

    def _run(self, step: Any, *given: Any) -> Any:
        while True:
            try:
                return step(*given)
            except ssl.SSLWantReadError:
                self.flush()
                data = self._sock.recv(65536)
                if not data:
                    raise
                self._incoming.write(data)

    def read_request(self) -> bool:
        """Read a request; return whether there was one."""
        data = b""
        while not data.endswith(b"}]}"):
            try:
                data += self._run(self._tls.read, 65536)
            except ssl.SSLError:
                return False
        return True

    def add(self, data: bytes) -> None:
        """Make a record."""
        self._tls.write(data)

    def add_end(self) -> None:
        """Make a close_notify."""
        with suppress(ssl.SSLWantReadError):
            self._tls.unwrap()

    def flush(self, *, behind: bytes = b"") -> None:
        """Send what was made in one segment."""
        self._sock.sendall(self._outgoing.read() + behind)


@pytest.mark.parametrize("then", ["end", "false record"])
@pytest.mark.parametrize("framing", ["until the end", "length", "chunked", "cut"])
def test_an_end_in_the_segment_of_the_answer(
    serve_raw: Any, ask: Any, tls: Any, monkeypatch: Any, framing: str, then: str
) -> None:
    """What TLS tells behind an answer, in its segment, counts at once: the socket may never tell of it again."""
    context, path = tls
    monkeypatch.setenv("SSL_CERT_FILE", path)
    body = JSON % b"mine"
    framed = {
        "until the end": b"Connection: close\r\n\r\n" + body,
        "length": b"Content-Length: %d\r\n\r\n" % len(body) + body,
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body) + b"0\r\n\r\n",
        "cut": b"Transfer-Encoding: chunked\r\n\r\n" + chunk(body),
    }[framing]

    def play(peer: Any) -> None:
        records = _Records(peer.sock, context)
        while records.read_request():
            records.add(b"HTTP/1.1 200 OK\r\n" + framed)
            if then == "end":
                records.add_end()
            records.flush(behind=b"\x17\x03\x03\0\x20" + bytes(32) if then == "false record" else b"")

    call = ask(serve_raw(play).base_url.replace("http:", "https:"))
    begun = time.monotonic()
    if framing == "cut" or (framing, then) == ("until the end", "false record"):
        with pytest.raises(ConnectionFailedError):
            call()
    else:
        assert [call() for _ in range(2)] == ["mine"] * 2
    assert time.monotonic() - begun < 2


def test_a_server_with_many_tickets(serve_raw: Any, ask: Any, authority: Any) -> None:
    """Two hundred session tickets behind the handshake are neither an answer nor the end of a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 200
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(answer())

    server = serve_raw(play, tls=context)
    call = ask(server.base_url)
    assert [call() for _ in range(3)] == ["mine"] * 3
    assert server.requests == [1, 1, 1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("then", ["closes", "stays"])
def test_goodbye_on_an_idle_connection(
    serve_raw: Any, ask: Any, authority: Any, version: ssl.TLSVersion, then: str
) -> None:
    """A server that says close_notify between two calls, as most do, costs no failure: the next call has a new one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    authority.issue_cert("127.0.0.1").configure_cert(context)
    said = threading.Event()

    def play(peer: Any) -> None:
        peer.request()
        peer.send(answer())
        peer.sock.setblocking(False)
        with suppress(ssl.SSLWantReadError, ValueError):  # the second time the test may have ended, and closed it
            peer.sock.unwrap()
        said.set()
        if then == "stays":
            peer.ending.wait(5)

    server = serve_raw(play, tls=context)
    call = ask(server.base_url)
    assert call() == "mine"
    assert said.wait(2)
    assert call() == "mine"
    assert server.requests == [1, 2]
