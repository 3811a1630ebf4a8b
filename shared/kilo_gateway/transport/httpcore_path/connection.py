"""A connection of httpcore's between and during exchanges, and what both kinds of response share."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from kilo_gateway.clock import monotonic
from kilo_gateway.transport.body import Body, offered_codings
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.decoding import ACCEPT_ENCODING, OFFERED
from kilo_gateway.transport.free_list import KEPT_SECONDS, FreeList
from kilo_gateway.transport.outgoing import Bounds, Outgoing
from kilo_gateway.transport.parser_buffer import states_two_ends, unread_bytes
from kilo_gateway.transport.vocabulary import render_timeouts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.transport.sockets.backends import AsyncBackend, Backend

FAILURES = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class HttpcoreConnection:
    """A connection of httpcore's with the backend that made its socket."""

    def __init__(self, http: Any, backend: Backend | AsyncBackend) -> None:
        self.http = http
        self.backend = backend
        self.idle_since = 0.0

    def lend(self, bounds: Bounds) -> None:
        """Let an exchange wait by its bounds."""
        self.backend.bounds = bounds

    def take_back(self) -> None:
        """End what `lend` began."""
        del self.backend.bounds

    def is_whole(self) -> bool:
        """Return whether the answer ended where the bytes ended, and the connection may be used again."""
        channel = self.backend.channel
        return channel is not None and not channel.is_closed and unread_bytes(self.http) == b""

    def is_fresh(self) -> bool:
        """Return whether it may carry another request: young enough, and silent since the last answer."""
        channel = self.backend.channel
        return channel is not None and monotonic() - self.idle_since < KEPT_SECONDS and channel.is_quiet()

    def abort(self) -> None:
        """Close the socket at once."""
        if self.backend.channel is not None:
            self.backend.channel.abort()


@lru_cache(maxsize=64)
def _parse(url: str) -> tuple[httpcore.URL, bytes]:
    """Return the URL as httpcore takes it, and the value of the Host header. URLs are few, parsing one is slow."""
    parsed = httpx.URL(url)
    target = httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path or b"/"
    )
    return target, parsed.netloc


def render_for_httpcore(outgoing: Outgoing) -> tuple[httpcore.Request, tuple[Any, ...], tuple[str, ...]]:
    """Return the request, the key of its connections, and the codings that it offers."""
    url, host = _parse(outgoing.url)
    headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in outgoing.headers]
    named = {name.lower() for name, _ in headers}
    own = (
        (b"Host", host),
        (b"Accept-Encoding", ACCEPT_ENCODING.encode("ascii")),
        (b"Connection", b"keep-alive"),
        *(() if outgoing.content is None else ((b"Content-Length", str(len(outgoing.content)).encode("ascii")),)),
    )
    headers[:0] = [(name, value) for name, value in own if name.lower() not in named]
    request = httpcore.Request(
        outgoing.method,
        url,
        headers=headers,
        content=outgoing.content,
        extensions={"timeout": render_timeouts(outgoing)},
    )
    offered = offered_codings(outgoing.headers)
    return request, (url.scheme, url.host, url.port), OFFERED if offered is None else offered


class HttpcoreResponseBase:
    """What both kinds of response share."""

    _is_over = True  # until all is set: a signal may interrupt the constructor

    def __init__(
        self, response: Any, connection: HttpcoreConnection, free: FreeList[HttpcoreConnection], outgoing: Outgoing
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = httpx.Headers(response.headers)
        self._response = response
        self._connection = connection
        self._free = free
        self._outgoing = outgoing
        self._key: tuple[Any, ...] = ()
        self._offered: tuple[str, ...] = OFFERED
        self._body: Body | None = None
        self._is_over = False

    def _begin(self) -> Body:
        self._body = Body(self.headers, self._offered)
        return self._body

    def _end(self) -> None:
        self._is_over = True
        if self._connection.is_whole() and not states_two_ends(self.headers):
            self._connection.take_back()
            self._free.give_back(self._key, self._connection)
        else:
            self._connection.abort()

    def _bound_drain(self) -> None:
        self._connection.lend(Bounds(replace(self._outgoing, deadline=monotonic() + DRAIN_SECONDS)))
