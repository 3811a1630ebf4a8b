"""What lies between an exchange and its socket: nothing, or TLS, which may lie on TLS. Never waits."""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import socket

READ_BYTES = 64 * 1024
WRITE_BYTES = 256 * 1024
"""How much is offered to the socket at once; an answer is looked for when it takes no more."""
_MOST_RECEIVED = 64
"""How often TLS takes bytes that hold no text, such as tickets, before its caller looks at the clock."""


class Layer(Protocol):
    """What bytes go through."""

    has_end: bool
    """Whether the end, or a failure, was received behind what was read: the socket may never tell of it again."""

    def read(self) -> bytes | None:
        """Return what has come: None for nothing yet, empty for the end."""

    def write(self, data: memoryview) -> int:
        """Return how many of the bytes were taken."""

    def flush(self) -> bool:
        """Return whether all that was taken is on its way."""


class Plain:
    """The socket itself."""

    has_end = False

    def __init__(self, sock: socket.socket) -> None:
        self.sent = 0
        """How many bytes the socket has taken."""
        self._sock = sock

    def read(self) -> bytes | None:
        """Return what the socket has."""
        try:
            return self._sock.recv(READ_BYTES)
        except (BlockingIOError, InterruptedError):
            return None

    def write(self, data: memoryview) -> int:
        """Offer the socket some bytes."""
        try:
            taken = self._sock.send(data[:WRITE_BYTES])
        except (BlockingIOError, InterruptedError):
            return 0
        self.sent += taken
        return taken

    def flush(self) -> bool:
        """Hold nothing back."""
        return True


class Tls:
    """TLS over another layer. An end without close_notify is an error of ssl's, as it must be (RFC 9112, 9.8)."""

    def __init__(self, lower: Layer, context: ssl.SSLContext, host: str | None) -> None:
        self._lower = lower
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl_object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.has_end = False
        self._unsent = memoryview(b"")
        self._failure: OSError | None = None

    def read(self) -> bytes | None:
        """Return all that was received. Nothing stays in TLS, so that waiting for the socket is enough."""
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
        """Encrypt some bytes, when those before them are on their way."""
        if not self.flush():
            return 0
        try:
            taken = self.ssl_object.write(data[:WRITE_BYTES])
        except ssl.SSLWantReadError:
            return 0
        self.flush()
        return taken

    def flush(self) -> bool:
        """Hand on what was encrypted."""
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
