"""Bodies and documents: readable, and the same bytes again."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.testing.cassettes.bodies import parse_recorded_body, render_recorded_body
from kilo_gateway.testing.cassettes.document import Document, parse_document, render_document
from kilo_gateway.testing.cassettes.origin import CassetteOrigin
from kilo_gateway.testing.cassettes.yaml_text import dump, load

ORIGIN = CassetteOrigin("embedded gateway", "http://127.0.0.1/api/gateway/", version="0.1.0")
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def through_yaml(data: bytes, content_type: str, pieces: list[int] | None = None) -> tuple[bytes, Any]:
    """Return what a body is after it was written and read."""
    return parse_recorded_body(load(dump({"body": render_recorded_body(data, content_type, pieces)}))["body"])


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b":[true,false,null,"x"]}',
        '{"a": 1, "b": 1e-07}',
        '{"cost":1e-7,"price":0.50,"minus":-0,"long":12345678901234567890}',
        '\n\n   {"late":"white space"}  \n',
        '{"text":"two\\nlines\\n","tab":"\\t","nul":"\\u0000","del":"\x7f","slash":"\\/"}',
        '{"é":"ü \U0001f600","n":"\u2028\x85\ufeff"}',
        '{"\\u00e9":"\\ud83d\\ude00"}',
        '{"no":"no","yes":"on","null":"null","number":"1","date":"2026-01-01","tilde":"~","merge":"<<","eq":"="}',
        '{\n  "pretty": true\n}',
        "{}",
        "[]",
        '{"":{"":[[],[{}]]}}',
    ],
)
def test_json_is_a_structure_and_the_same_value(text: str) -> None:
    """JSON of every usual writer is kept as a structure that gives the same value back, in compact form."""
    assert "json" in (render_recorded_body(text.encode(), "application/json") or {})
    data, _ = through_yaml(text.encode(), "application/json")
    assert json.loads(data) == json.loads(text)
    assert through_yaml(data, "application/json") == (data, None)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"half":"\\ud83d"}',
        b'{"a":NaN}',
        b'{"big":1E+400}',
        b'{"a":' + b"[" * 3000 + b"]" * 3000 + b"}",
        b'{"a":' + b"9" * 5000 + b"}",
        b'"only text"',
        b"not json",
        b"<html>\r\n<body>  trailing  \r\n</body></html>",
        b"\xef\xbb\xbf{}",
        b"\x89PNG\r\n\x1a\n\x00",
        b"\xff\xfe",
        b" ",
        b"line one\nline two\n\n\n",
        b"\n leading",
    ],
)
def test_anything_else_is_kept_exactly(data: bytes) -> None:
    """What no structure can give back is kept as text or base64, byte for byte."""
    assert "json" not in (render_recorded_body(data, "application/json") or {})
    assert through_yaml(data, "application/json") == (data, None)


@given(value=_VALUES, writer=st.sampled_from([orjson.dumps, lambda value: json.dumps(value).encode()]))
def test_any_json_survives(value: Any, writer: Any) -> None:
    """Whatever a JSON writer writes is replayed with the same value."""
    try:
        data = writer({"value": value})
    except (TypeError, UnicodeEncodeError):
        return
    assert json.loads(through_yaml(data, "application/json")[0]) == json.loads(data)


@given(st.binary(max_size=60), st.sampled_from(["text/event-stream", "application/json", "text/plain"]))
def test_any_bytes_survive(data: bytes, content_type: str) -> None:
    """Whatever arrives is replayed exactly, whatever it is called; JSON with the same value."""
    replayed = through_yaml(data, content_type)[0]
    assert replayed == data or json.loads(replayed) == json.loads(data)


@given(
    st.lists(st.sampled_from(["data: {}", ": c", "\n", "\r\n", "\n\n", "\r\n\r\n", "data: [DONE]", "é"]), max_size=8)
)
def test_any_stream_survives(parts: list[str]) -> None:
    """Streams with every mixture of line ends are replayed exactly."""
    data = "".join(parts).encode()
    assert through_yaml(data, "text/event-stream")[0] == data


def test_a_stream_is_one_event_a_line() -> None:
    """Each event of a stream is one line of the file, unless it has several itself."""
    data = b': note\n\ndata: {"a":1}\n\nevent: x\ndata: y\n\ndata: [DONE]\n\n'
    text = dump(render_recorded_body(data, "text/event-stream", [8, 29, 14]))
    assert text.splitlines() == [
        "pieces: [8, 29, 14]",
        "events:",
        "- ': note'",
        "- 'data: {\"a\":1}'",
        "- |-",
        "  event: x",
        "  data: y",
        "- 'data: [DONE]'",
    ]


@pytest.mark.parametrize("cut", range(1, 40))
def test_pieces_are_kept(cut: int) -> None:
    """The sizes of the pieces are kept, on event boundaries and off them."""
    data = b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DO'
    sizes = [cut, len(data) - cut]
    if cut < len(data):
        assert through_yaml(data, "text/event-stream", sizes) == (data, sizes)


def test_pieces_of_one_event_each_are_one_word() -> None:
    """When each event came by itself, the file says just that."""
    data = b'data: {"a":1}\n\ndata: [DONE]\n\n'
    body = render_recorded_body(data, "text/event-stream", [15, 14])
    assert body is not None
    assert body["pieces"] == "events"
    assert through_yaml(data, "text/event-stream", [15, 14]) == (data, [15, 14])


def test_several_lines_are_block_text() -> None:
    """A prompt of several lines reads as it was written."""
    assert "content: |\n  first\n  second\n" in dump({"content": "first\nsecond\n"})


def test_a_document_is_read_as_it_was_written() -> None:
    """Origin, addresses, headers, statuses and bodies come back the same."""
    interactions = [
        {
            "request": {
                "method": "POST",
                "uri": "http://127.0.0.1/api/gateway/chat/completions?x=1",
                "headers": {"content-type": ["application/json"]},
                "body": b'{"a":1}',
            },
            "response": {
                "status": {"code": 402, "message": "Pay First"},
                "headers": {"content-type": ["text/plain", "x"]},
                "body": {"string": b"no"},
            },
        },
        {
            "request": {"method": "GET", "uri": "https://example.com/a", "headers": {}, "body": None},
            "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": {"string": b""}},
        },
    ]
    text = render_document(Document(interactions, ORIGIN))
    assert "path: /api/gateway/chat/completions?x=1" in text
    assert "uri: https://example.com/a" in text
    read = parse_document(text)
    assert read.interactions == interactions
    assert read.origin == ORIGIN


_WITH_BODY = """kilo_cassette: 1
gateway: {{from: x}}
interactions:
- request: {{method: GET, path: /}}
  response: {{status: 200, body: {}}}
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [", r"line [12]"),
        ("just text", "it is no cassette"),
        ("version: 1\ninteractions: []", "recorded by vcrpy"),
        ("kilo_cassette: 2\ninteractions: []", "has format 2, and this version knows 1. Upgrade"),
        ("kilo_cassette: 0\ninteractions: []", "old format 0"),
        ("kilo_cassette: yes\ninteractions: []", "old format"),
        ("kilo_cassette: 1\ninteractions: []", "`gateway` must be a mapping"),
        ("kilo_cassette: 1\ngateway: {from: x}\ninteractions: 3", "`interactions` must be a list"),
        ("kilo_cassette: 1\ngateway: {from: x}\ninteractions: [3]", "interaction 1"),
        ("kilo_cassette: 1\ngateway: {from: x}\ninteractions: [{request: {}}]", "interaction 1: 'response' is missing"),
        (
            _WITH_BODY.format("{events: [1]}"),
            "interaction 1: events must be a list of texts",
        ),
        (
            _WITH_BODY.format("{text: abc, pieces: [1, 1]}"),
            "pieces add up to 2 bytes, but the body has 3",
        ),
        ("kilo_cassette: 1\n? [a]\n: b", "line 2"),
        ("!!python/object:os.system {}", "could not determine a constructor"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, reason: str) -> None:
    """A text that is no cassette of this format is refused with the reason."""
    with pytest.raises(ValueError, match=reason.replace("(", r"\(")):
        parse_document(text)


def test_a_vector_takes_one_line() -> None:
    """A list of numbers, such as an embedding, is one line of the file."""
    assert dump({"embedding": [0.5, 1e-7, 3], "texts": ["a", "b"]}) == (
        "embedding: [0.5, 1e-07, 3]\ntexts:\n- a\n- b\n"
    )


def test_json_of_earlier_versions_is_read() -> None:
    """Cassettes that kept the layout of JSON text, and numbers in their own spelling, give the same values."""
    body = {"json": {"cost": 8e-8}, "layout": "spaced ascii", "before": "\n"}
    assert parse_recorded_body(body) == (b'{"cost":8e-08}', None)
    assert load("cost: 8e-8\nprice: 0.50\nembedding:\n- 1E-7\n") == {"cost": 8e-8, "price": 0.5, "embedding": [1e-7]}
