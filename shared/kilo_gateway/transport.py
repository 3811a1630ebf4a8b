"""The one module that touches the network: one HTTP exchange at a time over httpx, sync and async side by side.

Knows nothing of chats: bytes out, status, headers and bytes in, and this package's errors for what goes wrong.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio
import httpx

from kilo_gateway.errors import (
    ConnectionFailedError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    RequestTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping

    from kilo_gateway.headers import HeaderList
    from kilo_gateway.timeouts import Timeouts

HttpClient: TypeAlias = httpx.Client
AsyncHttpClient: TypeAlias = httpx.AsyncClient

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest answer that is read whole, after decompression: a bomb must not fill the memory."""

DRAIN_SECONDS = 0.02
"""How long the end of a finished stream is waited for, so that its connection can be used again."""


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

    def render(self, client: httpx.Client | httpx.AsyncClient, *, is_own: bool) -> httpx.Request:
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
                f"{_host(self._where)} kept the connection open for {self._silence:g} s without sending any of the "
                "answer. Try again, or raise timeout."
            )
        if self._deadline is not None and now > self._deadline:
            raise RequestTimeoutError(f"The call to {_host(self._where)} took longer than timeout.total allows.")


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
                f"The answer of {_host(self.outgoing.url)} is larger than {MAX_BODY_BYTES >> 20} MiB.",
                status=self.status,
            )


class Exchange(_Exchange):
    """One request and its answer, blocking. `open`, then `read` or iterate `pieces`, then `close`."""

    def open(self, client: httpx.Client, *, is_own: bool) -> None:
        """Send the request and wait for the status and headers."""
        try:
            self._response = client.send(self.outgoing.render(client, is_own=is_own), stream=True)
        except _FAILURES as failure:
            raise translate(failure, self.outgoing) from failure

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
        except _FAILURES as failure:
            raise translate(failure, self.outgoing) from failure

    def drain(self, pieces: Iterator[bytes]) -> None:
        """Read the end of a finished stream if it is there, so that the connection can serve the next call."""
        stream = self.opened.extensions.get("network_stream")
        if stream is None:
            return
        read = stream.read
        # httpx fixes the timeout of a body when its first byte is read; only the stream itself can still shorten it.
        stream.read = lambda max_bytes, timeout=None: read(max_bytes, DRAIN_SECONDS)
        with suppress(KiloError):
            next(pieces, None)
        del stream.read

    def close(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        if self._response is not None:
            self._response.close()


class AsyncExchange(_Exchange):
    """One request and its answer, on an event loop. `open`, then `read` or iterate `pieces`, then `close`."""

    async def open(self, client: httpx.AsyncClient, *, is_own: bool) -> None:
        """Send the request and wait for the status and headers."""
        try:
            self._response = await client.send(self.outgoing.render(client, is_own=is_own), stream=True)
        except _FAILURES as failure:
            raise translate(failure, self.outgoing) from failure

    async def read(self) -> bytes:
        """Return the whole body."""
        pieces, size = [], 0
        async for piece in self.pieces():
            pieces.append(piece)
            size += len(piece)
            self._check_size(size)
            self.heard = False
        return b"".join(pieces)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives."""
        try:
            async for piece in self.opened.aiter_bytes():
                yield piece
                self._watch.check(heard=self.heard)
        except _FAILURES as failure:
            raise translate(failure, self.outgoing) from failure

    async def drain(self, pieces: AsyncIterator[bytes]) -> None:
        """Read the end of a finished stream if it is there, so that the connection can serve the next call."""
        with anyio.move_on_after(DRAIN_SECONDS), suppress(KiloError):
            await anext(pieces, None)

    async def close(self) -> None:
        """Give the connection back, or close it when the answer was not read to its end."""
        if self._response is not None:
            await self._response.aclose()


_FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, anyio.ClosedResourceError)

_TIMEOUTS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "could not be reached within {connect:g} s"),
    (httpx.PoolTimeout, "had no free connection in time"),
    (httpx.WriteTimeout, "did not take the request in time"),
    (httpx.ReadTimeout, "sent nothing for {read:g} s"),
)


def translate(failure: Exception, outgoing: Outgoing) -> KiloError:
    """Return this package's error for what httpx raised; names the host, never a header."""
    host = _host(outgoing.url)
    for kind, text in _TIMEOUTS:
        if isinstance(failure, kind):
            bounds = outgoing.timeouts
            reason = text.format(connect=bounds.connect or 0, read=bounds.read_bound or 0)
            return RequestTimeoutError(f"{host} {reason}. Try again, or raise timeout.")
    if isinstance(failure, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)):
        return InvalidSettingError(f"The request to {host} cannot be sent: {failure}. Check base_url and the headers.")
    if isinstance(failure, httpx.DecodingError):
        return MalformedAnswerError(f"The answer of {host} could not be decompressed: {failure}.")
    if isinstance(failure, httpx.ProxyError):
        return ConnectionFailedError(
            f"The proxy on the way to {host} refused: {failure}. Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(failure, httpx.ConnectError):
        return _connect_error(host, failure)
    return ConnectionFailedError(f"The connection to {host} broke: {failure or type(failure).__name__}. Try again.")


def _connect_error(host: str, failure: Exception) -> ConnectionFailedError:
    text = str(failure) or type(failure).__name__
    if "CERTIFICATE" in text.upper() or "SSL" in text.upper():
        error = ConnectionFailedError(
            f"The certificate of {host} was not accepted: {text}. If it is your own, name its file in SSL_CERT_FILE."
        )
        error.retry = "never"
        return error
    return ConnectionFailedError(
        f"{host} could not be connected to: {text}. Check the network, the proxy settings and base_url."
    )


def _host(url: str) -> str:
    parsed = httpx.URL(url)
    return f"{parsed.host}:{parsed.port or {'http': 80}.get(parsed.scheme, 443)}"
