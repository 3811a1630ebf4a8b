"""The real gateway as an application: sends on what comes, as it is, and gives back the answer as it arrives.

The key passes through. Nothing is kept, no redirect is followed, and a client that leaves ends its call.
"""

from __future__ import annotations

import os
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse

from kilo_gateway.errors import InvalidSettingError, KiloError, RequestTimeoutError
from kilo_gateway.errors.redaction import redact
from kilo_gateway.request.changes import CHANGES_HEADER
from kilo_gateway.settings.base_url import check_cleartext, parse_base_url, parse_proxies
from kilo_gateway.settings.headers import HeaderList
from kilo_gateway.settings.timeouts import Timeouts
from kilo_gateway.testing.loopback.connection import connection_of
from kilo_gateway.transport.connections import async_carrier, route_of
from kilo_gateway.transport.exchange import AsyncExchange, Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from kilo_gateway.testing.loopback.connection import NumberedProtocol

_DEFAULT_PATH = "/api/gateway/"
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "content-length"}
)
"""What belongs to one connection. Source: RFC 9110, 7.6.1."""
_NOT_SENT_ON = _HOP_BY_HOP | {"host", "accept-encoding", "cookie", "origin", "referer", "expect", CHANGES_HEADER}
_NOT_GIVEN_BACK = _HOP_BY_HOP | {"content-encoding", "set-cookie", "alt-svc", "strict-transport-security"}
_TIMEOUTS = Timeouts(connect=10.0, read=900.0, silence=None)
"""Longer than the gateway's own limit of ten minutes: how long to wait is for the client to say."""


def parse_upstream(url: str, environ: Mapping[str, str]) -> str:
    """Return the base URL of a gateway to send on to; `https://host` alone means its `/api/gateway/`.

    Raises:
        InvalidSettingError: no such URL, or one over which a key would cross a network unencrypted.
    """
    try:
        base_url = parse_base_url(url)
        if urlsplit(base_url).path == "/":
            base_url = f"{base_url.rstrip('/')}{_DEFAULT_PATH}"
        check_cleartext(base_url, proxies=parse_proxies(environ))
    except InvalidSettingError as error:
        raise InvalidSettingError(error.message.replace("base_url", "upstream", 1)) from None
    return base_url


class UpstreamApp:
    """Sends every request on to the host of one base URL, under the path that it came with."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._route = route_of(base_url, os.environ)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        body = await Request(scope, receive).body()
        connection = connection_of(scope)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_when_lost, connection, tasks.cancel_scope)
            exchange = AsyncExchange(self._outgoing(scope, connection, body))
            try:
                await self._relay(exchange, scope, receive, send)
            finally:
                exchange.abort()
                tasks.cancel_scope.cancel()

    def _outgoing(self, scope: Scope, connection: NumberedProtocol, body: bytes) -> Outgoing:
        query = scope["query_string"].decode("ascii", "replace")
        url = f"{self._origin}{scope['raw_path'].decode('ascii', 'replace')}{'?' if query else ''}{query}"
        headers = [
            (name, value)
            for name, value in connection.original_headers
            if name.lower() not in _NOT_SENT_ON and not name.lower().startswith("sec-")
        ]
        return Outgoing(scope["method"], url, HeaderList(headers), body or None, _TIMEOUTS)

    async def _relay(self, exchange: AsyncExchange, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await exchange.open(await async_carrier(self._route))
        except KiloError as error:
            await _refuse(error, exchange.outgoing, scope, receive, send)
            return
        head = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in exchange.headers.items()
            if name.lower() not in _NOT_GIVEN_BACK and not name.lower().startswith("access-control-")
        ]
        await send({"type": "http.response.start", "status": exchange.status, "headers": head})
        try:
            while (piece := await exchange.next_piece()) is not None:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except KiloError:  # the client is to see that its answer is cut, as it would without us
            await connection_of(scope).cut()
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _cancel_when_lost(connection: NumberedProtocol, cancel_scope: anyio.CancelScope) -> None:
    await connection.lost.wait()
    cancel_scope.cancel()


async def _refuse(error: KiloError, outgoing: Outgoing, scope: Scope, receive: Receive, send: Send) -> None:
    """Say that the gateway could not be reached, with the status of a gateway's gateway."""
    secrets = [value.partition(" ")[2] for name, value in outgoing.headers if name.lower() == "authorization"]
    is_late = isinstance(error, RequestTimeoutError)
    status = HTTPStatus.GATEWAY_TIMEOUT if is_late else HTTPStatus.BAD_GATEWAY
    body = {"error": {"message": redact(f"kilo-gateway serve: {error}", secrets), "code": int(status)}}
    await JSONResponse(body, status)(scope, receive, send)
