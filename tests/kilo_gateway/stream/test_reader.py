"""The reader of streamed answers: any cut of the bytes, any order of misfortunes, one outcome."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from kilo_gateway import Completion, Delta, GatewayError, KiloError, MalformedAnswerError, TruncatedStreamError
from kilo_gateway.stream.reader import MAX_PLAIN_BYTES, StreamReader

SAMPLES = {path.stem: path for path in (Path(__file__).parents[2] / "data" / "samples").rglob("*.sse")}
TEXT = b'data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"code":502,"message":"Upstream fell"},"choices":[]}\n\n'


def read(*pieces: bytes) -> tuple[list[Delta], KiloError | None, StreamReader]:
    """Return the deltas and the error of a stream that arrives in these pieces, and its reader."""
    reader, deltas = StreamReader(model="a/b"), []
    try:
        for delta in _deltas(reader, pieces):
            deltas.append(delta)  # noqa: PERF402 - those before an error are wanted
    except KiloError as error:
        return deltas, error, reader
    return deltas, None, reader


def _deltas(reader: StreamReader, pieces: tuple[bytes, ...]) -> Iterator[Delta]:
    for piece in pieces:
        yield from reader.feed(piece)
        if reader.is_done:
            break
    yield from reader.finish()


def outcome(*pieces: bytes) -> tuple[Any, ...]:
    """Return all of a stream's outcome that can be compared."""
    deltas, error, reader = read(*pieces)
    texts = [(delta.choice, delta.text, delta.reasoning, len(delta.tool_calls)) for delta in deltas]
    return texts, type(error), str(error), reader.completion().body, reader.is_done


@pytest.mark.parametrize("body", [TEXT + DONE, TEXT.replace(b"null", b'""') + DONE.rstrip()])
def test_done_behind_content_ends_an_answer(body: bytes) -> None:
    """Some servers never send a finish reason: their `[DONE]` says that all has come, wherever the bytes are cut."""
    for at in range(len(body) + 1):
        _, error, reader = read(body[:at], body[at:])
        assert error is None
        assert (reader.completion().text, reader.completion().finish_reason) == ("Hi", None)


