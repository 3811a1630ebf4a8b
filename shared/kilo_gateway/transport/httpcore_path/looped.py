"""httpcore's connections for event loops."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import httpcore

from kilo_gateway.errors import RequestTimeoutError
from kilo_gateway.transport.background import close_later
from kilo_gateway.transport.free_list import FreeList
from kilo_gateway.transport.httpcore_path.connection import (
    FAILURES,
    HttpcoreConnection,
    HttpcoreResponseBase,
    render_for_httpcore,
)
from kilo_gateway.transport.sockets.backends import AsyncBackend
from kilo_gateway.transport.vocabulary import as_httpx

if TYPE_CHECKING:
    import ssl

    from kilo_gateway.transport.body import Body
    from kilo_gateway.transport.outgoing import Bounds, Outgoing


class _AsyncHttpcoreResponse(HttpcoreResponseBase):
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
        self._free = FreeList[HttpcoreConnection]()

    async def send(self, outgoing: Outgoing, bounds: Bounds) -> _AsyncHttpcoreResponse:
        """Return the answer when its head has come."""
        request, key, offered = render_for_httpcore(outgoing)
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

    def _connect(self, origin: httpcore.Origin) -> HttpcoreConnection:
        backend = AsyncBackend()
        http = httpcore.AsyncHTTPConnection(origin, ssl_context=self._context, network_backend=backend)
        return self._free.add(HttpcoreConnection(http, backend))

    async def aclose(self) -> None:
        """Close every connection."""
        self.is_closed = True
        self._free.close()
