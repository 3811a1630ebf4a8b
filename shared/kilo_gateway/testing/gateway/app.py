"""The ASGI application: reads a request, finds its route, lets faults come first. Answers through the route."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect, Request

from kilo_gateway.testing.fault import Fault
from kilo_gateway.testing.gateway.connection import connection_of
from kilo_gateway.testing.gateway.faulting import send_fault
from kilo_gateway.testing.gateway.routes import find_route
from kilo_gateway.testing.gateway.sending import Exchange
from kilo_gateway.testing.received import Received, ReceivedHeaders

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from kilo_gateway.testing.gateway.connection import NumberedProtocol
    from kilo_gateway.testing.gateway.state import GatewayState


class GatewayApp:
    """Serves one gateway's state."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a server that stops or a client that left ends it without a word."""
        connection = connection_of(scope)
        with contextlib.suppress(asyncio.CancelledError):
            await self._answer(scope, receive, send, connection)
        if connection.transport.is_closing():
            await connection.lost.wait()

    async def _answer(self, scope: Scope, receive: Receive, send: Send, connection: NumberedProtocol) -> None:
        request = Request(scope, receive)
        try:
            raw = await request.body()
        except ClientDisconnect:
            return
        received = Received(
            method=scope["method"],
            path=scope["raw_path"].decode("ascii", "replace"),
            query=scope["query_string"].decode("ascii", "replace"),
            headers=ReceivedHeaders(connection.original_headers),
            raw_body=raw,
            body=_parsed(raw),
            connection_id=connection.number,
            received_at=time.monotonic(),
        )
        self._state.record(received)
        exchange = Exchange(self._state, received, connection, send)
        route = find_route(received.method, received.path, self._state.options.version)
        if route.endpoint == "chat":
            await route.answer(exchange, route.parameters)
            return
        scripted = self._state.take(route.endpoint)
        if isinstance(scripted, Fault) and not await send_fault(exchange, scripted):
            return
        await route.answer(exchange, route.parameters)


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
