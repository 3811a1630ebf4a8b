"""One connection: a non-blocking socket, layers of TLS over it, and what came and was not read yet. Never waits."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from kilo_gateway.transport.sockets.waits import Wait

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Generator

    from kilo_gateway.transport.outgoing import Bounds

READ_BYTES = 64 * 1024
_WRITE_BYTES = 256 * 1024
"""How much is offered to the socket at once; an answer is looked for when it takes no more."""
_STATUS = len(b"HTTP/1.1 ")
_MOST_EARLY_BYTES = 64 * 1024
"""How much may come before the request is sent; beyond that, what it is becomes the reader's business."""
_MOST_RECEIVED = 64
"""How often TLS takes bytes that hold no text, such as tickets, before who waits looks at the clock."""


class AnswerCameError(OSError):
    """The answer is there before the request was sent whole."""


class _Layer(Protocol):
    has_end: bool
    """Whether the end, or a failure, was received behind what was read: the socket may never tell of it again."""

    def read(self) -> bytes | None:
        """Return what has come: None for nothing yet, empty for the end."""

    def write(self, data: memoryview) -> int:
        """Return how many of the bytes were taken."""

    def flush(self) -> bool:
        """Return whether all that was taken is on its way."""


class _Plain:
    has_end = False

    def __init__(self, sock: socket.socket) -> None:
        self.sent = 0
        """How many bytes the socket has taken."""
        self._sock = sock

    def read(self) -> bytes | None:
        try:
            return self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return None

    def write(self, data: memoryview) -> int:
        try:
            taken = self._sock.send(data[:_WRITE_BYTES])
        except (BlockingIOError, InterruptedError):
            return 0
        self.sent += taken
        return taken

    def flush(self) -> bool:
        return True


class _Tls:
    """TLS over another layer. An end without close_notify is an error of ssl's, as it must be (RFC 9112, 9.8)."""

    def __init__(self, lower: _Layer, context: ssl.SSLContext, host: str | None) -> None:
        self._lower = lower
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.has_end = False
        self._unsent = memoryview(b"")
        self._failure: OSError | None = None

    def read(self) -> bytes | None:
        """Return all that was received: nothing stays in TLS, so that who waits for the socket waits for all."""
        records: list[bytes] = []
        received = 0
        while True:
            try:
                if self._failure is not None:
                    raise self._failure
                record = self.ssl_object.read(READ_BYTES)
                if not record:  # close_notify
                    self.has_end = True
                    break
                records.append(record)
            except ssl.SSLWantReadError:
                if records:
                    break
                if received == _MOST_RECEIVED or not self._receive():
                    return None
                received += 1
            except OSError as failure:
                self.has_end, self._failure = True, failure  # told when what came before it is read
                if not records:
                    raise
                break
        return records[0] if len(records) == 1 else b"".join(records)

    def _receive(self) -> bool:
        """Take what the layer below has; return whether there was anything, be it the end."""
        with suppress(OSError):  # what cannot be sent any more hides no answer
            self.flush()
        data = self._lower.read()
        if data:
            self._incoming.write(data)
        elif data is not None:
            self._incoming.write_eof()
        return data is not None

    def write(self, data: memoryview) -> int:
        if not self.flush():
            return 0
        try:
            taken = self.ssl_object.write(data[:_WRITE_BYTES])
        except ssl.SSLWantReadError:
            return 0
        self.flush()
        return taken

    def flush(self) -> bool:
        while self._unsent or self._outgoing.pending:
            self._unsent = self._unsent or memoryview(self._outgoing.read())
            taken = self._lower.write(self._unsent)
            if not taken:
                return False
            self._unsent = self._unsent[taken:]
        return self._lower.flush()

    def shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is done."""
        for _ in range(_MOST_RECEIVED):
            try:
                self.ssl_object.do_handshake()
            except ssl.SSLWantReadError:
                if not self._receive():
                    return False
            else:
                return True
            finally:
                self.flush()
        return False


class Channel:
    """A connected socket as one exchange after another uses it. Whoever holds it sets `bounds`, and takes them off."""

    def __init__(self, sock: socket.socket, connect_until: float | None) -> None:
        self.sock = sock
        self.connect_until = connect_until
        """When connecting must be over, the TLS handshake included."""
        self.bounds: Bounds | None = None
        self.is_closed = False
        self.tls: ssl.SSLObject | None = None
        self.wait: Wait | None = None
        """What is being waited for, if anything."""
        self._bottom = _Plain(sock)
        self._top: _Layer = self._bottom
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
        rest = memoryview(data)
        del data  # a traceback that shows what is held here shows no key
        sent, until = -1, None
        while True:
            taken = self._top.write(rest) if rest else 0
            rest = rest[taken:]
            if not rest and self._top.flush():
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
        layer = _Tls(self._top, context, host)
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
