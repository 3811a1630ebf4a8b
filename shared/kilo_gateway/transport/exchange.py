"""The one module that touches the network: one HTTP exchange at a time over httpx, sync and async side by side.

Knows nothing of chats: bytes out, status, headers and bytes in, and this package's errors for what goes wrong.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import anyio
import httpx

from kilo_gateway.errors import KiloError, MalformedAnswerError, RequestTimeoutError
from kilo_gateway.transport.failures import FAILURES, host_of, translate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from kilo_gateway.settings.headers import HeaderList
    from kilo_gateway.settings.timeouts import Timeouts
    from kilo_gateway.transport.connections import AsyncClient, SyncClient

HttpClient: TypeAlias = httpx.Client
AsyncHttpClient: TypeAlias = httpx.AsyncClient

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest answer that is read whole, after decompression: a bomb must not fill the memory."""

DRAIN_SECONDS = 0.02
"""How long the end of a finished stream is waited for, so that its connection can be used again."""

_ONE_ANSWER_AT_A_TIME = frozenset({"HTTP/1.0", "HTTP/1.1"})
"""Versions under which a connection's stream belongs to one exchange alone."""


@dataclass(slots=True)
class Outgoing:
    """One HTTP request."""

    method: str
    url: str
    headers: HeaderList
    content: bytes | None
    timeouts: Timeouts
    timeout_is_given: bool = True
    """Whether to use these timeouts even on a client of the caller's."""
    deadline: float | None = None
    """The moment, by the monotonic clock, after which the call as a whole is late."""

    def render(self, client: SyncClient | AsyncClient, *, is_own: bool) -> httpx.Request:
        """Return the httpx request; on a client of the caller's with its own defaults where nothing was said."""
        bounds = self.timeouts
        timeout: Any = httpx.Timeout(connect=bounds.connect, read=bounds.read_bound, write=bounds.read, pool=None)
        if not is_own and not self.timeout_is_given:
            timeout = httpx.USE_CLIENT_DEFAULT
        return client.build_request(self.method, self.url, headers=self.headers, content=self.content, timeout=timeout)


class _Watch:
    """Notices that an exchange takes longer than it may."""

    __slots__ = ("_deadline", "_heard", "_silence", "_where")

    def __init__(self, outgoing: Outgoing) -> None:
        self._silence = outgoing.timeouts.silence
        self._deadline = outgoing.deadline
        self._heard = monotonic()
        self._where = outgoing.url

    def check(self, *, heard: bool) -> None:
        """Raise when the deadline has passed, or when nothing but keep-alives came for too long."""
        now = monotonic()
        if heard:
            self._heard = now
        if self._silence is not None and now - self._heard > self._silence:
            raise RequestTimeoutError(
                f"{host_of(self._where)} kept the connection open for {self._silence:g} s without sending any of the "
                "answer. Try again, or raise timeout."
            )
        if self._deadline is not None and now > self._deadline:
            raise RequestTimeoutError(f"The call to {host_of(self._where)} took longer than timeout.total allows.")


class _Exchange:
    """What both sides of an exchange share: the request, the watch, and the translation of errors."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        self.heard = True
        """Set by the reader of the stream after each piece: whether it held more than keep-alives."""
        self._response: httpx.Response | None = None
        self._watch = _Watch(outgoing)

    @property
    def status(self) -> int:
        return self.opened.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        return self.opened.headers

    @property
    def opened(self) -> httpx.Response:
        if self._response is None:
            raise RuntimeError("the exchange has not been opened")
        return self._response

    def _check_size(self, size: int) -> None:
        if size > MAX_BODY_BYTES:
            raise MalformedAnswerError(
                f"The answer of {host_of(self.outgoing.url)} is larger than {MAX_BODY_BYTES >> 20} MiB.",
                status=self.status,
            )


class Exchange(_Exchange):
    """One request and its answer, blocking. `open`, then `read` or iterate `pieces`, then `close`."""

    def open(self, client: SyncClient, *, is_own: bool) -> None:
        """Send the request and wait for the status and headers."""
        try:
            request = self.outgoing.render(client, is_own=is_own)
            self._response = client.send(request, stream=True, follow_redirects=False)
        except FAILURES as failure:
            raise translate(failure, self.outgoing.url) from failure

    def read(self) -> bytes:
        """Return the whole body."""
        pieces, size = [], 0
        for piece in self.pieces():
            pieces.append(piece)
            size += len(piece)
            self._check_size(size)
            self.heard = False
        return b"".join(pieces)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it arrives."""
        try:
            for piece in self.opened.iter_bytes():
                yield piece
                self._watch.check(heard=self.heard)
        except FAILURES as failure:
            raise translate(failure, self.outgoing.url) from failure

    def drain(self, pieces: Iterator[bytes]) -> None:
        """Read the end of a finished stream if it comes at once, so that the connection can serve the next call.

        The end may be in the HTTP parser already, so the socket cannot be asked; the reads themselves are bounded.
        """
        stream = self.opened.extensions.get("network_stream")
        if stream is None or self.opened.http_version not in _ONE_ANSWER_AT_A_TIME:
            return
        read, end = stream.read, monotonic() + DRAIN_SECONDS
        stream.read = lambda size, **_: read(size, timeout=max(end - monotonic(), 0.001))
        try:
            with suppress(KiloError):
                next(pieces, None)
        finally:
            del stream.read

    def close(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        if self._response is not None:
            self._response.close()


class AsyncExchange(_Exchange):
    """One request and its answer, on an event loop. `open`, then `read` or iterate for the pieces, then `close`.

    No asynchronous generator, so that a loop that ends has none to close while another waits for it.
    """

    _body: AsyncIterator[bytes] | None = None

    async def open(self, client: AsyncClient, *, is_own: bool) -> None:
        """Send the request and wait for the status and headers."""
        try:
            request = self.outgoing.render(client, is_own=is_own)
            self._response = await client.send(request, stream=True, follow_redirects=False)
        except FAILURES as failure:
            raise translate(failure, self.outgoing.url) from failure

    async def read(self) -> bytes:
        """Return the whole body."""
        pieces, size = [], 0
        async for piece in self:
            pieces.append(piece)
            size += len(piece)
            self._check_size(size)
            self.heard = False
        return b"".join(pieces)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece of the body, as it arrived."""
        try:
            if self._body is None:
                self._body = self.opened.aiter_bytes()
            else:
                self._watch.check(heard=self.heard)
            return await anext(self._body)
        except FAILURES as failure:
            raise translate(failure, self.outgoing.url) from failure

    async def drain(self) -> None:
        """Read the end of a finished stream if it is there, so that the connection can serve the next call."""
        with anyio.move_on_after(DRAIN_SECONDS), suppress(KiloError):
            await anext(self, None)

    async def close(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        if self._response is not None:
            await self._response.aclose()