def event(**delta: Any) -> bytes:
    """Return an event whose text is escaped, as JavaScript and Python write halves of characters."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


def call(arguments: str, **more: Any) -> list[dict[str, Any]]:
    """Return the tool calls of a delta."""
    return [{"index": 0, **more, "function": {"name": "f" if more else None, "arguments": arguments}}]


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["hi \ud83d", "\ude00!"], "hi \U0001f600!"),
        (["\ud83d", "", "\ude00\ud83d", "\ude01"], "\U0001f600\U0001f601"),
        (["x\ud83d"], "x\ufffd"),
        (["x\ud83d", "y"], "x\ufffdy"),
        (["\ude00", "x"], "\ufffdx"),
        (["\ud83d", "\ud83d", "\ude00"], "\ufffd\U0001f600"),
    ],
)
def test_characters_cut_over_two_events(pieces: list[str], whole: str) -> None:
    """Both halves become the character they are, in text, reasoning and arguments; a half alone is replaced once."""
    for key in ("content", "reasoning"):
        deltas, error, reader = read(*(event(**{key: piece}) for piece in pieces), STOP, DONE)
        assert error is None
        given = [(delta.text, delta.reasoning) for delta in deltas]
        assert "".join(map("".join, given)) == whole
        assert whole in (reader.completion().text, reader.completion().reasoning)
    calls = [call('{"t":"', id="a"), *map(call, pieces), call('"}')]
    deltas, error, reader = read(*(event(tool_calls=calls_) for calls_ in calls), STOP, DONE)
    arguments = "".join(piece.arguments for delta in deltas for piece in delta.tool_calls)
    assert error is None
    assert arguments == reader.completion().tool_calls[0]["function"]["arguments"] == f'{{"t":"{whole}"}}'


def test_halves_of_different_texts_never_meet() -> None:
    """The first half of a text and the second half of a reasoning are two halves that stay alone."""
    _, error, reader = read(event(content="\ud83d"), event(reasoning="\ude00"), event(content="\ude01"), STOP, DONE)
    assert error is None
    assert (reader.completion().text, reader.completion().reasoning) == ("\U0001f601", "\ufffd")


@pytest.mark.parametrize("name", SAMPLES)
def test_recorded_streams_cut_anywhere(name: str) -> None:
    """A recorded stream has one outcome, error included, wherever it is cut in two and byte by byte."""
    data = SAMPLES[name].read_bytes()
    whole = outcome(data)
    assert whole[0]
    step = max(1, len(data) // 40)
    assert all(outcome(data[:at], data[at:]) == whole for at in range(1, len(data), step))
    assert outcome(*(data[at : at + 1] for at in range(len(data)))) == whole


@pytest.mark.parametrize("name", SAMPLES)
def test_recorded_streams_cut_off_anywhere(name: str) -> None:
    """A recorded stream that ends early raises, unless its finish reason had come; what had arrived is in it."""
    data = SAMPLES[name].read_bytes()
    step = max(1, len(data) // 60)
    for at in range(0, len(data), step):
        deltas, error, reader = read(data[:at])
        finished = any(choice.finish_reason for choice in reader.completion().choices)
        assert (error is None) == finished or isinstance(error, GatewayError)
        if deltas and any(delta.text for delta in deltas):
            assert reader.partial() is not None


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_line_end_at_every_cut(end: str) -> None:
    """Each line end, and a byte order mark, at each cut gives the same text."""
    body = (b"\xef\xbb\xbf: hi\n\n" + TEXT + b"event: x\nid: 1\n" + TEXT + STOP + DONE).replace(b"\n", end.encode())
    expected = outcome(TEXT + TEXT + STOP + DONE)
    assert all(outcome(body[:at], body[at:]) == expected for at in range(len(body)))


def test_three_pieces() -> None:
    """A short stream in any three pieces is the same stream."""
    body = b":x\n\n" + TEXT + STOP
    expected = outcome(body)
    for first in range(0, len(body), 7):
        for second in range(first, len(body), 5):
            assert outcome(*(body[a:b] for a, b in pairwise((0, first, second, len(body))))) == expected


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", MalformedAnswerError),
        (b" \r\n", MalformedAnswerError),
        (b"<html>", MalformedAnswerError),
        (b"[1]", MalformedAnswerError),
        (b"event: ping\n\n", MalformedAnswerError),
        (b"data: \n\n", MalformedAnswerError),
        (b"data: nonsense\n\n", MalformedAnswerError),
        (b"data: \xff\xfe\n\n", MalformedAnswerError),
        (b": comment\n\n", TruncatedStreamError),
        (DONE, TruncatedStreamError),
        (b": comment\n\n" + DONE, TruncatedStreamError),
        (TEXT, TruncatedStreamError),
        (TEXT + STOP[:-20], TruncatedStreamError),
        (STOP + STOP.replace(b'"index":0', b'"index":1').replace(b'"stop"', b"null"), TruncatedStreamError),
        (ERROR, GatewayError),
        (TEXT + ERROR, GatewayError),
        (b'{"error":{"message":"no"}}', GatewayError),
        (b'{"choices":[]}', MalformedAnswerError),
        (b'{"choices":[{"message":{"content":""},"finish_reason":null}]}', MalformedAnswerError),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_what_is_no_success(body: bytes, kind: type[KiloError]) -> None:
    """An answer without a finish reason, or that is none, raises; at every cut."""
    for at in range(len(body) + 1):
        _, error, _ = read(body[:at], body[at:])
        assert isinstance(error, kind), at
        assert error.model in {"kilocode/a/b", None}


@pytest.mark.parametrize("body", [TEXT + STOP, TEXT + STOP[:-1], TEXT + STOP[:-2], TEXT + STOP + DONE[:-2]])
def test_a_missing_blank_line_at_the_end(body: bytes) -> None:
    """The last event counts although its blank line is missing."""
    deltas, error, reader = read(body)
    assert error is None
    assert "".join(delta.text for delta in deltas) == reader.completion().text == "Hi"


def test_delivery_is_noticed_at_the_first_delta() -> None:
    """`has_delivered` turns with the first delta that is given out, not with bytes, comments or empty chunks."""
    reader = StreamReader(model="a/b")
    assert list(reader.feed(b': x\n\ndata: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n')) == []
    assert not reader.has_delivered
    deltas = reader.feed(TEXT)
    assert not reader.has_delivered
    next(deltas)
    assert reader.has_delivered


def test_life_is_an_event_not_a_comment() -> None:
    """`had_events` is true after bytes that completed an event, and false after comments and halves."""
    reader = StreamReader(model="a/b")
    had_events = []
    for piece in (b": x\n\n", TEXT[:9], TEXT[9:], b": x\n\n", DONE):
        list(reader.feed(piece))
        had_events.append(reader.had_event)
    assert had_events == [False, False, True, False, True]


def test_an_error_comes_after_the_text_of_its_event() -> None:
    """Text in the very event that carries the error is given out before the error is raised."""
    event = b'data: {"error":{"code":502,"message":"no"},"choices":[{"index":0,"delta":{"content":"last"}}]}\n\n'
    deltas, error, reader = read(TEXT, event)
    assert [delta.text for delta in deltas] == ["Hi", "last"]
    assert isinstance(error, GatewayError)
    assert isinstance(reader.partial(), Completion)


def test_nothing_after_done_is_read() -> None:
    """Events after `[DONE]` are not looked at, not even broken ones."""
    deltas, error, reader = read(TEXT + STOP + DONE + TEXT + b"data: nonsense\n\n")
    assert (len(deltas), error, reader.is_done) == (1, None, True)


def test_headers_of_the_answer_reach_the_error() -> None:
    """An error event knows the response's headers, such as the id of the request."""
    reader = StreamReader(model="a/b")
    reader.headers = {"x-vercel-id": "iad1::abc"}
    with pytest.raises(GatewayError) as caught:
        list(reader.feed(ERROR))
    assert caught.value.headers["x-vercel-id"] == "iad1::abc"


