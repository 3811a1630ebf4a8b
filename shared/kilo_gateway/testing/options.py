"""How one embedded gateway behaves where the real one varies. Holds values; reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Version = Literal["newest", "2026-02"]
"""The server generation that is imitated."""
VERSIONS: tuple[Version, ...] = ("newest", "2026-02")


@dataclass(kw_only=True)
class Options:
    """Settings of one embedded gateway; a test may change them while it runs."""

    version: Version = "newest"
    event_delay_seconds: float = 0.0
    """The wait after each streamed event of the built-in models."""
    usage_shape: Literal["a", "b", "c"] = "c"
    """The usage chunk: `a` an empty delta without finish reason, `b` no choice, `c` a choice repeating the finish
    reason."""
    leading_comments: int = 2
    """Comment lines before the first event of a stream."""
    comment_every_events: int = 16
    """A comment in mid-stream after every so many events; 0 sends none."""
    accept_kilo_auto: bool = False
    """Whether the newest version still takes `kilo/auto` as an alias of `kilo-auto/balanced`."""
    client_ip: str | None = "203.0.113.7"
    """The client address that the platform in front reports; None is refused by the gateway."""
    clock_seconds: float = 1_787_000_000.0
    """The time that bodies carry and counters use, in seconds since 1970; moves only when set."""
    free_requests_per_hour: int = 200
    anonymous_requests_per_day: int = 10_000
    account_requests: int | None = None
    """Requests after which the account-wide limit of the newest version answers; None has no limit."""
    providers_shape: Literal["array", "data"] = "array"
    models_failed: bool = False
    """Whether the model list answers its own error."""
    events_per_write: int = 1
    """How many events of an undisturbed stream may share one write."""
    keep_usage_cost_of_free_models: bool = False
    """Whether the newest version reports a cost for models that are free for the user."""
