"""httpx as a carrier: the caller's own client, or a stock one where somebody stands in front of httpx.

`httpx2`, the continuation of httpx under another name, has the same public interface and is never imported here. What
httpx does not let us hold is said in docs/http.md: its waits are bounded one by one, and it sends a request to its end
before it looks for an answer.
"""

from __future__ import annotations

import asyncio
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import httpx

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.decoding import ACCEPT_ENCODING, OFFERED, decoder_for
from kilo_gateway.transport.parser_buffer import is_last_chunk, may_become_last_chunk, unread_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from kilo_gateway.transport.decoding import Decoder
    from kilo_gateway.transport.outgoing import Bounds, Outgoing

_closing: set[asyncio.Task[None]] = set()
"""Answers that are being closed in the background; a task that nobody holds may be collected."""


def _foreign() -> tuple[type[Exception], ...]:
    """Return what httpx2 raises, if the caller has loaded it."""
    module = sys.modules.get("httpx2")
    return () if module is None else (module.HTTPError, module.InvalidURL, module.StreamError)


def _as_httpx(failure: Exception) -> Exception:
    """Return the httpx exception of the same name, or of the nearest base that httpx has."""
    names = (kind.__name__ for kind in type(failure).__mro__)
    kind = next(found for name in names if isinstance(found := getattr(httpx, name, None), type))
    converted: Exception = kind(str(failure))
    with suppress(RuntimeError):  # a failure that names no request
        converted.request = failure.request  # type: ignore[attr-defined]
    return converted


def _render(client: Any, outgoing: Outgoing, *, is_own: bool) -> Any:
    """Return the request, with the client's own timeouts and codings where nothing was said."""
    if client.is_closed:
        raise InvalidSettingError("The http_client that was passed in is closed: pass an open one, or none.")
    headers = list(outgoing.headers)
    if not any(name.lower() == "accept-encoding" for name, _ in headers):
        headers.append(("Accept-Encoding", ACCEPT_ENCODING if is_own else _codings_of(client)))
    bounds, options = outgoing.timeouts, {}
    if is_own or outgoing.timeout_is_given:
        options["timeout"] = (bounds.connect, bounds.read_bound, bounds.read, None)
    return client.build_request(outgoing.method, outgoing.url, headers=headers, content=outgoing.content, **options)


def _codings_of(client: Any) -> str:
    """Return the codings that the client asks for and that can be read here with a bounded output."""
    asked = {part.partition(";")[0].strip().lower() for part in client.headers.get("accept-encoding", "").split(",")}
    return ", ".join(name for name in OFFERED if name in asked or "*" in asked) or "identity"


class _Response:
    """What both kinds of response share."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._decoder: Decoder | None = None
        self._decoded: Iterator[bytes] = iter(())
        self._is_over = False
        self._was_read: bool = response.is_stream_consumed
        """Whether somebody, such as a hook of the caller's, has read the body before us; httpx has then decoded it."""

    @property
    def _network(self) -> Any:
        return self._response.extensions.get("network_stream")

    def _begin(self) -> None:
        offered = self._response.request.headers.get("accept-encoding", "")
        self._decoder = decoder_for(self.headers.get("content-encoding", ""), [c.strip() for c in offered.split(",")])

    def _decode(self, data: bytes) -> bytes | None:
        """Return the first plain bytes of this data and keep the rest for later; None when it holds none yet."""
        if self._decoder is None:
            return data or None
        self._decoded = self._decoder.feed(data)
        return next(self._decoded, None)

    def _finish(self) -> None:
        self._is_over = True
        if self._decoder is not None:
            self._decoder.finish()

    def _take_what_was_read(self) -> bytes | None:
        self._is_over = True
        return self._response.content or None


