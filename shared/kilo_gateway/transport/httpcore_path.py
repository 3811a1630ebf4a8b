"""httpcore's connections over our own sockets, with a free list instead of its pool, as a carrier.

The pool looks at every idle connection for every request, and hands one on without looking for bytes behind the answer.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from kilo_gateway.clock import monotonic
from kilo_gateway.errors import RequestTimeoutError
from kilo_gateway.transport.background import close_later
from kilo_gateway.transport.body import Body, offered_codings
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.decoding import ACCEPT_ENCODING, OFFERED
from kilo_gateway.transport.free_list import KEPT_SECONDS, FreeList
from kilo_gateway.transport.outgoing import Bounds, Outgoing
from kilo_gateway.transport.parser_buffer import states_two_ends, unread_bytes
from kilo_gateway.transport.sockets.backends import AsyncBackend, Backend
from kilo_gateway.transport.vocabulary import as_httpx, render_timeouts

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

FAILURES = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class _HttpcoreConnection:
    """A connection of httpcore's with the backend that made its socket."""

    def __init__(self, http: Any, backend: Backend | AsyncBackend) -> None:
        self.http = http
        self.backend = backend
        self.idle_since = 0.0

    def lend(self, bounds: Bounds) -> None:
        """Let an exchange wait by its bounds."""
        if self.backend.channel is None:
            self.backend.bounds = bounds
        else:
            self.backend.channel.bounds = bounds

    def take_back(self) -> None:
        """End what `lend` began."""
        if self.backend.channel is not None:
            self.backend.channel.bounds = None

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


def _render(outgoing: Outgoing) -> tuple[httpcore.Request, tuple[Any, ...], tuple[str, ...]]:
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


class _HttpcoreResponseBase:
    """What both kinds of response share."""

    def __init__(
        self, response: Any, connection: _HttpcoreConnection, free: FreeList[_HttpcoreConnection], outgoing: Outgoing
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = httpx.Headers(response.headers)
        self._response = response
        self._connection = connection
        self._free = free
        self._outgoing = outgoing
        self._is_over = False
        self._key: tuple[Any, ...] = ()
        self._offered: tuple[str, ...] = OFFERED
        self._body: Body | None = None

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


class _HttpcoreResponse(_HttpcoreResponseBase):
    _raw: Any = None

    def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or self._receive(body)) is not None:
                    return piece
        except FAILURES as failure:
            self.close()
            raise as_httpx(failure, self._outgoing) from failure
        except BaseException:
            self.close()
            raise
        return None

    def _receive(self, body: Body) -> bytes | None:
        if self._raw is None:
            self._raw = iter(self._response.stream)
        data = next(self._raw, None)
        if data is not None:
            return body.feed(data)
        self._response.close()
        self._end()
        body.finish()
        return None

    def drain(self) -> None:
        if self._is_over or self._raw is None:
            return
        self._bound_drain()
        try:
            if next(self._raw, None) is None:
                self._response.close()
                self._end()
        except (*FAILURES, RequestTimeoutError):
            pass
        self.close()

    def close(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._connection.abort()
            self._response.close()


class HttpcoreCarrier:
    """Sends over connections of its own, blocking; shared by threads."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.is_closed = False
        self._context = context
        self._free = FreeList[_HttpcoreConnection]()

    def send(self, outgoing: Outgoing, bounds: Bounds) -> _HttpcoreResponse:
        """Return the answer when its head has come."""
        request, key, offered = _render(outgoing)
        connection = self._free.take(key) or self._connect(request.url.origin)
        try:
            connection.lend(bounds)
            response = _HttpcoreResponse(connection.http.handle_request(request), connection, self._free, outgoing)
        except FAILURES as failure:
            connection.abort()
            raise as_httpx(failure, outgoing) from failure
        except BaseException:
            connection.abort()
            raise
        response._key, response._offered = key, offered
        return response

    def _connect(self, origin: httpcore.Origin) -> _HttpcoreConnection:
        backend = Backend()
        http = httpcore.HTTPConnection(origin, ssl_context=self._context, network_backend=backend)
        return self._free.add(_HttpcoreConnection(http, backend))

    def close(self) -> None:
        """Close every connection."""
        self.is_closed = True
        self._free.close()


class _AsyncHttpcoreResponse(_HttpcoreResponseBase):
    _raw: Any = None

    async def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or await self._receive(body)) is not None:
                    return piece
        except BaseException as failure:
            self._raw = None  # it has ended with the failure
            self.abort()
            if isinstance(failure, FAILURES):
                raise as_httpx(failure, self._outgoing) from failure
            raise
        return None

    async def _receive(self, body: Body) -> bytes | None:
        if self._raw is None:
            self._raw = aiter(self._response.stream)
        data = await anext(self._raw, None)
        if data is not None:
            return body.feed(data)
        await self._response.aclose()
        self._end()
        body.finish()
        return None

    async def drain(self) -> None:
        if self._is_over or self._raw is None:
            return
        self._bound_drain()
        try:
            if await anext(self._raw, None) is None:
                await self._response.aclose()
                self._end()
        except (*FAILURES, RequestTimeoutError):
            pass
        finally:
            self.abort()

    def abort(self) -> None:
        """Close the socket at once; httpcore's generators, which await to end, end in a task that nobody waits for."""
        if self._is_over:
            return
        self._is_over = True
        self._connection.abort()
        if self._raw is not None:
            close_later(partial(_run_out, self._raw))

    def __del__(self) -> None:
        if not self._is_over:  # dropped without an end: nobody waits, so that any thread may close
            self._connection.abort()


async def _run_out(raw: Any) -> None:
    """Let generators whose socket is closed come to their end, each of them; closing the outer leaves the inner."""
    async for _ in raw:
        pass


class AsyncHttpcoreCarrier:
    """Sends over connections of its own on one event loop."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.is_closed = False
        self._context = context
        self._free = FreeList[_HttpcoreConnection]()

    async def send(self, outgoing: Outgoing, bounds: Bounds) -> _AsyncHttpcoreResponse:
        """Return the answer when its head has come."""
        request, key, offered = _render(outgoing)
        connection = self._free.take(key) or self._connect(request.url.origin)
        try:
            connection.lend(bounds)
            answer = await connection.http.handle_async_request(request)
            response = _AsyncHttpcoreResponse(answer, connection, self._free, outgoing)
        except FAILURES as failure:
            connection.abort()
            raise as_httpx(failure, outgoing) from failure
        except BaseException:
            connection.abort()
            raise
        response._key, response._offered = key, offered
        return response

    def _connect(self, origin: httpcore.Origin) -> _HttpcoreConnection:
        backend = AsyncBackend()
        http = httpcore.AsyncHTTPConnection(origin, ssl_context=self._context, network_backend=backend)
        return self._free.add(_HttpcoreConnection(http, backend))

    async def aclose(self) -> None:
        """Close every connection."""
        self.is_closed = True
        self._free.close()
