"""The body of a request or an answer as a person reads it in a cassette, and back to bytes."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

from kilo_gateway.jsontext import is_too_deep

_EVENT_STREAM = "text/event-stream"
_FIRST_OF_STREAM = ("data:", "event:", ": ")
BLANK_LINE = "\n\n"
_CRLF_BLANK_LINE = "\r\n\r\n"
_BY_EVENT = "events"
"""Says of `pieces` that each event arrived by itself."""


def parse_exact_json(data: bytes | str) -> Any:
    """Return the JSON object or array, or None for a text that is none, or that a structure would not keep.

    Not kept are names that occur twice, numbers that no float holds, and halves of a surrogate pair.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        if is_too_deep(text):
            return None
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
        render_compact_json(value)
    except (ValueError, RecursionError):  # the errors of decoding and encoding are ValueErrors, too
        return None
    return value if isinstance(value, (dict, list)) else None


def render_compact_json(value: Any) -> bytes:
    """Return the value as compact JSON, as the gateway writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name occurs twice")
    return dict(pairs)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


def holds_events(text: str, content_type: str) -> bool:
    """Return whether the body is a stream of events, by what its header or its beginning says."""
    return _EVENT_STREAM in content_type or text.startswith(_FIRST_OF_STREAM)


def split_events(text: str) -> tuple[list[str], str]:
    """Return a stream's events and what stands between them; joined with it they are the text again.

    The last event is empty when the stream ended with a blank line.
    """
    separator = _CRLF_BLANK_LINE if _CRLF_BLANK_LINE in text else BLANK_LINE
    return text.split(separator), separator


def event_sizes(data: bytes) -> list[int]:
    """Return the bytes of each event of a stream with the blank line after it."""
    separator = (_CRLF_BLANK_LINE if _CRLF_BLANK_LINE.encode() in data else BLANK_LINE).encode()
    *whole, rest = data.split(separator)
    return [len(event) + len(separator) for event in whole] + ([len(rest)] if rest else [])


def render_recorded_body(
    data: bytes | None, content_type: str, pieces: list[int] | None = None
) -> dict[str, Any] | None:
    """Return `{"json": ...}`, `{"events": [...]}`, `{"text": ...}` or `{"base64": ...}`; None for no body."""
    if not data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        body: dict[str, Any] = {"base64": base64.b64encode(data).decode()}
        return {**body, "pieces": pieces} if pieces else body
    if holds_events(text, content_type):
        return _render_events(text, pieces, is_each=pieces == event_sizes(data))
    value = parse_exact_json(text)
    return {"text": text} if value is None else {"json": value}


def _render_events(text: str, pieces: list[int] | None, *, is_each: bool) -> dict[str, Any]:
    events, separator = split_events(text)
    body: dict[str, Any] = {}
    if separator != BLANK_LINE:
        body["separator"] = separator
    if pieces:
        body["pieces"] = _BY_EVENT if is_each else pieces
    is_complete = events[-1] == ""
    if not is_complete:
        body["complete"] = False
    return {**body, "events": events[:-1] if is_complete else events}


def parse_recorded_body(body: Any) -> tuple[bytes, list[int] | None]:
    """Return the bytes, and the sizes of the pieces in which they arrived when that is known.

    Raises:
        ValueError: not a body as `render_recorded_body` writes it; says what is wrong.
    """
    if body is None:
        return b"", None
    if not isinstance(body, Mapping):
        raise ValueError("a body must be a mapping")  # noqa: TRY004 - wrong data, not a wrong call
    for name, parse in (("json", render_compact_json), ("events", None), ("text", _parse_text), ("base64", _decode)):
        if name in body:
            data = _parse_events(body) if parse is None else parse(body[name])
            return data, _parse_pieces(body.get("pieces"), data)
    raise ValueError("a body holds one of json, events, text and base64")


def _parse_events(body: Mapping[str, Any]) -> bytes:
    events = body["events"]
    if not isinstance(events, list) or not all(isinstance(event, str) for event in events):
        raise ValueError("events must be a list of texts")
    all_events = events if body.get("complete", True) is False else [*events, ""]
    return str(body.get("separator", BLANK_LINE)).join(all_events).encode()


def _parse_text(text: Any) -> bytes:
    if not isinstance(text, str):
        raise ValueError("text must be a text; quote it")  # noqa: TRY004 - wrong data, not a wrong call
    return text.encode()


def _decode(text: Any) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from error


def _parse_pieces(pieces: Any, data: bytes) -> list[int] | None:
    if pieces is None:
        return None
    if pieces == _BY_EVENT:
        return event_sizes(data)
    if not isinstance(pieces, list) or not all(type(size) is int and size > 0 for size in pieces):
        raise ValueError("pieces must be `events` or a list of sizes in bytes")
    if sum(pieces) != len(data):
        raise ValueError(f"pieces add up to {sum(pieces)} bytes, but the body has {len(data)}; remove them or record")
    return pieces
