"""Streams over real HTTP, whole and broken, cut into many pieces, for both clients."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import orjson
import pytest

from kilo_gateway import (
    BadRequestError,
    ConnectionFailedError,
    GatewayError,
    MalformedAnswerError,
    ServerError,
    TruncatedStreamError,
)
from kilo_gateway.testing import Fault, Reply

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
DONE = b"data: [DONE]\n\n"


def event(delta: Any = None, **choice: Any) -> bytes:
    """Return the bytes of one chunk."""
    return b"data: " + orjson.dumps({"id": "gen-1", "model": "m/n", "choices": [{"delta": delta, **choice}]}) + b"\n\n"


def token(text: str) -> bytes:
    """Return the bytes of one chunk of text."""
    return event({"content": text})


STOP = event({"content": ""}, finish_reason="stop")


@pytest.mark.parametrize("pieces", [[7], [64, 1], None], ids=str)
@pytest.mark.parametrize("name", ["recorded/streaming_reasoning.sse", "synthetic/newest-tools-claude.sse"])
def test_a_recorded_stream_in_any_pieces(connect: Any, gateway: Any, name: str, pieces: Any) -> None:
    """A recorded stream gives the same answer however the network cuts it."""
    data = (SAMPLES / name).read_bytes()
    data = data[: data.index(b"\n\n", 4000) + 2] + STOP + DONE if len(data) > 5000 else data
    gateway.enqueue(Reply.from_sse(data), Reply.from_sse(data, pieces=pieces))
    session = connect()
    whole, cut = session.stream(), session.stream()
    assert (whole.error, cut.error) == (None, None)
    assert cut.completion.body == whole.completion.body
    assert [delta.text for delta in cut.deltas] == [delta.text for delta in whole.deltas]
    assert whole.deltas


@pytest.mark.parametrize("ending", [b"", b"\n", b": the end\n\n"])
def test_an_end_without_finish_reason_is_no_success(connect: Any, gateway: Any, ending: bytes) -> None:
    """A stream that ends orderly, but without a finish reason, raises; its tokens were delivered."""
    gateway.enqueue(Reply(events=[token("Hel"), token("lo"), ending]))
    streamed = connect().stream()
    assert isinstance(streamed.error, TruncatedStreamError)
    assert streamed.text == streamed.error.partial.text == streamed.completion.text == "Hello"
    assert len(gateway.requests) == 1


def test_done_behind_content_is_enough(connect: Any, gateway: Any) -> None:
    """`[DONE]` says as well as a finish reason that all has come; behind nothing it ends no answer."""
    gateway.enqueue(Reply(events=[token("Hello"), DONE]), Reply(events=[DONE], times=9))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("Hello", None)
    assert streamed.completion.finish_reason is None
    assert isinstance(connect().stream().error, TruncatedStreamError)


def test_a_finish_reason_without_done_is_enough(connect: Any, gateway: Any) -> None:
    """An answer with its finish reason is whole, whether `[DONE]` came or not."""
    gateway.enqueue(Reply(events=[token("Hello"), STOP]))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("Hello", None)


@pytest.mark.parametrize("size", [150, 260, 263])
def test_a_cut_inside_a_chunk(connect: Any, gateway: Any, size: int) -> None:
    """A connection lost inside an event raises, keeps the tokens, and is not retried."""
    reply = Reply(events=[token("Hel"), token("lo"), token(" you"), STOP, DONE])
    gateway.enqueue(Fault(cut_after_bytes=size, reply=reply))
    streamed = connect().stream()
    assert isinstance(streamed.error, ConnectionFailedError)
    assert streamed.text in {"Hel", "Hello", "Hello you"}
    assert streamed.error.partial.text == streamed.text
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("line", [b'data: {"choices": [{"delta": {"content": "x"\n\n', b"data: 7\n\n", b"data: []\n\n"])
def test_a_malformed_event_is_quoted(connect: Any, gateway: Any, line: bytes) -> None:
    """An event that is no JSON object raises an error that quotes it; the tokens before it were delivered."""
    gateway.enqueue(Reply(events=[token("Hel"), line, token("lo"), STOP, DONE]))
    streamed = connect().stream()
    assert isinstance(streamed.error, MalformedAnswerError)
    assert line[6:].decode().strip() in str(streamed.error)
    assert streamed.text == "Hel"


def test_a_huge_malformed_event_is_quoted_in_part(connect: Any, gateway: Any) -> None:
    """The quotation of a broken event is bounded."""
    gateway.enqueue(Reply(events=[b"data: " + b"x" * 100_000 + b"\n\n"]))
    error = connect().fail(stream=True)
    assert isinstance(error, MalformedAnswerError)
    assert len(str(error)) < 1000


@pytest.mark.parametrize("pieces", [[1], [5], None], ids=str)
def test_unusual_line_ends_are_text(connect: Any, gateway: Any, pieces: Any) -> None:
    """U+2028, U+2029 and U+0085 inside JSON strings are text."""
    text = "a\u2028b\u2029c\u0085d"
    line = b'data: {"choices":[{"delta":{"content":"' + text.encode() + b'"}}]}\n\n'
    gateway.enqueue(Reply(events=[line, STOP, DONE], pieces=pieces))
    assert connect().stream().text == text


@pytest.mark.parametrize("pieces", [[1], [3], None], ids=str)
def test_every_way_to_write_an_event(connect: Any, gateway: Any, pieces: Any) -> None:
    """A BOM, CR, LF and CRLF mixed, fields without a space, unknown fields and comments change nothing."""
    body = (
        b"\xef\xbb\xbf: hello\r\n\r\n"
        b'event: message\rid: 7\rretry: 10\rdata:{"choices":[{"delta":{"content":"A"}}]}\r\r'
        b'nonsense: x\n: c\ndata: {"choices":[{"delta":\ndata: {"content":"B"}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"C"},"finish_reason":"stop"}]}\r\n\r\ndata:[DONE]\r\n\r\n'
    )
    gateway.enqueue(Reply(events=[body], pieces=pieces))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("ABC", None)


def test_odd_chunks_are_ignored(connect: Any, gateway: Any) -> None:
    """Chunks without choices, delta, content or usage add nothing and break nothing."""
    odd: list[Any] = [
        {"choices": None},
        {"choices": []},
        {"choices": [None]},
        {"choices": [{"delta": None}]},
        {"choices": [{}]},
        {"choices": [{"delta": {"content": None}}], "usage": None},
        {},
        {"error": None, "choices": [{"index": None, "delta": {"tool_calls": None, "reasoning": None}}]},
    ]
    events = [b"data: " + orjson.dumps(one) + b"\n\n" for one in odd]
    gateway.enqueue(Reply(events=[*events, token("Hel"), *events, token("lo"), STOP, *events, DONE]))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("Hello", None)
    assert len(streamed.completion.choices) == 1


@pytest.mark.parametrize("body", ["html", "<html>Sign in to WiFi</html>"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_web_page_in_the_place_of_an_answer(connect: Any, gateway: Any, stream: bool, body: str) -> None:
    """A page with status 200 is a typed error with the status and the page's beginning."""
    gateway.enqueue(Fault(status=200, body=body, times=9))
    error = connect().fail(stream=stream)
    assert isinstance(error, MalformedAnswerError)
    assert error.status == 200
    assert "web page" in str(error)
    assert error.snippet.lower().startswith(("<!doctype html", "<html"))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_nothing_in_the_place_of_an_answer(connect: Any, gateway: Any, stream: bool) -> None:
    """An empty body, blanks or what is no object with status 200 is a typed error."""
    session = connect(max_retries=0)
    for body in (None, " \n ", "OK", "[]", "null", "{"):
        gateway.enqueue(Fault(status=200, body=body))
        assert isinstance(session.fail(stream=stream), MalformedAnswerError), body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_without_a_finished_choice(connect: Any, gateway: Any, stream: bool) -> None:
    """A 200 is no success until a choice with a finish reason, or with anything else, was seen."""
    session = connect(max_retries=0)
    bodies: list[Any] = [{"choices": []}, {"choices": None}, {}, {"choices": [None, 7]}]
    bodies.append({"id": "gen-1", "choices": [{"message": {"content": ""}, "finish_reason": None}]})
    for body in bodies:
        gateway.enqueue(Reply(body=body))
        assert isinstance(session.fail(stream=stream), MalformedAnswerError | TruncatedStreamError), body


