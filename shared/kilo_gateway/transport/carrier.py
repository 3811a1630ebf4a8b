"""What carries one request to the gateway and its answer back: the interface of httpx's path and of our own engine.

A carrier raises httpx's exceptions, as the vocabulary for what goes wrong on a connection, or RequestTimeoutError from
`Bounds.check`; the exchange translates them. It owns the connection: when a response is left, that is given back whole
or closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.transport.outgoing import Bounds, Outgoing

DRAIN_SECONDS = 0.02
"""How long the end of a finished stream is waited for, so that its connection can be used again."""


class Response(Protocol):
    """An answer whose head has come."""

    status: int
    headers: Mapping[str, str]
    """Looked up without case."""

    def next_piece(self) -> bytes | None:
        """Return the next decoded bytes, never empty; None at the end, when the connection is given back."""

    def drain(self) -> None:
        """The reader needs no more: give the connection back if the end is there or comes within DRAIN_SECONDS."""

    def close(self) -> None:
        """Close the connection unless it was given back. May be called at any time, any number of times."""


class Carrier(Protocol):
    """Sends requests, blocking; shared by threads."""

    def send(self, outgoing: Outgoing, bounds: Bounds) -> Response:
        """Return the answer when its head has come."""


class AsyncResponse(Protocol):
    """An answer whose head has come, on an event loop."""

    status: int
    headers: Mapping[str, str]

    async def next_piece(self) -> bytes | None:
        """As `Response.next_piece`."""

    async def drain(self) -> None:
        """As `Response.drain`."""

    def abort(self) -> None:
        """Close the connection at once unless it was given back: no await, so that no cancellation can come between."""


class AsyncCarrier(Protocol):
    """Sends requests on one event loop."""

    async def send(self, outgoing: Outgoing, bounds: Bounds) -> AsyncResponse:
        """Return the answer when its head has come. Whoever is cancelled meanwhile leaves no connection open."""
