"""Bytes of a connection -> the head of an answer and its body. Reads no socket; decides where an answer ends.

llhttp checks the syntax of the head and takes chunks apart. Which framing a body has, and whether it is understood, is
decided here, before the body: llhttp reads some transfer codings to the end of the connection (RFC 9112, 6.3).
"""

from __future__ import annotations

import re
import sys
from enum import Enum

import httptools

from kilo_gateway.transport.engine.fields import Fields, tokens
from kilo_gateway.transport.engine.sink import Sink, TooManyLinesError
from kilo_gateway.transport.lazy_httpx import httpx

MAX_HEAD_BYTES = 64 * 1024
"""The most that the head may take with the interim answers before it, and the lines between two pieces of a body."""

MAX_INTERIM = 100

_END = b"\r\n\r\n"
_VERSION = b"HTTP/1."
_CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: |\r\n)")
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\0")
_LENGTH = re.compile(rb"[0-9]{1,18}\Z")
_INTERIM, _SWITCHING, _FINAL = 100, 101, 200
_NO_BODY = frozenset({204, 304})
_SHOWN = 40
_NO_FIELDS = Fields(())


def _illegal(begun: bytes) -> httpx.RemoteProtocolError:
    line = begun.splitlines()[0][:_SHOWN]
    return httpx.RemoteProtocolError(f"illegal status line: {line!r}")


def _feed(parser: httptools.HttpResponseParser, data: bytes) -> Exception | None:
    """Let llhttp read; return what it refuses.

    Raises what a signal handler raised while llhttp called us, such as KeyboardInterrupt: httptools hides it. That is
    looked at behind the `except`, so that an exception which the caller is handling is not taken for it.
    """
    failure = None
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as failed:
        failure = failed
    if isinstance(failure, httptools.HttpParserCallbackError):
        hidden = failure.__context__
        if hidden is not None and hidden is not sys.exception() and not isinstance(hidden, TooManyLinesError):
            raise hidden from None
    return failure


class Framing(Enum):
    """What says where a body ends."""

    LENGTH = "its length"
    CHUNKS = "its last chunk"
    CONNECTION = "the end of the connection"


# Python 3.11 takes 0.1 us to find a member of an enumeration, which each piece of a stream would pay.
_BY_LENGTH, _BY_CHUNKS, _BY_CONNECTION = Framing