def test_a_whole_answer_to_a_streamed_request(connect: Any, gateway: Any) -> None:
    """A JSON answer in the place of a stream is the answer, delivered as deltas."""
    gateway.enqueue(Fault(as_json=True, reply=Reply(text="All at once.")))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("All at once.", None)
    assert streamed.completion.finish_reason == "stop"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 400, "message": "Not so"}}, BadRequestError),
        ({"error": "Not so"}, ServerError),
        ({"error": {"message": "Not so"}}, ServerError),
    ],
)
def test_an_error_object_in_the_place_of_a_stream(connect: Any, gateway: Any, body: Any, kind: type) -> None:
    """One JSON error object with status 200 is raised with its message."""
    gateway.enqueue(Fault(status=200, body=body, times=9))
    error = connect(max_retries=0).fail(stream=True)
    assert isinstance(error, kind)
    assert isinstance(error, GatewayError)
    assert "Not so" in str(error)


@pytest.mark.parametrize("trailing", [b"", b": late\n\n", token("late")], ids=["nothing", "comment", "event"])
def test_nothing_after_done_is_waited_for(connect: Any, gateway: Any, trailing: bytes) -> None:
    """The call returns at `[DONE]`, whatever follows and however long the connection stays open."""
    gateway.enqueue(Fault(trailing=trailing, hold_seconds=30, reply=Reply(text="Hello")))
    begun = time.monotonic()
    streamed = connect(timeout=5).stream()
    assert (streamed.text, streamed.error) == ("Hello", None)
    assert time.monotonic() - begun < 2
    assert gateway.wait_until(lambda: gateway.open_streams == 0, 2)


