"""Framing of server-sent events: the same payloads however the bytes are cut."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import MalformedAnswerError
from kilo_gateway.stream import sse
from kilo_gateway.stream.sse import SseDecoder

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "samples").rglob("*.sse"))

CASES = {
    "ordinary": (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
    "no space": (b"data:a\n\n", [b"a"]),
    "only one space is taken": (b"data:  a\n\n", [b" a"]),
    "carriage returns": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "both": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "mixed": (b"data: a\r\n\ndata: b\n\rdata: c\r\r\ndata: d\n\n", [b"a", b"b", b"c", b"d"]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "byte order mark inside": (b"data: \xef\xbb\xbfa\n\n", [b"\xef\xbb\xbfa"]),
    "half a byte order mark": (b"\xef\xbbdata: a\n\ndata: b\n\n", [b"b"]),
    "several lines": (b"data: a\ndata:b\ndata\ndata: \n\n", [b"a\nb\n\n"]),
    "other fields": (b"event: x\nid: 1\nretry: 5\ndata: a\nfoo: bar\nfoo\n\n", [b"a"]),
    "look-alike fields": (b"database: x\ndat: y\n data: z\nDATA: w\ndata: a\n\n", [b"a"]),
    "comments": (b": KILO PROCESSING\n\n:\n\ndata: a\n: c\n: data: x\ndata: b\n\n: end\n\n", [b"a\nb"]),
    "many blank lines": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [b"a", b"b"]),
    "no data": (b"event: ping\n\ndata\n\ndata:\n\ndata: \n\n", []),
    "unicode line ends": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0c\n\n".encode(),
        ["a\u2028b\u2029c\u0085d\x0be\x0c".encode()],
    ),
    "cut before the blank line": (b"data: a\n\ndata: b\n", [b"a", b"b"]),
    "cut in the line": (b"data: a\n\ndata: b", [b"a", b"b"]),
    "cut in several lines": (b"data: a\ndata: b", [b"a\nb"]),
    "cut in a comment": (b"data: a\n\n: data", [b"a"]),
    "nothing": (b"", []),
}


def decode(pieces: list[bytes]) -> list[bytes]:
    """Return all payloads of a stream that arrives in these pieces."""
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    last = decoder.finish()
    return events if last is None else [*events, last]


def cut(data: bytes, points: list[int]) -> list[bytes]:
    """Return the data in pieces that end at these points."""
    places = [0, *sorted(points), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


@pytest.mark.parametrize("name", CASES)
def test_payloads_are_the_same_for_every_pair_of_cuts(name: str) -> None:
    """Each shape gives its payloads, cut at any two bytes or into single bytes."""
    data, expected = CASES[name]
    assert decode([data]) == expected
    assert decode([data[i : i + 1] for i in range(len(data))]) == expected
    for i in range(len(data) + 1):
        for j in range(i, len(data) + 1):
            assert decode(cut(data, [i, j])) == expected


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_recorded_streams_survive_any_cut(path: Path) -> None:
    """A recorded stream gives the lines that begin with data, cut anywhere, with any line end."""
    body = path.read_bytes()
    expected = [line[6:] for line in body.split(b"\n") if line.startswith(b"data: ")]
    assert expected
    assert decode([body]) == expected
    rng = random.Random(path.stem)
    for line_end in (b"\n", b"\r\n", b"\r"):
        data = body.replace(b"\n", line_end)
        assert decode([data[i : i + 1] for i in range(len(data))]) == expected
        for point in rng.sample(range(len(data)), min(len(data), 50)):
            assert decode(cut(data, [point])) == expected


@given(st.data())
def test_any_mix_of_lines_decodes_the_same_in_any_pieces(data: st.DataObject) -> None:
    """Random lines with random line ends decode alike whole and in pieces, and as the grammar says."""
    lines = data.draw(st.lists(st.sampled_from([b"data: x", b"data:y", b"data", b": c", b"event: e", b"", b"", b"z"])))
    ends = data.draw(st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=len(lines), max_size=len(lines)))
    # A carriage return and the line feed of an empty line after it would be one line end.
    ends = [b"\r\n" if end == b"\r" and i + 1 < len(ends) and not lines[i + 1] else end for i, end in enumerate(ends)]
    body = b"".join(line + end for line, end in zip(lines, ends, strict=True))
    points = data.draw(st.lists(st.integers(0, len(body)), max_size=8))
    assert decode(cut(body, points)) == decode([body]) == read_by_the_book(lines)


def read_by_the_book(lines: list[bytes]) -> list[bytes]:
    """Return the payloads of these lines, read one after the other."""
    events: list[bytes] = []
    event: list[bytes] = []
    for line in [*lines, b""]:
        if line:
            name, _, value = line.partition(b":")
            event += [value.removeprefix(b" ")] if name == b"data" else []
        else:
            events.append(b"\n".join(event))
            event = []
    return [event for event in events if event]


def test_an_event_is_returned_with_its_last_byte() -> None:
    """No byte after the blank line is needed, also when line ends are carriage returns."""
    for line_end in (b"\n", b"\r\n", b"\r"):
        decoder = SseDecoder()
        assert decoder.feed(b": hello" + line_end * 2 + b"data: a" + line_end) == []
        assert decoder.feed(line_end[:1]) == [b"a"]
        assert decoder.feed(line_end[1:] + b"data: b" + line_end * 2) == [b"b"]
        assert decoder.finish() is None


@pytest.mark.parametrize("comment", [b": KILO PROCESSING\n\n", b": KILO PROCESSING\n", b"event: ping\r\n", b":\r"])
def test_comments_leave_nothing_behind(comment: bytes) -> None:
    """Twenty thousand comments, with or without blank lines between them, take no memory."""
    decoder = SseDecoder()
    decoder.feed(b"data: a\ndata: b\n")
    tracemalloc.start()
    try:
        for _ in range(1000):
            decoder.feed(comment)
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(20):
            decoder.feed(comment * 1000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10_000


def test_an_event_in_a_hundred_thousand_pieces_arrives_whole() -> None:
    """One long line, fed in small pieces, is put together once."""
    decoder = SseDecoder()
    for piece in [b"da", b"ta: ", *[b"0123456789"] * 100_000]:
        assert decoder.feed(piece) == []
    assert decoder.feed(b"\n\n") == [b"0123456789" * 100_000]


@pytest.mark.parametrize(
    "pieces",
    [
        [b"data: " + b"x" * 200 + b"\n\n"],
        [b"data: a\n\n", b"data: " + b"x" * 200 + b"\n\n"],
        [b"data: a\n\n", b"data: " + b"x" * 200 + b"\n\ndata: b\n\n"],
        [b"data: "] + [b"x" * 50] * 4,
        [b"data: xxxxxxxxx\n"] * 20,
    ],
    ids=["first", "alone", "with another", "unfinished", "many lines"],
)
def test_an_event_over_the_limit_is_refused(pieces: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than an event may be raises, however it comes."""
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 150)
    with pytest.raises(MalformedAnswerError) as caught:
        decode(pieces)
    assert caught.value.snippet


def test_events_up_to_the_limit_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts one event, not what arrives together."""
    monkeypatch.setattr(sse, "MAX_EVENT_BYTES", 150)
    event = b"data: " + b"x" * 144 + b"\n\n"
    assert decode([event]) == [b"x" * 144]
    assert decode([event * 5]) == [b"x" * 144] * 5
