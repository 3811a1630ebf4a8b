"""Events that differ in their text alone are read by it, and give what parsing each of them gives."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import orjson
import pytest

from kilo_gateway import Completion, Delta, KiloError
from kilo_gateway.stream import repeats
from kilo_gateway.stream.reader import StreamReader

Outcome = tuple[list[Delta], Completion | None, str | None]

TEXTS = (
    "Hi",
    " there",
    "",
    " again",
    'a "quoted" word',
    "back\\slash",
    "line\nbreak",
    "é\U0001f600",
    "}]}",
    '","content":"x',
    " ",
    "?",
    "!",
    '"',
)


def render(text: Any, *, as_ascii: bool = True, separators: tuple[str, str] = (",", ":"), **more: Any) -> bytes:
    """Return an event whose text this is; `more` are keys of the chunk, `delta` and `choice` of those."""
    delta = {"role": "assistant", **more.pop("delta", {}), "content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None, **more.pop("choice", {})}
    chunk = {"id": "gen-1", "created": 7, "model": "a/b", "system_fingerprint": None, "choices": [choice], **more}
    return b"data: " + json.dumps(chunk, ensure_ascii=as_ascii, separators=separators).encode() + b"\n\n"


def read(events: list[bytes]) -> Outcome:
    """Return all that comes of a stream."""
    reader, deltas = StreamReader(model="a/b"), []
    try:
        for event in (*events, render("", choice={"finish_reason": "stop"}), b"data: [DONE]\n\n"):
            deltas += reader.feed(event)
        deltas += reader.finish()
    except KiloError as error:
        return deltas, error.partial, str(error)
    return deltas, reader.completion(), None


def read_both_ways(events: list[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[Outcome, Outcome]:
    """Return what comes of a stream with and without this way of reading."""
    fast = read(events)
    with monkeypatch.context() as patch:
        patch.setattr(repeats, "_cut", lambda payload, chunk: None)
        return fast, read(events)


def count_parsed(events: list[bytes], monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many events were parsed as a whole."""
    parsed: list[bytes] = []

    def parse(payload: bytes) -> Any:
        parsed.append(payload)
        return orjson.loads(payload)

    with monkeypatch.context() as patch:
        patch.setattr("kilo_gateway.stream.reader.loads_fast", parse)
        read(events)
    return len(parsed)


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize("as_ascii", [True, False], ids=["escaped", "utf-8"])
def test_repeats_give_what_parsing_gives(
    as_ascii: bool, separators: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any text, however it is written, comes out as JSON says; so do chunks and the whole answer."""
    events = [render(text, as_ascii=as_ascii, separators=separators) for _ in range(3) for text in TEXTS]
    fast, plain = read_both_ways(events, monkeypatch)
    assert fast == plain
    assert "".join(delta.text for delta in fast[0]) == "".join(TEXTS) * 3
    assert [list(delta.chunk) for delta in fast[0]] == [list(delta.chunk) for delta in plain[0]]


ODD_NEIGHBOURS = {
    "another id": render("x", id="gen-2"),
    "a new key": render("x", provider="P"),
    "content elsewhere": render("x", content="y"),
    "content elsewhere, the same": render("?", content="?"),
    "content twice": render("x").replace(b'"content":"x"', b'"content":"x","content":"y"'),
    "an escaped key": render("x", content="?").replace(b'"content":"x"', b'"\\u0063ontent":"?"'),
    "a finish reason": render("x", choice={"finish_reason": "length"}),
    "log probabilities": render("x", choice={"logprobs": {"content": [{"token": "x"}]}}),
    "an error": render("x", error={"code": 502, "message": "Upstream fell"}),
    "an error in the choice": render("x", choice={"error": {"code": 502, "message": "Upstream fell"}}),
    "usage": render("x", usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}),
    "two choices": render("x", choices=[{"index": i, "delta": {"content": "x"}} for i in range(2)]),
    "another choice": render("x", choice={"index": 1}),
    "an index as text": render("x", choice={"index": "0"}),
    "reasoning": render(None, delta={"reasoning": "hm"}),
    "text and reasoning": render("x", delta={"reasoning": "hm"}),
    "a tool call": render(None, delta={"tool_calls": [{"index": 0, "id": "c", "function": {"name": "f"}}]}),
    "parts": render([{"type": "text", "text": "x"}]),
    "half a character": render("x").replace(b'"x"', b'"\\ud83d"'),
    "the other half": render("x").replace(b'"x"', b'"\\ude00"'),
    "a control character": render("x").replace(b'"x"', b'"\x01"'),
    "no UTF-8": render("x").replace(b'"x"', b'"\xff"'),
    "an open string": render("x").replace(b'"x"', b'"x'),
    "more behind the text": render("x").replace(b'"x"', b'"x","a":"b"'),
    "no JSON": b"data: oops\n\n",
    "a number": render(7),
    "a name": b"event: error\n" + render("x"),
    "a comment": b": KILO PROCESSING\n\n",
}


@pytest.mark.parametrize("odd", ODD_NEIGHBOURS.values(), ids=ODD_NEIGHBOURS)
def test_an_odd_event_among_repeats_is_read_as_ever(odd: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """What says more than a text counts, wherever it stands, and so does what repeats it."""
    usual = [render(f" word{number}") for number in range(6)]
    for place, times in product((0, 1, 2, 4), (1, 2)):
        fast, plain = read_both_ways([*usual[:place], *[odd] * times, *usual[place:]], monkeypatch)
        assert fast == plain, (place, times)


def test_repeats_are_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand events that differ in their text one is parsed, and the last."""
    assert count_parsed([render(f" word{number}") for number in range(1000)], monkeypatch) == 2


def test_a_stream_without_repeats_is_soon_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that writes something new into every event costs a few looks, not one for each."""
    cuts: list[bytes] = []

    def cut(payload: bytes, chunk: dict[str, Any]) -> Any:
        cuts.append(payload)
        return real(payload, chunk)

    real = repeats._cut
    monkeypatch.setattr(repeats, "_cut", cut)
    read([render(f" word{number}", obfuscation="x" * number) for number in range(1, 100)])
    assert len(cuts) <= 8


def test_chunks_of_repeats_are_the_callers_own() -> None:
    """Who changes the chunk of one delta changes no other."""
    reader = StreamReader(model="a/b")
    deltas = []
    for text in "abc":
        for delta in reader.feed(render(text)):
            delta.chunk["choices"][0]["delta"]["content"] = "changed"
            delta.chunk["model"] = "changed"
            deltas.append(delta)
    assert [delta.text for delta in deltas] == ["a", "b", "c"]
    assert reader.completion().text == "abc"
    assert reader.completion().model == "a/b"
