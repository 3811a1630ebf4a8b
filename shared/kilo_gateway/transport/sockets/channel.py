"""One connection: a non-blocking socket, layers of TLS over it, and what came and was not read yet. Never waits."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import finalize

from kilo_gateway.transport.sockets.layers import WRITE_BYTES, Plain, Tls
from kilo_gateway.transport.sockets.waits import Wait

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Generator

    from kilo_gateway.transport.sockets.layers import Layer

_STATUS = len(b"HTTP/1.1 ")
_MOST_EARLY_BYTES = 64 * 1024
"""How much may come before the request is sent; beyond that, what it is becomes the reader's business."""


class AnswerCameError(OSError):
    """The answer is there before the request was sent whole."""


class Channel:
    """A connected socket as one exchange after another uses it."""

    def __init__(self, sock: socket.socket, connect_until: float | None) -> None:
        self.sock = sock
        finalize(self, sock.close).atexit = False  # in a reference circle the socket may be collected first, and warn
        self.connect_until = connect_until
        """When connecting must be over, the TLS handshake included."""
        self.is_closed = False
        self.tls: ssl.SSLObject | None = None
        self.wait: Wait | None = None
        """What is being waited for, if anything."""
        self._bottom = Plain(sock)
        self._top: Layer = self._bottom
        self._early = b""
        """What came while the request was being sent."""

    def take(self) -> bytes | None:
        """Return what has come: None for nothing yet, empty for the end. Raises OSError."""
        return self._take_early() or self._top.read()

    def is_quiet(self) -> bool:
        """Return whether nothing came since the answer, not even the end: only then it may carry the next request."""
        if self.is_closed or self._early:
            return False
        try:
            return self._top.read() is None
        except OSError:
            return False

    def take_held(self) -> bytes | None:
        """Return what is here already, without waiting for the socket: None for nothing, empty for the end.

        That is what came while the request was being sent, and the end that TLS has received. Raises OSError.
        """
        return self.take() if self._early or self._top.has_end else None

    def _take_early(self) -> bytes:
        data, self._early = self._early, b""
        return data

    def wait_for_bytes(self, until: float | None) -> Wait:
        """Return the wait for what comes next."""
        self.wait = Wait((self.sock,), (), until)
        return self.wait

    def write(self, data: bytes, end_of_wait: Callable[[], float | None]) -> Generator[Wait, bool, None]:
        """Send the bytes; an answer that comes meanwhile wins. Each wait for the server to take some has an end.

        Raises:
            AnswerCameError: the head of a final answer has begun to come.
            TimeoutError: the server took nothing for too long.
            OSError: the connection broke.
        """
        rest, is_large = memoryview(data), len(data) > WRITE_BYTES
        del data  # a traceback that shows what is held here shows no key
        sent, until = -1, None
        while True:
            taken = self._top.write(rest) if rest else 0
            rest = rest[taken:]
            if not rest and self._top.flush():
                if is_large:
                    self._look_for_answer()  # whoever answered before the end may never read the next request
                return
            if taken:
                continue
            self._look_for_answer()
            if sent != self._bottom.sent:
                sent, until = self._bottom.sent, end_of_wait()
            self.wait = Wait((self.sock,), (self.sock,), until)
            if self.wait.is_over() or not (yield self.wait):
                raise TimeoutError

    def _look_for_answer(self) -> None:
        data = self._top.read()
        if data == b"":
            raise AnswerCameError("the server closed the connection")
        self._early += data or b""
        if _is_final(self._early) or len(self._early) > _MOST_EARLY_BYTES:
            raise AnswerCameError("the answer came before the request was sent")

    def start_tls(self, context: ssl.SSLContext, host: str | None) -> Generator[Wait, bool, None]:
        """Put TLS on top. Raises TimeoutError, or OSError, as ssl.SSLError is."""
        layer = Tls(self._top, context, host)
        while not layer.shake_hands():
            self.wait = Wait((self.sock,), (), self.connect_until)
            if self.wait.is_over() or not (yield self.wait):
                raise TimeoutError
        self._top, self.tls = layer, layer.ssl_object

    def abort(self) -> None:
        """Close the socket at once; somebody who waits for it is woken first."""
        if self.is_closed:
            return
        self.is_closed = True
        if self.wait is not None and self.wait.wake is not None:
            self.wait.wake()
        with suppress(OSError):
            self.sock.close()


def _is_final(data: bytes) -> bool:
    """Return whether these bytes begin a final answer, after any number of interim ones."""
    while data[_STATUS : _STATUS + 1] == b"1":
        _, end, data = data.partition(b"\r\n\r\n")
        if not end:
            return False
    return len(data) > _STATUS
