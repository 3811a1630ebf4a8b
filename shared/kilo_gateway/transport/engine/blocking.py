"""The engine for threads."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING

from kilo_gateway.clock import monotonic
from kilo_gateway.errors import RequestTimeoutError
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.engine.connection import EngineConnection, EngineResponseBase, late, not_connected, write
from kilo_gateway.transport.engine.reader import Reader
from kilo_gateway.transport.engine.request import RenderedRequest, render_http_request
from kilo_gateway.transport.free_list import FreeList
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.sockets.connecting import connect
from kilo_gateway.transport.sockets.waits import run
from kilo_gateway.transport.vocabulary import name_request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from kilo_gateway.transport.body import Body
    from kilo_gateway.transport.outgoing import Bounds, Outgoing
    from kilo_gateway.transport.sockets.channel import Channel


class Waiter:
    """Waits for a channel's bytes by a poll that is made once."""

    __slots__ = ("_channel", "_poll")

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel.sock, select.POLLIN)

    def receive(self, until: float | None) -> bytes | None:
        """Return what came, empty at the end; None when `until` has come. Raises OSError."""
        channel = self._channel
        if (held := channel.take_held()) is not None:
            return held
        while True:
            left = None if until is None else max((until - monotonic()) * 1000, 0.0)
            if not self._poll.poll(left):
                return None
            if (data := channel.take()) is not None:
                return data
            if until is not None and monotonic() >= until:  # bytes that are no text do not make the wait longer
                return None


class EngineResponse(EngineResponseBase):
    """As `carrier.Response`."""

    def next_piece(self) -> bytes | None:
        """Return the next decoded bytes; None at the end, when the connection is given back."""
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or self._receive(body)) is not None:
                    return piece
        except httpx.RequestError as failure:
            self._fail(failure)
        except BaseException:
            self.close()
            raise
        return None

    def _receive(self, body: Body) -> bytes | None:
        reader = self._reader
        if not reader.is_whole:
            data = reader.take_rest() or _receive(self._connection, self._until(), self._bounds)
            plain = reader.feed(data)
            if plain:
                return body.feed(plain)
            self._bounds.check()  # framing alone does not go on for ever
            return None
        self._give_back()
        body.finish()
        return None

    def drain(self) -> None:
        """Give the connection back if the end is there or comes within `DRAIN_SECONDS`."""
        reader, until = self._reader, self._bounds.end_of_wait(DRAIN_SECONDS)
        try:
            while not self._is_over and not reader.is_whole:
                data = reader.take_rest() or self._connection.wait.receive(until)
                if data is None or reader.feed(data):
                    break
            if not self._is_over and reader.is_whole:
                self._give_back()
        except (httpx.RequestError, OSError, RequestTimeoutError):
            pass
        finally:
            self.close()


def _receive(connection: EngineConnection, until: float | None, bounds: Bounds) -> bytes:
    try:
        data: bytes | None = connection.wait.receive(until)
    except OSError as failure:
        raise httpx.ReadError(str(failure)) from failure
    if data is None:
        late(bounds)
    return data


class EngineCarrier:
    """Sends over connections of its own, blocking; shared by threads."""

    is_closed = False
    """Nobody closes it."""

    def __init__(self, make_context: Callable[[], ssl.SSLContext]) -> None:
        self._make_context = make_context
        """Called for connections with TLS only."""
        self._free: FreeList[EngineConnection] = FreeList()

    def send(self, outgoing: Outgoing, bounds: Bounds) -> EngineResponse:
        """Return the answer when its head has come."""
        try:
            request = render_http_request(outgoing)
            connection = self._free.take(request.origin) or self._connect(request, outgoing, bounds)
            try:
                return self._exchange(connection, request, outgoing, bounds)
            except BaseException:
                connection.abort()
                raise
        except httpx.RequestError as failure:
            name_request(failure, outgoing)
            raise

    def _exchange(
        self, connection: EngineConnection, request: RenderedRequest, outgoing: Outgoing, bounds: Bounds
    ) -> EngineResponse:
        bounds.check()
        was_sent = run(write(connection.channel, request, outgoing.timeouts.write_bound, bounds))
        reader, seconds = Reader(), outgoing.timeouts.read_bound
        while not reader.feed_head(_receive(connection, bounds.end_of_wait(seconds), bounds)):
            bounds.check()
        response = EngineResponse(connection, reader, request, outgoing, bounds, self._free)
        response.was_sent = was_sent
        return response

    def _connect(self, request: RenderedRequest, outgoing: Outgoing, bounds: Bounds) -> EngineConnection:
        is_tls, host, port = request.origin
        context = self._make_context() if is_tls else None
        try:
            channel = connect(host, port, context, bounds.end_of_wait(outgoing.timeouts.connect))
        except OSError as failure:
            not_connected(failure, bounds)
        return EngineConnection(channel, Waiter(channel), channel.abort)

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        self._free.close_idle()