@pytest.mark.parametrize("coalesced", [True, False], ids=["one-write", "two-writes"])
def test_a_finished_stream_gives_its_connection_back(open_session: Any, serve: Any, coalesced: bool) -> None:
    """The next call uses the same connection, whether the end of the body came with `[DONE]` or just after it."""
    body = token("Hello") + STOP + DONE

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.send_header("transfer-encoding", "chunked")
        request.end_headers()
        chunk = b"%x\r\n%s\r\n" % (len(body), body)
        request.wfile.write(chunk + b"0\r\n\r\n" if coalesced else chunk)
        if not coalesced:
            request.wfile.write(b"0\r\n\r\n")

    server = serve(answer)
    session = open_session(base_url=server.origin, api_key="k" * 20, model="a/b")
    assert [session.stream().text for _ in range(3)] == ["Hello"] * 3
    assert len(server.connections) == 1


def test_the_completion_grows_with_the_stream(connect: Any, gateway: Any) -> None:
    """`completion` may be read at any time: before, in the middle, and after the end."""
    gateway.enqueue(Reply(text="one two three"))
    session = connect()
    assert session.client.stream([{"role": "user", "content": "x"}]).completion.text == ""
    assert session.stream(first=2).completion.text not in {"", "one two three"}
    assert session.stream().completion.text != ""


def test_a_character_cut_over_two_events(connect: Any, gateway: Any) -> None:
    """A gateway can be made to cut a character in two, and the client puts it together."""
    halves: list[Any] = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("hi \ud83d", "\ude00!")]
    gateway.enqueue(Reply(events=[*halves, STOP, DONE]))
    assert connect().stream().text == "hi \U0001f600!"
