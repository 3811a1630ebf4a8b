"""What a test may make the gateway do wrong, or refuse. Holds values; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.reply import EventSource, Reply


@dataclass(kw_only=True)
class Fault:
    """One thing that goes wrong with one request.

    With `status`, `raw`, `cut_before_headers` or an error's name the fault is the answer. Otherwise it is laid over
    the answer that would have come, or over `reply`. "Events" are counted by their data lines; comments do not count.
    """

    status: int | None = None
    """The answer's HTTP status; with it `body` and `headers` are the whole answer."""
    body: Any = None
    """Objects and lists go as JSON, text as text/plain or (from a `<`) text/html, `"html"` as a stock page, None as
    nothing."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Added to the answer's headers, replacing those of the same name."""
    delay_seconds: float = 0.0
    """The wait before anything is sent; `math.inf` never answers."""
    raw: bytes | None = None
    """Bytes written to the connection instead of an HTTP answer, which is then closed."""
    cut_before_headers: bool = False
    """Close the connection instead of answering."""
    cut_after_events: int | None = None
    """Close the connection inside the chunked body after so many events."""
    cut_after_bytes: int | None = None
    """Close the connection after so many bytes of the body, be it inside an event."""
    reset: bool = False
    """Whether cuts are made by a TCP reset instead of an orderly close."""
    end_after_events: int | None = None
    """End the body properly, as if complete, after so many events."""
    error_event: dict[str, Any] | None = None
    """An event sent after `after_events` events; the stream ends there, without `[DONE]` in the newest version."""
    malformed_after_events: int | None = None
    """Send `malformed` after so many events and go on."""
    malformed: bytes = b'data: {"id":"gen-broken","choices":[{"index":0,"delta":{"content":"lost\n\n'
    insert: EventSource | None = None
    """Something of your own, sent after `after_events` events; the stream goes on."""
    after_events: int = 0
    keepalive_seconds: float = 0.0
    """Send comments for so long before the first event; `math.inf` for ever."""
    keepalive_every_seconds: float = 0.3
    stall_after_events: int | None = None
    """Fall silent after so many events."""
    stall_seconds: float = float("inf")
    hold_seconds: float = 0.0
    """Keep the connection open so long after the last event, without ending the body."""
    trailing: bytes = b""
    """Bytes sent after the last event, before the hold."""
    as_json: bool = False
    """Answer with a JSON body although a stream was asked."""
    reply: Reply | None = None
    """The answer that the fault is laid over; None takes the built-in models'."""
    times: float = 1
    """How many requests meet this fault; `math.inf` means for ever."""
    error_id: str | None = None
    """The id of one of the gateway's own errors; set by `named`."""
    fill: Mapping[str, str] = field(default_factory=dict)
    """Values for the places of that error's body, such as `{"<id>": "acme/model"}`."""

    @classmethod
    def named(cls, error_id: str, **fields: Any) -> Fault:
        """Return the gateway's own error of that id; see `error_ids`."""
        return cls(error_id=error_id, **fields)

    @property
    def is_answer(self) -> bool:
        """Whether the fault itself is the answer."""
        return self.error_id is not None or self.status is not None or self.raw is not None or self.cut_before_headers
