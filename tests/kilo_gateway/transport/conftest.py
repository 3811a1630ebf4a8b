"""A server that plays bytes: each connection is given to a function, and what the client did is noted."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from .played import ASK, GIVEN


@pytest.fixture(params=["own engine", "httpx"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What carries direct connections."""
    if request.param == "httpx":
        monkeypatch.setenv("KILOCODE_HTTP_ENGINE", "httpx")
    return str(request.param)


class Peer:
    """One connection as the server sees it."""

    def __init__(self, sock: socket.socket, number: int, server: RawServer) -> None:
        self.sock = sock
        self.ending = server.ending
        self.number = number
        self._server = server

    def request(self) -> bytes:
        """Return the next request whole; empty when the client has gone."""
        data = bytearray()
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            more = self.sock.recv(65536)
            if not more:
                return b""
            body += more
        self._server.requests.append(self.number)
        return bytes(head + b"\r\n\r\n" + body)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(data)

    def wait_for_close(self) -> None:
        """Note when the client has closed."""
        with suppress(OSError):
            while self.sock.recv(65536):
                pass
        self._server.closed.append(time.monotonic())
        self._server.has_closed.set()


class RawServer:
    """Gives each connection to `play`, in a thread."""

    def __init__(self, play: Callable[[Peer], None], tls: ssl.SSLContext | None, host: str) -> None:
        self.requests: list[int] = []
        """The number of the connection that each request came on."""
        self.closed: list[float] = []
        self.has_closed = threading.Event()
        self.ending = threading.Event()
        self._play, self._tls = play, tls
        self._listener = socket.create_server(
            (host, 0), backlog=128, family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port = self._listener.getsockname()[1]
        self.base_url = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{self.port}/"
        self._peers: list[Any] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._peers.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: Any, number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is held back is lost in a close
        with suppress(OSError), sock:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._peers.append(sock)
            with sock:
                self._play(Peer(sock, number, self))

    def close(self) -> None:
        """End every connection."""
        self.ending.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(2)


@pytest.fixture
def serve_raw() -> Iterator[Callable[..., RawServer]]:
    """Start servers that play bytes."""
    with ExitStack() as stack:

        def start(
            play: Callable[[Peer], None], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
        ) -> RawServer:
            server = RawServer(play, tls, host)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Whether answers are streamed."""
    return bool(request.param)


@pytest.fixture
def ask(open_session: Any) -> Any:
    """Make calls to a base URL: a function that returns the text of one."""

    def connect(base_url: str, **options: Any) -> Any:
        session = open_session(base_url=base_url, **{**GIVEN, **options})

        def call(*, stream: bool = False, messages: Any = ASK) -> str:
            if not stream:
                return str(session.complete(messages).text)
            streamed = session.stream(messages)
            if streamed.error is not None:
                raise streamed.error
            return str(streamed.text)

        return call

    return connect


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    """A server's TLS context, and the file that makes its issuer known."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return context, str(path)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An issuer that the environment names."""
    made = trustme.CA()
    path = tmp_path / "ca.pem"
    made.cert_pem.write_to_path(str(path))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return made
