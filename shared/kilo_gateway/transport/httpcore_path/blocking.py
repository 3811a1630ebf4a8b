"""httpcore's connections for threads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpcore

from kilo_gateway.errors import RequestTimeoutError
from kilo_gateway.transport.free_list import FreeList
from kilo_gateway.transport.httpcore_path.connection import (
    FAILURES,
    HttpcoreConnection,
    HttpcoreResponseBase,
    render_for_httpcore,
)
from kilo_gateway.transport.sockets.backends import Backend
from kilo_gateway.transport.vocabulary import as_httpx

if TYPE_CHECKING:
    import ssl

    from kilo_gateway.transport.body import Body
    from kilo_gateway.transport.outgoing import Bounds, Outgoing


class _HttpcoreResponse(HttpcoreResponseBase):
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

    is_closed = False
    """Nobody closes it."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._free = FreeList[HttpcoreConnection]()

    def send(self, outgoing: Outgoing, bounds: Bounds) -> _HttpcoreResponse:
        """Return the answer when its head has come."""
        request, key, offered = render_for_httpcore(outgoing)
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

    def _connect(self, origin: httpcore.Origin) -> HttpcoreConnection:
        backend = Backend()
        http = httpcore.HTTPConnection(origin, ssl_context=self._context, network_backend=backend)
        return HttpcoreConnection(http, backend)

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        self._free.close_idle()