class _SyncResponse(_Response):
    _raw: Iterator[bytes] | None = None

    def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                if (piece := next(self._decoded, None) or self._receive()) is not None:
                    return piece
        except _foreign() as failure:
            self.close()
            raise _as_httpx(failure) from failure
        except BaseException:
            self.close()
            raise
        return None

    def _receive(self) -> bytes | None:
        if self._was_read:
            return self._take_what_was_read()
        if self._raw is None:
            self._begin()
            self._raw = iter(self._response.stream)
        data = next(self._raw, None)
        if data is not None:
            return self._decode(data)
        self._give_back()
        self._finish()
        return None

    def _give_back(self) -> None:
        """Close the answer; a connection that holds more bytes than the answer is not for the next call."""
        if unread_bytes(self._response) and self._network is not None:
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
        unread = unread_bytes(self._response)
        if unread is None or is_last_chunk(unread) or not may_become_last_chunk(unread):
            return unread is not None and is_last_chunk(unread)
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

    def send(self, outgoing: Outgoing, bounds: Bounds) -> _SyncResponse:
        """Return the answer when its head has come."""
        try:
            request = _render(self.client, outgoing, is_own=self._is_own)
            return _SyncResponse(self.client.send(request, stream=True, follow_redirects=False))
        except _foreign() as failure:
            raise _as_httpx(failure) from failure

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed, by whomever."""
        return bool(self.client.is_closed)

    def close(self) -> None:
        """Close the client: for those that are ours."""
        self.client.close()


class _AsyncResponse(_Response):
    _raw: AsyncIterator[bytes] | None = None

    async def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                if (piece := next(self._decoded, None) or await self._receive()) is not None:
                    return piece
        except _foreign() as failure:
            self.abort()
            raise _as_httpx(failure) from failure
        except BaseException:
            self.abort()
            raise
        return None

    async def _receive(self) -> bytes | None:
        if self._was_read:
            return self._take_what_was_read()
        if self._raw is None:
            self._begin()
            self._raw = aiter(self._response.stream)
        data = await anext(self._raw, None)
        if data is not None:
            return self._decode(data)
        await self._give_back()
        self._finish()
        return None

    async def _give_back(self) -> None:
        if unread_bytes(self._response) and self._network is not None:
            await self._network.aclose()
        await self._response.aclose()

    async def drain(self) -> None:
        if self._is_over or self._network is None:
            return
        unread = unread_bytes(self._response)
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
        _close_in_background(self._response)


def _shut_down(socket: Any) -> None:
    with suppress(OSError, AttributeError, NotImplementedError, TypeError):  # uvloop's sockets cannot, some have none
        socket.shutdown(2)


def _close_in_background(response: Any) -> None:
    try:
        task = asyncio.get_running_loop().create_task(response.aclose())
    except RuntimeError:
        trio = sys.modules.get("trio")
        if trio is not None:
            with suppress(RuntimeError):  # no loop runs any more: nothing is left to close
                trio.lowlevel.spawn_system_task(_close_quietly, response)
        return
    _closing.add(task)
    task.add_done_callback(_forget)


async def _close_quietly(response: Any) -> None:
    with suppress(Exception):
        await response.aclose()


def _forget(task: asyncio.Task[None]) -> None:
    _closing.discard(task)
    if not task.cancelled():
        task.exception()


class AsyncHttpxCarrier:
    """Sends over an `httpx.AsyncClient` or what has its interface."""

    def __init__(self, client: Any, *, is_own: bool) -> None:
        self.client = client
        self._is_own = is_own

    async def send(self, outgoing: Outgoing, bounds: Bounds) -> _AsyncResponse:
        """Return the answer when its head has come."""
        try:
            request = _render(self.client, outgoing, is_own=self._is_own)
            return _AsyncResponse(await self.client.send(request, stream=True, follow_redirects=False))
        except _foreign() as failure:
            raise _as_httpx(failure) from failure

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed, by whomever."""
        return bool(self.client.is_closed)

    async def aclose(self) -> None:
        """Close the client: for those that are ours."""
        await self.client.aclose()
