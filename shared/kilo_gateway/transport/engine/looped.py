"""The engine for asyncio's event loops, uvloop's among them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kilo_gateway.errors import RequestTimeoutError
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.engine.connection import EngineConnection, EngineResponseBase, late, not_connected, write
from kilo_gateway.transport.engine.reader import Reader
from kilo_gateway.transport.engine.request import RenderedRequest, render_http_request
from kilo_gateway.transport.engine.watch import Watch
from kilo_gateway.transport.free_list import FreeList
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.sockets.connecting import connect_in_asyncio
from kilo_gateway.transport.sockets.waits import run_async, wait_in_asyncio
from kilo_gateway.transport.vocabulary import name_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from kilo_gateway.transport.body import Body
    from kilo_gateway.transport.outgoing import Bounds, Outgoing


class AsyncEngineResponse(EngineResponseBase):
    """As `carrier.AsyncResponse`."""

    async def next_piece(self) -> bytes | None:
        """Return the next decoded bytes; None at the end, when the connection is given back."""
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or await self._receive(body)) is not None:
                    return piece
        except httpx.RequestError as failure:
            self._fail(failure)
        except BaseException:
            self.close()
            raise
        return None

    async def _receive(self, body: Body) -> bytes | None:
        reader = self._reader
        if not reader.is_whole:
            data = reader.take_rest() or await _receive(self._connection, self._until(), self._bounds)
            plain = reader.feed(data)
            if plain:
                return body.feed(plain)
            self._bounds.check()  # framing alone does not go on for ever
            return None
        self._give_back()
        body.finish()
        return None

    def _give_back(self) -> None:
        self._connection.wait.rest()
        super()._give_back()

    async def drain(self) -> None:
        """Give the connection back if the end is there or comes within `DRAIN_SECONDS`."""
        reader, until = self._reader, self._bounds.end_of_wait(DRAIN_SECONDS)
        try:
            while not self._is_over and not reader.is_whole:
                data = reader.take_rest() or await self._connection.wait.receive(until)
                if data is None or reader.feed(data):
                    break
            if not self._is_over and reader.is_whole:
                self._give_back()
        except (httpx.RequestError, OSError, RequestTimeoutError):
            pass
        finally:
            self.close()


async def _receive(connection: EngineConnection, until: float | None, bounds: Bounds) -> bytes:
    try:
        data: bytes | None = await connection.wait.receive(until)
    except OSError as failure:
        raise httpx.ReadError(str(failure)) from failure
    if data is None:
        late(bounds)
    return data


class AsyncEngineCarrier:
    """Sends over connections of its own on one event loop."""

    def __init__(self, make_context: Callable[[], ssl.SSLContext]) -> None:
        self.is_closed = False
        self._make_context = make_context
        """Called for connections with TLS only."""
        self._free: FreeList[EngineConnection] = FreeList()

    async def send(self, outgoing: Outgoing, bounds: Bounds) -> AsyncEngineResponse:
        """Return the answer when its head has come. Whoever is cancelled meanwhile leaves no connection open."""
        try:
            request = render_http_request(outgoing)
            connection = self._free.take(request.origin) or await self._connect(request, outgoing, bounds)
            try:
                return await self._exchange(connection, request, outgoing, bounds)
            except BaseException:
                connection.abort()
                raise
        except httpx.RequestError as failure:
            name_request(failure, outgoing)
            raise

    async def _exchange(
        self, connection: EngineConnection, request: RenderedRequest, outgoing: Outgoing, bounds: Bounds
    ) -> AsyncEngineResponse:
        bounds.check()
        steps = write(connection.channel, request, outgoing.timeouts.write_bound, bounds)
        was_sent = await run_async(steps, wait_in_asyncio)
        reader, seconds = Reader(), outgoing.timeouts.read_bound
        while not reader.feed_head(await _receive(connection, bounds.end_of_wait(seconds), bounds)):
            bounds.check()
        response = AsyncEngineResponse(connection, reader, request, outgoing, bounds, self._free)
        response.was_sent = was_sent
        return response

    async def _connect(self, request: RenderedRequest, outgoing: Outgoing, bounds: Bounds) -> EngineConnection:
        is_tls, host, port = request.origin
        context = self._make_context() if is_tls else None
        try:
            channel = await connect_in_asyncio(host, port, context, bounds.end_of_wait(outgoing.timeouts.connect))
        except OSError as failure:
            not_connected(failure, bounds)
        watch = Watch(channel, asyncio.get_running_loop())
        return self._free.add(EngineConnection(channel, watch, watch.abort))

    async def aclose(self) -> None:
        """Close every connection."""
        self.is_closed = True
        self._free.close()