class Reader:
    """Takes the bytes of one answer as they come: `feed_head` until it returns True, then `feed`.

    Every method raises httpx.RemoteProtocolError for what is not understood exactly.
    """

    def __init__(self) -> None:
        self.status = 0
        self.fields = _NO_FIELDS
        self.is_whole = False
        """Whether the answer has ended by its own framing."""
        self.is_spent = False
        """Whether the connection can carry no other answer: it says so, or a byte came behind the end of this one."""
        self.framing = _BY_LENGTH
        self._buffer = bytearray()
        self._head_bytes = 0
        self._interim = 0
        self._left = 0
        self._received = 0
        self._without_body = 0
        self._tail = b""
        self._failure: httpx.RemoteProtocolError | None = None

    def feed_head(self, data: bytes) -> bool:
        """Take what came; return whether the head of the final answer is whole. Empty data is the connection's end."""
        if not data:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        scanned = max(len(self._buffer) - len(_END) + 1, 0)
        self._buffer += data
        while True:
            self._check_beginning()
            end = self._buffer.find(_END, scanned)
            if end < 0:
                self._check_unfinished(scanned)
                return False
            end += len(_END)
            head, scanned = bytes(self._buffer[:end]), 0
            del self._buffer[:end]
            self._check_size(end)
            self._head_bytes += end
            if self._take_head(head):
                return True

    def take_rest(self) -> bytes:
        """Return what came behind the head, once; raise the fault that stood behind the last piece of the body."""
        if self._failure is not None:
            raise self._failure
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the body in what came; empty data is the connection's end."""
        if self._failure is not None:
            raise self._failure
        if not data:
            return self._end()
        if self.framing is _BY_CHUNKS:
            return self._feed_chunks(data)
        if self.framing is _BY_CONNECTION:
            return data
        self._received += len(data)
        self._left -= len(data)
        if self._left > 0:
            return data
        self.is_whole = True
        if self._left < 0:
            self.is_spent = True
            return data[: self._left]
        return data

    def _check_beginning(self) -> None:
        start = bytes(self._buffer[: len(_VERSION)])
        if not _VERSION.startswith(start):
            raise _illegal(bytes(self._buffer[:_SHOWN]))

    def _check_size(self, end: int) -> None:
        if self._head_bytes + end > MAX_HEAD_BYTES:
            raise httpx.RemoteProtocolError(f"the head of the answer is longer than {MAX_HEAD_BYTES >> 10} KiB")

    def _check_unfinished(self, scanned: int) -> None:
        """Refuse a head now that would be refused when it is whole: it may never be."""
        self._check_size(len(self._buffer))
        if _BARE.search(self._buffer, scanned):
            raise httpx.RemoteProtocolError("the head of the answer has a bare line end or a NUL in it")

    def _take_head(self, head: bytes) -> bool:
        line = _STATUS_LINE.match(head)
        if line is None or b"\0" in head:  # llhttp lets a NUL pass in the reason
            raise _illegal(head)
        self.status = int(line[2])
        if self.status == _SWITCHING:
            raise httpx.RemoteProtocolError("the server switched protocols, which nobody asked for")
        sink = Sink()
        if (failure := _feed(httptools.HttpResponseParser(sink), head)) is not None:
            reason = "too many lines" if isinstance(failure, httptools.HttpParserCallbackError) else failure
            raise httpx.RemoteProtocolError(f"the head of the answer is malformed: {reason}") from failure
        if _INTERIM <= self.status < _FINAL:
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise httpx.RemoteProtocolError(f"more than {MAX_INTERIM} interim answers")
            return False
        self.fields = Fields(sink.fields)
        self._frame(is_newer=line[1] == b"1")
        return True

    def _frame(self, *, is_newer: bool) -> None:
        """Decide where the body ends, and whether the connection may be kept (RFC 9112, 6.3 and 9.3)."""
        codings = self.fields.raw("transfer-encoding")
        lengths = self.fields.raw("content-length")
        options = tokens(self.fields.raw("connection"))
        may_keep = is_newer or ("keep-alive" in options and not codings)
        self.is_spent = "close" in options or not may_keep
        if codings and [coding.strip().lower() for coding in codings] != [b"chunked"]:
            raise httpx.RemoteProtocolError(f"the transfer coding {b', '.join(codings)[:_SHOWN]!r} is not understood")
        if lengths and (codings or len(lengths) > 1 or not _LENGTH.match(lengths[0].strip())):
            raise httpx.RemoteProtocolError(f"the Content-Length {b', '.join(lengths)[:_SHOWN]!r} is not understood")
        if self.status in _NO_BODY:
            self.is_whole = True
            self.is_spent = self.is_spent or bool(codings) or (bool(lengths) and int(lengths[0]) > 0)
        elif codings:
            self._begin_chunks()
        elif lengths:
            self._left = int(lengths[0])
            self.is_whole = not self._left
        else:
            self.framing = _BY_CONNECTION
            self.is_spent = True
        self.is_spent = self.is_spent or (self.is_whole and bool(self._buffer))

    def _begin_chunks(self) -> None:
        """Let another parser take the chunks apart, whose head leaves it no doubt of what they are."""
        self.framing = _BY_CHUNKS
        self._sink = Sink()
        self._parser = httptools.HttpResponseParser(self._sink)
        _feed(self._parser, _CHUNKED_HEAD)

    def _feed_chunks(self, data: bytes) -> bytes:
        sink = self._sink
        self._tail = data[-len(_END) - 1 :] if len(data) > len(_END) else (self._tail + data)[-len(_END) - 1 :]
        failure = _feed(self._parser, data)
        pieces = sink.pieces
        if sink.has_ended:
            self._end_chunks(is_clean=failure is None)
            del pieces[sink.whole_pieces :]
        elif failure is not None:
            self._failure = httpx.RemoteProtocolError(f"the chunks of the answer are malformed: {failure}")
            if not pieces:
                raise self._failure from failure
        else:
            self._without_body = 0 if pieces else self._without_body + len(data)
            if self._without_body > MAX_HEAD_BYTES:
                raise httpx.RemoteProtocolError(f"a chunk line is longer than {MAX_HEAD_BYTES >> 10} KiB")
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return body

    def _end_chunks(self, *, is_clean: bool) -> None:
        """Note the end, and whether it was the last byte: llhttp passes line ends behind an answer over in silence."""
        self.is_whole = True
        ends_there = self._tail.endswith(_END) and self._tail[:1] not in b"\r\n"
        if not is_clean or not ends_there or self._sink.begun > 1:
            self.is_spent = True

    def _end(self) -> bytes:
        self.is_spent = True
        if self.framing is _BY_CONNECTION:
            self.is_whole = True
            return b""
        what = "incomplete chunked read"
        if self.framing is _BY_LENGTH:
            what = f"received {self._received} bytes, expected {self._received + self._left}"
        raise httpx.RemoteProtocolError(f"peer closed connection without sending complete message body ({what})")
