"""A bare HTTP server in a thread of its own."""

from __future__ import annotations

import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class WireServer:
    """A bare HTTP server for what the embedded gateway does not do: TLS, proxying, bytes in one write."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    tls: ssl.SSLContext | None = None
    targets: list[str] = field(default_factory=list)
    """The request targets as sent."""
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: set[Any] = field(default_factory=set)

    def start(self, stack: ExitStack) -> None:
        """Serve until the stack ends."""
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                wire.targets.append(self.path)
                wire.headers.append({name.lower(): value for name, value in self.headers.items()})
                wire.connections.add(self.client_address)
                self.rfile.read(int(self.headers.get("content-length", 0)))
                wire.answer(self)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A client that goes away is part of many tests."""

        self.server: socketserver.TCPServer = Server(("127.0.0.1", 0), Handler)
        if self.tls is not None:
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        stack.callback(thread.join, 5)
        stack.callback(self.server.server_close)
        stack.callback(self.server.shutdown)

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server.server_address[1]}"
