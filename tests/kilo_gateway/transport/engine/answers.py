"""Answers as bytes, ordinary and odd, with what the reader must make of them; and two ways to read them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import httpcore

from kilo_gateway.transport.engine.reader import Reader

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = None


class Answer(NamedTuple):
    """One answer."""

    data: bytes
    body: bytes | None
    """None when it must be refused."""
    may_be_kept: bool = False
    """Whether the connection may carry another request."""
    is_strict: bool = False
    """Whether httpx takes what is refused here."""
    is_lax: bool = False
    """Whether httpx refuses what is taken here."""


ANSWERS = {
    "length": Answer(OK + b"Content-Length: 2\r\n\r\n{}", b"{}", may_be_kept=True),
    "no body": Answer(OK + b"Content-Length: 0\r\n\r\n", b"", may_be_kept=True),
    "no reason": Answer(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", b"{}", may_be_kept=True),
    "until the end": Answer(OK + b"\r\n{}", b"{}"),
    "chunks": Answer(CHUNKED + b"1\r\n{\r\n01\r\n}\r\n0\r\n\r\n", b"{}", may_be_kept=True),
    "long chunk": Answer(CHUNKED + b"1F4\r\n" + b"x" * 500 + b"\r\n0\r\n\r\n", b"x" * 500, may_be_kept=True),
    "line ends in a chunk": Answer(CHUNKED + b"6\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n" * 3, may_be_kept=True),
    "chunk extension": Answer(CHUNKED + b'2;a=b;c="d"\r\n{}\r\n0;e\r\n\r\n', b"{}", may_be_kept=True),
    "trailer": Answer(CHUNKED + b"2\r\n{}\r\n0\r\nX-Cost: 1\r\n\r\n", b"{}", may_be_kept=True),
    "trailer that says close": Answer(
        CHUNKED + b"2\r\n{}\r\n0\r\nConnection: close\r\n\r\n", b"{}", may_be_kept=True
    ),
    "trailer with a coding": Answer(
        CHUNKED + b"2\r\n{}\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n", b"{}", may_be_kept=True, is_lax=True
    ),
    "interim answers": Answer(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nLink: a\r\n\r\n"
        b"HTTP/1.1 102 Processing\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\n{}",
        b"{}",
        may_be_kept=True,
    ),
    "204": Answer(b"HTTP/1.1 204 No Content\r\n\r\n", b"", may_be_kept=True),
    "204 with a length": Answer(b"HTTP/1.1 204 No Content\r\nContent-Length: 50\r\n\r\n", b""),
    "304 with a length": Answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n", b""),
    "upgrade offered": Answer(
        OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", b"{}", may_be_kept=True
    ),
    "close": Answer(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "close among others": Answer(OK + b"Connection: keep-alive,  Close\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "close on the second line": Answer(
        OK + b"Connection: keep-alive\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}"
    ),
    "version 1.0": Answer(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "version 1.0 kept": Answer(
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\n{}", b"{}", may_be_kept=True
    ),
    "version 1.0 in chunks": Answer(
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}"
    ),
    "version 1.0 until the end": Answer(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n{}", b"{}"),
    "blanks round values": Answer(OK + b"Content-Length: \t 2 \t\r\nX:\r\nY:  \r\n\r\n{}", b"{}", may_be_kept=True),
    "CHUNKED": Answer(OK + b"transfer-encoding: CHUNKED \t\r\n\r\n2\r\n{}\r\n0\r\n\r\n", b"{}", may_be_kept=True),
    "bytes above 127": Answer(
        b"HTTP/1.1 200 caf\xe9\r\nX: \xff\r\nContent-Length: 2\r\n\r\n{}", b"{}", may_be_kept=True
    ),
    # what is behind an answer is never one
    "an answer behind": Answer(OK + b"Content-Length: 2\r\n\r\n{}" + OK + b"Content-Length: 1\r\n\r\n!", b"{}"),
    "a line behind": Answer(OK + b"Content-Length: 2\r\n\r\n{}\r\n", b"{}"),
    "a byte behind nothing": Answer(OK + b"Content-Length: 0\r\n\r\n!", b""),
    "an answer behind chunks": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n" + CHUNKED + b"1\r\n!\r\n0\r\n\r\n", b"{}"),
    "a line behind chunks": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n\r\n", b"{}"),
    "a line feed behind chunks": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n\n", b"{}"),
    "lines behind chunks": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n\r\n\r\n", b"{}"),
    "an end behind chunks": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n\r\n0\r\n\r\n", b"{}"),
    "junk behind a close": Answer(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}junk", b"{}"),
    # what is not understood exactly
    "length and chunks": Answer(
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", REFUSED, is_strict=True
    ),
    "chunks and length": Answer(
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\n{}\r\n0\r\n\r\n", REFUSED, is_strict=True
    ),
    "two lengths": Answer(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}!", REFUSED),
    "a length twice": Answer(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", REFUSED, is_strict=True),
    "a list of lengths": Answer(OK + b"Content-Length: 2, 2\r\n\r\n{}", REFUSED, is_strict=True),
    "switching unasked": Answer(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n{}", REFUSED),
    "switching to nothing": Answer(b"HTTP/1.1 101 Switching\r\n\r\n" + OK + b"\r\n{}", REFUSED),
    "cut in the head": Answer(OK + b"Content-Len", REFUSED),
    "cut in the body": Answer(OK + b"Content-Length: 3\r\n\r\n{}", REFUSED),
    "cut in a chunk": Answer(CHUNKED + b"3\r\n{}", REFUSED),
    "cut before the last chunk": Answer(CHUNKED + b"2\r\n{}\r\n", REFUSED),
    "cut in the last chunk": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n", REFUSED),
    "cut in the last line end": Answer(CHUNKED + b"2\r\n{}\r\n0\r\n\r", REFUSED),
    "bare line feeds": Answer(b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", REFUSED, is_strict=True),
    "a bare line feed": Answer(OK + b"X: y\nContent-Length: 2\r\n\r\n{}", REFUSED, is_strict=True),
    "a lone carriage return": Answer(OK + b"X: y\rZ: a\r\nContent-Length: 2\r\n\r\n{}", REFUSED),
    "a NUL": Answer(OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}", REFUSED),
    "a folded line": Answer(OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", REFUSED, is_strict=True),
    "a blank before the colon": Answer(OK + b"Content-Length : 2\r\n\r\n{}", REFUSED),
    "no colon": Answer(OK + b"Content\r\nContent-Length: 2\r\n\r\n{}", REFUSED),
    "no name": Answer(OK + b": a\r\nContent-Length: 2\r\n\r\n{}", REFUSED),
    "a line before": Answer(b"\r\n" + OK + b"Content-Length: 2\r\n\r\n{}", REFUSED),
    "another protocol": Answer(b"SSH-2.0-OpenSSH_9.6\r\n", REFUSED),
    "TLS": Answer(b"\x15\x03\x01\x00\x02\x02\x46", REFUSED),
    **{
        f"version {version.decode()}": Answer(
            b"HTTP/" + version + b" 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            REFUSED,
            is_strict=version not in {b"1", b"11.1"},
        )
        for version in (b"0.9", b"1.2", b"2.0", b"1", b"11.1")
    },
    **{
        f"status {status.decode()}": Answer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}", REFUSED)
        for status in (b"20 OK", b"2000 OK", b"-20 OK", b"2x0 OK", b"OK", b"099 OK", b"")
    },
    **{
        f"length {value[:20].decode()}": Answer(OK + b"Content-Length: " + value + b"\r\n\r\n{}", REFUSED)
        for value in (b"-2", b"+2", b"0x2", b"2e0", b"2.0", b"", b"two", b"9" * 500, b"9223372036854775808", b"2 2")
    },
    **{
        f"coding {value.decode()}": Answer(
            OK + b"Transfer-Encoding: " + value + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n", REFUSED
        )
        for value in (b"gzip", b"gzip, chunked", b"chunked, gzip", b"xchunked", b"identity", b"chunked;q=1", b"")
    },
    "chunked twice": Answer(
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", REFUSED
    ),
    **{
        f"chunk line {line.decode('latin-1')!r}": Answer(CHUNKED + line + b"{}\r\n0\r\n\r\n", REFUSED)
        for line in (
            b"-2\r\n", b"+2\r\n", b"0x2\r\n", b"1_0\r\n", b"\r\n", b"F" * 17 + b"\r\n", b"8000000000000000\r\n",
            b"3\r\n", b"1\r\n", b"2\r", b"two\r\n", b"2\n", b"2;a\n",
        )
    },
    **{
        f"chunk line {line.decode('latin-1')!r}": Answer(CHUNKED + line + b"{}\r\n0\r\n\r\n", REFUSED, is_strict=True)
        for line in (b"2 \r\n", b"2\t\r\n", b"2;\r\n", b"2;\0\r\n", b"2;a\rb\r\n")
    },
    "a line feed behind a chunk": Answer(CHUNKED + b"2\r\n{}\n0\r\n\r\n", REFUSED),
    "a trailer with a length": Answer(
        CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 2\r\n\r\n", REFUSED, is_strict=True
    ),
    "a trailer without a colon": Answer(CHUNKED + b"2\r\n{}\r\n0\r\nX\r\n\r\n", REFUSED),
}  # fmt: skip


def read(pieces: Iterable[bytes]) -> tuple[Reader, bytes]:
    """Return the reader and the body of an answer that comes in these pieces and ends with the connection.

    Raises:
        httpx.RemoteProtocolError: it is refused.
    """
    reader, body = Reader(), b""
    coming = chain(pieces, [b""])
    while not reader.feed_head(next(coming)):
        pass
    rest = reader.take_rest()
    for data in chain([rest] if rest else [], coming):
        if not reader.is_whole:
            body += reader.feed(data)
        elif data:
            reader.is_spent = True  # found at the socket before the next request
    return reader, body


def read_by_httpx(data: bytes) -> bytes:
    """Return the body that httpx's own parser finds. Raises httpcore.RemoteProtocolError."""
    backend = httpcore.MockBackend([data])
    with httpcore.ConnectionPool(network_backend=backend) as pool:
        return pool.request("GET", "http://gateway.example/").content
