"""The ASGI application: reads a request, finds its route, sends the answer or what the script puts in its place."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect, Request

from kilo_gateway.testing.fault import Fault
from kilo_gateway.testing.gateway.delivery import response_of, scripted_answer
from kilo_gateway.testing.gateway.incoming import IncomingRequest
from kilo_gateway.testing.gateway.routes import find_route
from kilo_gateway.testing.loopback.connection import connection_of
from kilo_gateway.testing.received import RECEIVED_KEY, Received, ReceivedHeaders

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from kilo_gateway.testing.gateway.answer import Answer
    from kilo_gateway.testing.gateway.routes import AnswerCall
    from kilo_gateway.testing.gateway.state import GatewayState
    from kilo_gateway.testing.loopback.connection import NumberedProtocol


class GatewayApp:
    """Serves one gateway's state."""

    def __init__(self, state: GatewayState) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; a server that stops or a client that left ends it without a word."""
        connection = connection_of(scope)
        with contextlib.suppress(asyncio.CancelledError, ClientDisconnect):
            received = await _receive(scope, receive, connection)
            self._state.record(received)
            scope[RECEIVED_KEY] = received
            endpoint, answer_call, parameters = find_route(scope, self._state.options.version)
            fault = self._state.take(endpoint, Fault)
            incoming = IncomingRequest(self._state, received, connection, endpoint, parameters, fault)
            response = await response_of(incoming, await _answer(incoming, answer_call))
            received.status = getattr(response, "status_code", None)
            await response(scope, receive, send)
        if connection.transport.is_closing():
            await connection.lost.wait()


async def _receive(scope: Scope, receive: Receive, connection: NumberedProtocol) -> Received:
    raw = await Request(scope, receive).body()
    return Received(
        method=scope["method"],
        path=scope["raw_path"].decode("ascii", "replace"),
        query=scope["query_string"].decode("ascii", "replace"),
        headers=ReceivedHeaders(connection.original_headers),
        raw_body=raw,
        body=_parsed(raw),
        connection_id=connection.number,
        received_at=time.monotonic(),
    )


def _parsed(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw


async def _answer(incoming: IncomingRequest, answer_call: AnswerCall) -> Answer:
    """Return the route's answer; chat looks at the script itself, because its checks come before a reply."""
    reply = None if incoming.endpoint == "chat" else incoming.take_reply()
    scripted = None if reply is None else scripted_answer(incoming, reply)
    return scripted or await answer_call(incoming)
