"""An httpx client for event loops."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx

from kilo_gateway.clock import monotonic
from kilo_gateway.transport.background import close_later
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.httpx_path.exchanging import HttpxResponseBase, render_for_client
from kilo_gateway.transport.parser_buffer import may_become_last_chunk, unread_bytes
from kilo_gateway.transport.vocabulary import as_httpx, foreign_failures

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from kilo_gateway.transport.body import Body
    from kilo_gateway.transport.outgoing import Bounds, Outgoing

T = TypeVar("T")


async def _by_the_end(bounds: Bounds, coming: Awaitable[T]) -> T:
    """Wait for httpx no longer than `total` and `silence` allow, whatever its own waits add up to."""
    end = bounds.end_of_wait(None)
    with anyio.move_on_after(None if end is None else end - monotonic()):
        return await coming
    bounds.check()
    raise httpx.ReadTimeout("nothing came in time")  # cut a moment before the bound: the clocks are two


class _AsyncHttpxResponse(HttpxResponseBase):
    _raw: AsyncIterator[bytes] | None = None

    async def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or await self._receive(body)) is not None:
                    return piece
        except foreign_failures() as failure:
            self.abort()
            raise as_httpx(failure, self._outgoing) from failure
        except BaseException:
            self.abort()
            raise
        return None

    async def _receive(self, body: Body) -> bytes | None:
        if self._was_read:
            return self._take_what_was_read()
        if self._raw is None:
            self._raw = aiter(self._response.stream)
        coming = anext(self._raw, None)
        # A scope for each piece is dear: only where `total` was asked for.
        data = await (coming if self._outgoing.deadline is None else _by_the_end(self._bounds, coming))
        if data is not None:
            return body.feed(data)
        await self._give_back()
        self._is_over = True
        body.finish()
        return None

    async def _give_back(self) -> None:
        if self._network is not None and self._is_last():
            await self._network.aclose()
        await self._response.aclose()

    async def drain(self) -> None:
        if self._is_over or self._raw is None or self._network is None:
            return
        unread = unread_bytes(self._response.stream)
        if unread is None or not may_become_last_chunk(unread):
            return
        with anyio.move_on_after(DRAIN_SECONDS):
            if await anext(self._raw, None) is None:
                self._is_over = True
                await self._give_back()

    def abort(self) -> None:
        """Shut the socket down at once; httpx's own closing, which awaits, follows in a task that nobody waits for."""
        self._is_over = True
        if self._response.is_closed:
            return
        if self._network is not None:
            _shut_down(self._network.get_extra_info("socket"))
        close_later(self._response.aclose)


def _shut_down(socket: Any) -> None:
    with suppress(OSError, AttributeError, NotImplementedError, TypeError):  # uvloop's sockets cannot, some have none
        socket.shutdown(2)


class AsyncHttpxCarrier:
    """Sends over an `httpx.AsyncClient` or what has its interface."""

    def __init__(self, client: Any, *, is_own: bool) -> None:
        self.client = client
        self._is_own = is_own

    async def send(self, outgoing: Outgoing, bounds: Bounds) -> _AsyncHttpxResponse:
        """Return the answer when its head has come."""
        try:
            request = render_for_client(self.client, outgoing, is_own=self._is_own)
            coming = self.client.send(request, stream=True, follow_redirects=False)
            return _AsyncHttpxResponse(await _by_the_end(bounds, coming), outgoing, bounds)
        except foreign_failures() as failure:
            raise as_httpx(failure, outgoing) from failure

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed, by whomever."""
        return bool(self.client.is_closed)

    async def aclose(self) -> None:
        """Close the client: for those that are ours."""
        await self.client.aclose()
