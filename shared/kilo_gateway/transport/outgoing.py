"""One HTTP request, and the moments at which waiting for its answer ends. Sends nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kilo_gateway.clock import monotonic
from kilo_gateway.errors import RequestTimeoutError
from kilo_gateway.transport.lazy_httpx import httpx

if TYPE_CHECKING:
    from kilo_gateway.settings.headers import HeaderList
    from kilo_gateway.settings.timeouts import Timeouts


@dataclass(slots=True)
class Outgoing:
    """One HTTP request."""

    method: str
    url: str
    headers: HeaderList
    content: bytes | None
    timeouts: Timeouts
    timeout_is_given: bool = True
    """Whether to use these timeouts even on a client of the caller's."""
    deadline: float | None = None
    """The moment, by the monotonic clock, after which the call as a whole is late."""


def host_of(url: str) -> str:
    """Return host and port, for messages."""
    parsed = httpx.URL(url)
    host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
    return f"{host}:{parsed.port or {'http': 80}.get(parsed.scheme, 443)}"


@dataclass(slots=True)
class Bounds:
    """The bounds `silence` and `total` of one exchange. A carrier ends each of its waits by `end_of_wait`."""

    outgoing: Outgoing
    _last_event: float = field(default_factory=monotonic)

    def note_event(self) -> None:
        """Count silence from now on: part of the answer has come, not only keep-alives."""
        self._last_event = monotonic()

    def end_of_wait(self, seconds: float | None) -> float | None:
        """Return the moment at which a wait of at most so many seconds, beginning now, must end; None for never."""
        end = self._end()
        if seconds is None:
            return end
        until = monotonic() + seconds
        return until if end is None or until < end else end

    def check(self) -> None:
        """Raise RequestTimeoutError when `silence` or `total` is over.

        A carrier calls it when a wait ends without bytes, to say which bound it was; the exchange after each piece.
        """
        end = self._end()
        if end is not None and monotonic() >= end:
            self._raise()

    def _end(self) -> float | None:
        silence, deadline = self.outgoing.timeouts.silence, self.outgoing.deadline
        if silence is None:
            return deadline
        end = self._last_event + silence
        return end if deadline is None or end < deadline else deadline

    def _raise(self) -> None:
        host = host_of(self.outgoing.url)
        deadline, silence = self.outgoing.deadline, self.outgoing.timeouts.silence
        if deadline is not None and monotonic() >= deadline:
            total = self.outgoing.timeouts.total
            allowed = "timeout.total allows" if total is None else f"the {total:g} s of timeout.total"
            raise RequestTimeoutError(
                f"The call to {host} took longer than {allowed}. Ask for less, or raise timeout.total."
            )
        raise RequestTimeoutError(
            f"{host} kept the connection open for {silence:g} s without sending any of the answer. Try again, or "
            "raise timeout."
        )
