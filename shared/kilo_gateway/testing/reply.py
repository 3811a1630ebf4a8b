"""What a test may put in the place of a built-in model's answer. Holds values; sends nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN_FIELDS = ("annotations", "images")
"""Fields that stand in the message, or in a delta of their own, under their names and as they are."""

EventSource = bytes | str | dict[str, Any]
"""One event of a stream: raw bytes or text as they are, or an object sent as `data: {json}`."""

_EVENT = re.compile(rb".*?(?:\n\n|\r\n\r\n|\r\r)|.+", re.DOTALL)
"""An event with the blank line after it, and what stands behind the last one; joined they are the same bytes."""


@dataclass(kw_only=True)
class Reply:
    """One scripted answer to one request.

    The gateway's own checks (key, balance, model) still come first. Fields that stay None are filled as the built-in
    models would fill them.
    """

    text: str | None = None
    """The content. None with tool calls is sent as the wire sends it: `""` unstreamed, null in deltas."""
    reasoning: str | None = None
    """Readable reasoning, sent before the text."""
    reasoning_details: Sequence[dict[str, Any]] | None = None
    """Entries of `reasoning_details`, each sent whole; None derives them from `reasoning` and the model's family."""
    tool_calls: Sequence[dict[str, Any]] = ()
    """`{"name", "arguments": object or JSON text, "id"?}` each; arguments given as text are sent as they are."""
    finish_reason: str | None = None
    """None means `tool_calls` when there are some, else `stop`."""
    native_finish_reason: str | None = None
    usage: dict[str, Any] | None = None
    """The usage object as sent; None counts and prices."""
    model: str | None = None
    """The response's `model`; None names the scripted model."""
    provider: str | None = None
    annotations: Sequence[dict[str, Any]] = ()
    images: Sequence[dict[str, Any]] = ()
    body: Any = None
    """The whole unstreamed body, sent as JSON whatever was asked."""
    events: Sequence[EventSource] | None = None
    """The whole streamed body, event by event, sent as it is whatever was asked."""
    stream: bool | None = None
    """Whether to stream; None does what the request asked."""
    delay_seconds: float = 0.0
    """The wait before the first byte."""
    event_delay_seconds: float = 0.0
    """The wait after each event."""
    pieces: Sequence[int] | None = None
    """Sizes in bytes by which the streamed body is cut into writes, repeated from the start when used up."""
    piece_delay_seconds: float = 0.0
    """The wait after each of those pieces."""
    apply_limits: bool = False
    """Whether `stop` and `max_tokens` of the request cut this answer too."""
    times: float = 1
    """For how many requests this reply serves; `math.inf` means for ever."""
    rewrite_comments: bool = field(default=False)
    """Whether `: OPENROUTER PROCESSING` lines are rewritten as the newest gateway does."""

    @property
    def plain_fields(self) -> dict[str, Any]:
        """What is sent under its name, without empty ones."""
        return {name: value for name in _PLAIN_FIELDS if (value := getattr(self, name))}

    @classmethod
    def from_sse(cls, data: bytes, **fields: Any) -> Reply:
        """Return a reply that replays the bytes of a recorded stream exactly."""
        return cls(events=_EVENT.findall(data), **fields)