def test_an_answer_that_is_no_stream_is_kept_in_part() -> None:
    """Of a huge page no more is kept than it takes to say what it is."""
    tracemalloc.start()
    reader = StreamReader(model="a/b")
    for _ in range(64):
        list(reader.feed(b"<p>" + b"x" * 65_000 + b"\n"))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2 * MAX_PLAIN_BYTES
    with pytest.raises(MalformedAnswerError, match="web page"):
        list(reader.finish())


def test_thousands_of_comments_cost_nothing() -> None:
    """Memory stays flat while comments and consumed events go by."""
    reader = StreamReader(model="a/b")
    list(reader.feed(b": KILO PROCESSING\n\n"))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(20_000):
        list(reader.feed(b": KILO PROCESSING\n\n"))
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10_000
    assert peak - before < 50_000


def test_json_in_place_of_a_stream_is_the_answer() -> None:
    """A whole completion that arrives in pieces instead of a stream comes out as deltas."""
    message = {"role": "assistant", "content": "Hi", "tool_calls": []}
    body = orjson.dumps({"id": "gen-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    for at in range(len(body)):
        deltas, error, reader = read(body[:at], body[at:])
        assert error is None
        assert "".join(delta.text for delta in deltas) == reader.completion().text == "Hi"


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b'event: error\ndata: {"message": "Capacity is exhausted"}\n\n', "Capacity is exhausted"),
        (b'event:error\r\ndata: {"id": "x", "type": "t", "message": "m1"}\r\n\r\n', "m1"),
        (b"event: error\ndata: Internal Server Error\n\n", "Internal Server Error"),
        (b'event: error\ndata: "in quotes"\n\n', "in quotes"),
        (b'data: {"object":"error","message":"unnamed","code":400}\n\n', "unnamed"),
        (b'event: error\ndata: {"message": "without a blank line"}', "without a blank line"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_event_that_is_an_error_by_its_name_or_its_shape_keeps_its_words(
    stream: bytes, said: str, size: int
) -> None:
    """An error without the key `error` was a truncated stream, and its words were lost."""
    reader = StreamReader(model="lab/x")

    def read() -> None:
        for start in range(0, len(stream), size):
            list(reader.feed(stream[start : start + size]))
        list(reader.finish())

    with pytest.raises(GatewayError, match=said):
        read()


def test_names_of_other_events_change_nothing() -> None:
    """A stream whose events have names is read as one without, and a name lasts for one event only."""
    reader = StreamReader(model="lab/x")
    chunk = b'{"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}'
    stream = b"event: error\n\n" + b"event: message\ndata: " + chunk + b'\n\nevent: ping\ndata: {"type":"ping"}\n\n'

    assert [delta.text for delta in reader.feed(stream)] == ["hi"]
    assert list(reader.finish()) == []


@pytest.mark.parametrize("done", ["[DONE] ", "[done]", '"[DONE]"', "DONE"])
@pytest.mark.parametrize("end", ["\n\n", ""])
def test_other_spellings_of_done_end_an_answer(done: str, end: str) -> None:
    """Blanks, quotes or small letters around the word that ends a stream do not spoil the answer."""
    reader = StreamReader(model="m")
    body = 'data: {"id":"g","choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n' + f"data: {done}{end}"
    deltas = [*reader.feed(body.encode()), *reader.finish()]
    assert [delta.text for delta in deltas] == ["hi"]
    assert reader.is_done


def test_half_a_character_of_one_citation_is_not_joined_to_another() -> None:
    """Citations come whole, so that half a character in one is replaced there."""
    reader = StreamReader(model="m")
    for title in ("\ud83d", "\ude00"):
        delta = {"annotations": [{"url_citation": {"title": title}}]}
        event = json.dumps({"id": "g", "choices": [{"index": 0, "delta": delta}]})
        list(reader.feed(f"data: {event}\n\n".encode()))
    list(reader.feed(b"data: [DONE]\n\n"))
    list(reader.finish())
    found = [item["url_citation"]["title"] for item in reader.completion().annotations]
    assert found == ["\ufffd"]


@pytest.mark.parametrize("name", ["", "event: error\n"])
def test_an_error_in_a_list_keeps_its_code(name: str) -> None:
    """An event that is a list with an error in it is that error."""
    reader = StreamReader(model="m")
    with pytest.raises(GatewayError, match="quota") as caught:
        list(reader.feed(f'{name}data: [{{"error": {{"message": "quota", "code": 429}}}}]\n\n'.encode()))
    assert caught.value.status == 429


@pytest.mark.parametrize(
    "event",
    [
        b'{"choices":[{"index":0,"delta":{"content":"z"},"logprobs":{"content":[{"token":"z","logprob":-Infinity}]}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"z"}}],"score":NaN}',
        b'{"choices":[{"index":0,"delta":{"content":"z"},"note":"caf\xe9"}]}',
    ],
)
def test_an_event_that_is_json_to_python_alone_is_read(event: bytes) -> None:
    """NaN, infinity and bytes that are no UTF-8 cost nothing of an answer."""
    deltas, error, reader = read(b"data: " + event + b"\n\n", DONE)
    assert error is None
    assert "".join(delta.text for delta in deltas) == reader.completion().text == "z"


def test_half_a_character_of_a_part_meets_the_rest_in_the_content() -> None:
    """Content that is a list of parts and content that is a text are one text."""
    events = (
        b'{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"a\\ud83d"}]}}]}',
        b'{"choices":[{"index":0,"delta":{"content":"\\ude00b"}}]}',
    )
    _, _, reader = read(*(b"data: " + event + b"\n\n" for event in events), DONE)
    assert reader.completion().text == "a\U0001f600b"


def test_events_of_null_say_nothing() -> None:
    """A null between the events of an answer is passed over."""
    event = b'data: {"choices":[{"index":0,"delta":{"content":"z"},"finish_reason":"stop"}]}\n\n'
    _, error, reader = read(b"data: null\n\n", event, b"data: null\n\n", DONE)
    assert error is None
    assert reader.completion().text == "z"


def test_a_stream_without_an_answer_keeps_the_words_of_its_events() -> None:
    """What events said that were no part of an answer stands in the error, which is worth another try."""
    _, error, _ = read(b'data: {"promptFeedback":{"blockReason":"SAFETY"}}\n\n', DONE)
    assert isinstance(error, TruncatedStreamError)
    assert 'The server said: {"promptFeedback":{"blockReason":"SAFETY"}}. Try again.' in str(error)
    assert error.retry == "soon"


@pytest.mark.parametrize("line", [b'{"error":{"message":"boom","code":502}}', b'\n{"error":"boom"}\n\n'])
@pytest.mark.parametrize("begun", [b"", event(content="He")], ids=["first", "later"])
def test_an_error_that_is_no_event_keeps_its_words(begun: bytes, line: bytes) -> None:
    """A relay that writes a bare JSON error among the events ends the answer with that error."""
    _, error, reader = read(begun, line)
    assert isinstance(error, GatewayError)
    assert "boom" in str(error)
    assert reader.completion().text == ("He" if begun else "")


@pytest.mark.parametrize("line", [b"error: boom", b"<html><title>boom</title></html>\n"])
def test_other_lines_among_events_are_quoted(line: bytes) -> None:
    """What else stands between events, where it looks like a complaint, is in the message of a stream cut off."""
    _, error, _ = read(event(content="He"), line)
    assert isinstance(error, TruncatedStreamError)
    assert "boom" in str(error)


def test_an_error_inside_a_delta_is_an_error() -> None:
    """As in a message, an error beside the content is raised with its words."""
    _, error, _ = read(event(content="He"), event(error={"message": "boom", "code": 500}), DONE)
    assert isinstance(error, GatewayError)
    assert (error.code, "boom" in str(error)) == (500, True)


def test_lines_that_are_no_events_cost_a_whole_answer_nothing() -> None:
    """They count only where no end of the answer came."""
    _, error, reader = read(event(content="He"), b'{"error":"boom"}\n', STOP, DONE)
    assert error is None
    assert reader.completion().text == "He"


@pytest.mark.parametrize(
    "ping",
    [
        b"event: ping\ndata: ping\n\n",
        b"event: heartbeat\ndata: 2026-11-30T12:00:00Z\n\n",
        b'event: keep-alive\ndata: {"at": 3}\n\n',
        b'data: {"type": "ping"}\n\n',
    ],
)
def test_events_that_keep_alive_are_comments(ping: bytes) -> None:
    """What a server says to keep the connection open is no part of the answer, be it JSON or not."""
    expected = read(TEXT, STOP, DONE)[2].completion()
    _, error, reader = read(ping, TEXT, ping, STOP, ping, DONE)
    assert error is None
    assert reader.completion() == expected


def test_named_events_that_keep_alive_are_no_life() -> None:
    """They do not put off the time-out for silence, as comments do not."""
    reader = StreamReader(model="a/b")
    list(reader.feed(b'event: ping\ndata: {"type": "ping"}\n\n'))
    assert not reader.had_event


@pytest.mark.parametrize(
    "other",
    [
        {"type": "response.output_text.delta", "delta": "hi"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}},
        {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]},
    ],
    ids=["Responses", "Messages", "Gemini"],
)
def test_a_stream_of_another_api_is_no_truncated_one(other: dict[str, Any]) -> None:
    """Trying again would be answered alike: the address is wrong."""
    _, error, _ = read(b"data: " + orjson.dumps(other) + b"\n\n")
    assert isinstance(error, MalformedAnswerError)
    assert "another API" in str(error)
    assert "Check base_url" in str(error)
    assert error.retry == "never"
