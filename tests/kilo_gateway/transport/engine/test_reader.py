"""Where an answer ends, and what is no answer: the same however its bytes are split."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import tracemalloc
from typing import Any

import httpcore
import httpx
import pytest

from kilo_gateway.transport.engine.blocking import EngineResponse
from kilo_gateway.transport.engine.looped import AsyncEngineResponse
from kilo_gateway.transport.engine.reader import MAX_HEAD_BYTES, MAX_INTERIM, Reader
from kilo_gateway.transport.engine.sink import MAX_LINES, Sink
from kilo_gateway.transport.httpcore_path.blocking import _HttpcoreResponse
from kilo_gateway.transport.httpcore_path.looped import _AsyncHttpcoreResponse

from .answers import ANSWERS, CHUNKED, OK, REFUSED, Answer, read, read_by_httpx

EACH = pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)


def check(answer: Answer, pieces: list[bytes]) -> None:
    """Hold what is read against what must be."""
    if answer.body is REFUSED:
        with pytest.raises(httpx.RemoteProtocolError):
            read(pieces)
    else:
        reader, body = read(pieces)
        assert (body, not reader.is_spent) == (answer.body, answer.may_be_kept)


@EACH
def test_whole(answer: Answer) -> None:
    """An answer in one piece is its body, or is refused."""
    check(answer, [answer.data])


@EACH
def test_byte_by_byte(answer: Answer) -> None:
    """An answer in single bytes is the same."""
    check(answer, [answer.data[index : index + 1] for index in range(len(answer.data))])


@EACH
def test_every_split(answer: Answer) -> None:
    """An answer in two pieces is the same, wherever it is split."""
    for index in range(1, len(answer.data)):
        check(answer, [answer.data[:index], answer.data[index:]])


@EACH
def test_as_httpx(answer: Answer) -> None:
    """What httpx reads is read alike, but for what is refused here on purpose."""
    try:
        body = read_by_httpx(answer.data)
    except httpcore.RemoteProtocolError:
        assert answer.body is REFUSED or answer.is_lax
        assert not answer.is_strict
    else:
        assert answer.is_strict or body == answer.body


@pytest.mark.parametrize(
    "data",
    [
        OK + b"X: " + b"y" * 2_000_000,
        OK + b"X: y\r\n" * 30_000,
        OK + b"X: y\r\n" * (MAX_LINES + 1) + b"\r\n",
        b"HTTP/1.1 200 " + b"O" * 2_000_000,
        b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 1000 + b"\r\n\r\n" * 30_000,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * (MAX_INTERIM + 1) + OK + b"Content-Length: 2\r\n\r\n{}",
        CHUNKED + b"2;a=" + b"b" * 2_000_000,
        CHUNKED + b"2\r\n{}\r\n0\r\nX: " + b"y" * 2_000_000,
        CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 30_000,
    ],
    ids=["line", "lines", "short lines", "reason", "interim head", "interim answers", "chunk", "trailer", "trailers"],
)
@pytest.mark.parametrize("size", [1000, 65536, 262_144])
def test_one_ceiling(data: bytes, size: int) -> None:
    """Whatever goes on without a body is refused, with little memory taken."""
    tracemalloc.start()
    with pytest.raises(httpx.RemoteProtocolError):
        read(data[start : start + size] for start in range(0, len(data), size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MAX_HEAD_BYTES + 7 * size


def test_an_announced_length_takes_no_memory() -> None:
    """A body of nearly 2^60 bytes is taken as it comes."""
    reader = Reader()
    assert reader.feed_head(OK + b"Content-Length: 999999999999999999\r\n\r\n{")
    assert reader.feed(reader.take_rest()) == b"{"
    assert not reader.is_whole


def test_what_came_before_a_fault_is_handed_on() -> None:
    """Chunks before a malformed one are read in one piece as they are byte by byte; the fault follows."""
    reader = Reader()
    assert reader.feed_head(CHUNKED + b"2\r\n{}\r\nx\r\n")
    assert reader.feed(reader.take_rest()) == b"{}"
    for ask in (reader.take_rest, lambda: reader.feed(b"2\r\n{}\r\n")):
        with pytest.raises(httpx.RemoteProtocolError, match="malformed"):
            ask()


def test_fields_are_looked_up_without_case() -> None:
    """Fields of one name are joined; a byte above 127 is a character; a trailer is none of them."""
    reader, _ = read([CHUNKED.replace(b"\r\n\r\n", b"\r\nX-A: caf\xe9\r\nx-a:  b \r\n\r\n") + b"0\r\nX-A: c\r\n\r\n"])
    fields = reader.fields
    assert (fields["X-A"], fields.get("x-A"), fields.get("x-b"), "X-a" in fields) == ("café, b", "café, b", None, True)
    assert list(fields) == ["transfer-encoding", "x-a"]


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"SSH-2.0-x\r\n", "SSH-2.0-x"), (b"\x15\x03\x03\x00", r"\\x15\\x03\\x03"), (b"HTTP/2 200\r\n", "HTTP/2 200")],
)
def test_another_protocol_is_quoted(data: bytes, said: str) -> None:
    """What is no HTTP/1 is told as soon as it is seen, without waiting for more."""
    with pytest.raises(httpx.RemoteProtocolError, match=rf"illegal status line: b'{said}"):
        Reader().feed_head(data)


def test_fields_travel() -> None:
    """Fields can be pickled and copied with the answer they belong to, and show no value."""
    reader, _ = read([OK + b"Set-Cookie: secret\r\nContent-Length: 0\r\n\r\n"])
    for again in (pickle.loads(pickle.dumps(reader.fields)), copy.deepcopy(reader.fields)):
        assert dict(again) == dict(reader.fields) == {"set-cookie": "secret", "content-length": "0"}
    assert "secret" not in repr(reader.fields)


@pytest.mark.parametrize("pieces", [[OK + b"A b\r\n\r\n"], [CHUNKED, b"zz\r\n"]], ids=["head", "chunks"])
def test_a_malformed_answer_while_an_error_is_handled(pieces: list[bytes]) -> None:
    """A call that is made behind `except`, as a fallback, fails with its own error."""
    try:
        {}["another call"]
    except KeyError:
        with pytest.raises(httpx.RemoteProtocolError):
            read(pieces)


@pytest.mark.parametrize("place", ["on_header", "on_message_begin", "on_message_complete"])
@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, TimeoutError])
def test_a_signal_within_the_parser(
    place: str, interruption: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a signal handler raises while the parser is at work is raised, and is not taken for a malformed answer."""

    def interrupt(*_: object) -> None:
        raise interruption

    monkeypatch.setattr(Sink, place, interrupt)
    with pytest.raises(interruption):
        read([CHUNKED, b"0\r\n\r\n"])


def test_a_signal_before_the_first_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same between the head and the chunks, where another parser begins."""
    begun: list[None] = []

    def interrupt(*_: object) -> None:
        begun.append(None)
        if len(begun) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Sink, "on_message_begin", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read([CHUNKED])


@pytest.mark.parametrize("kind", [EngineResponse, AsyncEngineResponse, _HttpcoreResponse, _AsyncHttpcoreResponse])
def test_a_signal_while_a_response_is_made(kind: Any) -> None:
    """A response whose constructor was interrupted is dropped in silence: who made it closes the connection."""

    class Interrupted:
        def __getattr__(self, name: str) -> Any:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kind(*[Interrupted()] * (len(inspect.signature(kind.__init__).parameters) - 1))
    gc.collect()
