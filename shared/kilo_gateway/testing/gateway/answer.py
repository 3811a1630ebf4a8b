"""What the gateway will answer to one request, before a fault is laid over it. Holds values; sends nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HTML_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>503 Service Temporarily Unavailable</title></head>\n"
    "<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>\n"
)
"""What `Fault(body="html")` sends: the page of an edge in front of the gateway."""


@dataclass(kw_only=True)
class Answer:
    """One answer; `body` whole, and `events` when it can be streamed."""

    body: Any = field(default=None, kw_only=False)
    """Objects are sent as JSON, text as text or HTML, bytes as they are, None as nothing."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[bytes] | None = None
    is_streamed: bool = False
    """Whether the events are sent, not the body."""
    event_delay_seconds: float = 0.0
    events_per_write: int = 1
    is_relayed: bool = False
    """Whether it carries the headers of an answer that comes from a provider."""


def json_bytes(body: object) -> bytes:
    """Return the compact JSON of a body; half a character is escaped, as JavaScript servers send it."""
    try:
        return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(body, separators=(",", ":")).encode()


def render_event(data: Any) -> bytes:
    """Return `data: {json}` with its blank line."""
    return b"data: " + json_bytes(data) + b"\n\n"


def encode_body(body: Any) -> tuple[bytes, str | None]:
    """Return the bytes of a body and its content type; None when there is nothing to type."""
    if body is None or body in (b"", ""):
        return b"", None
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        text = HTML_PAGE if body == "html" else body
        kind = "text/html" if text.lstrip().startswith("<") else "text/plain"
        return text.encode(), f"{kind}; charset=utf-8"
    return json_bytes(body), "application/json"
