"""What the gateway saw of each request, for a test's assertions. Records; never decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RECEIVED_KEY = "kilo_gateway.received"
"""Where a gateway leaves its record of a request in the ASGI scope, for an application in front of it."""


class ReceivedHeaders:
    """Headers in the order and spelling of arrival; looked up without regard to case."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self.pairs = pairs

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the first value under that name, or the default."""
        wanted = name.lower()
        return next((value for key, value in self.pairs if key.lower() == wanted), default)

    def get_all(self, name: str) -> list[str]:
        """Return every value under that name."""
        wanted = name.lower()
        return [value for key, value in self.pairs if key.lower() == wanted]

    def __getitem__(self, name: str) -> str:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"ReceivedHeaders({self.pairs!r})"


@dataclass(kw_only=True)
class Received:
    """One request as it arrived, and what the gateway made of it."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    query: str
    headers: ReceivedHeaders
    raw_body: bytes
    body: Any
    """The parsed JSON, or the bytes when the body is not JSON."""
    connection_id: int
    """Numbers the TCP connections in order of arrival, from 1."""
    received_at: float
    """`time.monotonic()` at arrival, in seconds."""
    forwarded: dict[str, Any] | None = field(default=None)
    """Chat: the body after the gateway's transformation; None when the request was refused before."""
    status: int | None = None
    """The HTTP status that was answered; None while unanswered or without an HTTP answer."""
