"""httpx as a carrier: the caller's own client, or a stock one where somebody stands in front of httpx.

`httpx2`, the continuation of httpx under another name, has the same public interface and is never imported here. What
httpx does not let us hold is said in docs/http.md: its waits are bounded one by one, and it sends a request to its end
before it looks for an answer.
"""

from __future__ import annotations

import select
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import httpx

from kilo_gateway.clock import monotonic
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.transport.background import close_later
from kilo_gateway.transport.body import Body, offered_codings
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.decoding import ACCEPT_ENCODING
from kilo_gateway.transport.parser_buffer import is_last_chunk, may_become_last_chunk, states_two_ends, unread_bytes
from kilo_gateway.transport.vocabulary import as_httpx, foreign_failures, render_timeouts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping

    from kilo_gateway.transport.outgoing import Bounds, Outgoing

T = TypeVar("T")


def _render(client: Any, outgoing: Outgoing, *, is_own: bool) -> Any:
    """Return the request, with the client's own timeouts and codings where nothing was said."""
    if client.is_closed:
        raise InvalidSettingError("The http_client that was passed in is closed: pass an open one, or none.")
    headers, options = list(outgoing.headers), {}
    if offered_codings(headers) is None:
        headers.append(("Accept-Encoding", ACCEPT_ENCODING if is_own else _codings_of(client)))
    if is_own or outgoing.timeout_is_given:
        options["timeout"] = tuple(render_timeouts(outgoing).values())
    return client.build_request(outgoing.method, outgoing.url, headers=headers, content=outgoing.content, **options)


def _codings_of(client: Any) -> str:
    """Return the codings that the client asks for and that can be read here with a bounded output."""
    return ", ".join(offered_codings(list(client.headers.items())) or ()) or "identity"


class _HttpxResponseBase:
    """What both kinds of response share."""

    def __init__(self, response: Any, outgoing: Outgoing, bounds: Bounds) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._outgoing = outgoing
        self._bounds = bounds
        self._body: Body | None = None
        self._is_over = False
        self._was_read: bool = response.is_stream_consumed
        """Whether somebody, such as a hook of the caller's, has read the body before us; httpx has then decoded it."""

    @property
    def _network(self) -> Any:
        return self._response.extensions.get("network_stream")

    def _begin(self) -> Body:
        if self._was_read:
            self._body = Body({})
        else:
            request: Any = self._response.request
            self._body = Body(self.headers, offered_codings(list(request.headers.items())) or ())
        return self._body

    def _is_last(self) -> bool:
        """Return whether the connection must not serve the next call: it holds more than the answer, or may."""
        return bool(unread_bytes(self._response.stream)) or states_two_ends(self.headers)

    def _take_what_was_read(self) -> bytes | None:
        self._is_over = True
        return self._response.content or None


class _HttpxResponse(_HttpxResponseBase):
    _raw: Iterator[bytes] | None = None

    def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or self._receive(body)) is not None:
                    return piece
        except foreign_failures() as failure:
            self.close()
            raise as_httpx(failure, self._outgoing) from failure
        except BaseException:
            self.close()
            raise
        return None

    def _receive(self, body: Body) -> bytes | None:
        if self._was_read:
            return self._take_what_was_read()
        if self._raw is None:
            self._raw = iter(self._response.stream)
        data = next(self._raw, None)
        if data is not None:
            return body.feed(data)
        self._give_back()
        self._is_over = True
        body.finish()
        return None

    def _give_back(self) -> None:
        """Close the answer; a connection that holds more bytes than the answer is not for the next call."""
        if self._network is not None and self._is_last():
            self._network.close()
        self._response.close()

    def drain(self) -> None:
        if self._is_over or self._network is None or not self._end_is_near():
            return
        if next(self._raw or iter(()), None) is None:
            self._is_over = True
            self._give_back()

    def _end_is_near(self) -> bool:
        """Return whether a read will not block: the end is in the parser already, or bytes are at the socket."""
        unread = unread_bytes(self._response.stream)
        if unread is None or not may_become_last_chunk(unread):
            return False
        if is_last_chunk(unread):
            return True
        poll = select.poll()
        poll.register(self._network.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(DRAIN_SECONDS * 1000))

    def close(self) -> None:
        self._is_over = True
        self._response.close()


class HttpxCarrier:
    """Sends over an `httpx.Client` or what has its interface."""

    def __init__(self, client: Any, *, is_own: bool) -> None:
        self.client = client
        self._is_own = is_own

    def send(self, outgoing: Outgoing, bounds: Bounds) -> _HttpxResponse:
        """Return the answer when its head has come."""
        try:
            request = _render(self.client, outgoing, is_own=self._is_own)
            return _HttpxResponse(self.client.send(request, stream=True, follow_redirects=False), outgoing, bounds)
        except foreign_failures() as failure:
            raise as_httpx(failure, outgoing) from failure

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed, by whomever."""
        return bool(self.client.is_closed)

    def close(self) -> None:
        """Close the client: for those that are ours."""
        self.client.close()


async def _by_the_end(bounds: Bounds, coming: Awaitable[T]) -> T:
    """Wait for httpx no longer than `total` and `silence` allow, whatever its own waits add up to."""
    end = bounds.end_of_wait(None)
    with anyio.move_on_after(None if end is None else end - monotonic()):
        return await coming
    bounds.check()
    raise httpx.ReadTimeout("nothing came in time")  # cut a moment before the bound: the clocks are two


class _AsyncHttpxResponse(_HttpxResponseBase):
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
        if self._is_over or self._network is None:
            return
        unread = unread_bytes(self._response.stream)
        if unread is None or not may_become_last_chunk(unread):
            return
        with anyio.move_on_after(DRAIN_SECONDS):
            if self._raw is not None and await anext(self._raw, None) is None:
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
            request = _render(self.client, outgoing, is_own=self._is_own)
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
