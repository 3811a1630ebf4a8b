"""The body of a request or an answer as a person reads it in a cassette, and back to the same bytes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from kilo_gateway.testing.cassettes.json_text import LAYOUTS, JsonText, parse_exactly
from kilo_gateway.testing.cassettes.yaml_text import OneLine, flow

_EVENT_STREAM = "text/event-stream"
_FIRST_OF_STREAM = ("data:", "event:", ": ")
BLANK_LINE = "\n\n"
_CRLF_BLANK_LINE = "\r\n\r\n"
_BY_EVENT = "events"
"""Says of `pieces` that each event arrived by itself."""


def is_event_stream(text: str, content_type: str) -> bool:
    """Return whether the body is a stream of events, by what its header or its beginning says."""
    return _EVENT_STREAM in content_type or text.startswith(_FIRST_OF_STREAM)


def split_events(text: str) -> tuple[list[str], str]:
    """Return a stream's events and what stands between them; joined with it they are the text again.

    The last event is empty when the stream ended with a blank line.
    """
    separator = _CRLF_BLANK_LINE if _CRLF_BLANK_LINE in text else BLANK_LINE
    return text.split(separator), separator


def render_body(data: bytes | None, content_type: str, pieces: list[int] | None = None) -> dict[str, Any] | None:
    """Return `{"json": ...}`, `{"events": [...]}`, `{"text": ...}` or `{"base64": ...}`; None for no body."""
    if not data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        body: dict[str, Any] = {"base64": base64.b64encode(data).decode()}
        return {**body, "pieces": flow(pieces)} if pieces else body
    if is_event_stream(text, content_type):
        return _render_events(text, pieces)
    exact = parse_exactly(text)
    return {"text": text} if exact is None else _render_json(exact)


def _render_json(exact: JsonText) -> dict[str, Any]:
    extras = {"before": exact.before, "after": exact.after}
    layout = {} if exact.layout == "compact" else {"layout": exact.layout}
    return {"json": exact.value, **layout, **{name: OneLine(text) for name, text in extras.items() if text}}


def _render_events(text: str, pieces: list[int] | None) -> dict[str, Any]:
    events, separator = split_events(text)
    body: dict[str, Any] = {}
    if separator != BLANK_LINE:
        body["separator"] = OneLine(separator)
    if pieces:
        body["pieces"] = _BY_EVENT if pieces == _sizes(events, separator) else flow(pieces)
    is_complete = events[-1] == ""
    if not is_complete:
        body["complete"] = False
    return {**body, "events": [OneLine(event) for event in (events[:-1] if is_complete else events)]}


def _sizes(events: list[str], separator: str) -> list[int]:
    """Return the bytes of each event with the blank line after it."""
    whole = [f"{event}{separator}" for event in events[:-1]] + ([events[-1]] if events[-1] else [])
    return [len(event.encode()) for event in whole]


def parse_body(body: Any) -> tuple[bytes, list[int] | None]:
    """Return the bytes, and the sizes of the pieces in which they arrived when that is known.

    Raises:
        ValueError: not a body as `render_body` writes it; says what is wrong.
    """
    if body is None:
        return b"", None
    if not isinstance(body, Mapping):
        raise ValueError("a body must be a mapping")  # noqa: TRY004 - wrong data, not a wrong call
    for name, parse in (("json", _parse_json), ("events", _parse_events), ("text", _parse_text), ("base64", _decode)):
        if name in body:
            data, pieces = parse(body)
            return data, _checked_pieces(pieces, data)
    raise ValueError("a body holds one of json, events, text and base64")


def _parse_json(body: Mapping[str, Any]) -> tuple[bytes, Any]:
    layout = body.get("layout", "compact")
    if layout not in LAYOUTS:
        raise ValueError(f"there is no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    text = JsonText(body["json"], layout, str(body.get("before", "")), str(body.get("after", ""))).render()
    return text.encode(), None


def _parse_events(body: Mapping[str, Any]) -> tuple[bytes, Any]:
    events = body["events"]
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise ValueError("events must be a list of texts")
    separator = str(body.get("separator", BLANK_LINE))
    all_events = events if body.get("complete", True) is False else [*events, ""]
    pieces = body.get("pieces")
    sizes = _sizes(all_events, separator) if pieces == _BY_EVENT else pieces
    return separator.join(all_events).encode(), sizes


def _parse_text(body: Mapping[str, Any]) -> tuple[bytes, Any]:
    if not isinstance(body["text"], str):
        raise ValueError("text must be a text; quote it")  # noqa: TRY004 - wrong data, not a wrong call
    return body["text"].encode(), body.get("pieces")


def _decode(body: Mapping[str, Any]) -> tuple[bytes, Any]:
    try:
        return base64.b64decode(str(body["base64"]), validate=True), body.get("pieces")
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from error


def _checked_pieces(pieces: Any, data: bytes) -> list[int] | None:
    if pieces is None:
        return None
    if not isinstance(pieces, list) or not all(type(size) is int and size > 0 for size in pieces):
        raise ValueError("pieces must be `events` or a list of sizes in bytes")
    if sum(pieces) != len(data):
        raise ValueError(f"pieces add up to {sum(pieces)} bytes, but the body has {len(data)}; remove them or record")
    return pieces
