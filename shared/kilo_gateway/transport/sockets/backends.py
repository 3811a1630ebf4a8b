"""httpcore's network backends over our channels: `connect_tcp`, and streams that read and write under bounds."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import httpcore

from kilo_gateway.clock import monotonic
from kilo_gateway.transport.sockets.channel import Channel
from kilo_gateway.transport.sockets.connecting import resolve
from kilo_gateway.transport.sockets.dialing import dial, parse_addresses
from kilo_gateway.transport.sockets.loops import is_asyncio, pause
from kilo_gateway.transport.sockets.waits import run, run_async, wait_in_asyncio, wait_in_thread, wait_in_trio

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from kilo_gateway.transport.outgoing import Bounds
    from kilo_gateway.transport.sockets.waits import Wait

_READS_WITHOUT_PAUSE = 16
"""How often a task may read without waiting before the others of its loop have their turn."""


class _StreamBase:
    """What both kinds of stream share."""

    def __init__(self, channel: Channel, backend: _BackendBase) -> None:
        self.channel = channel
        self._backend = backend

    def _until(self, seconds: float | None) -> float | None:
        return self._backend.bounds.end_of_wait(seconds)

    def _check(self) -> None:
        self._backend.bounds.check()

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks for."""
        return {
            "socket": self.channel.sock,
            "ssl_object": self.channel.tls,
            "is_readable": False,  # who takes a kept connection has asked the channel
        }.get(info)

    def _fail(self, failure: OSError, kind: type[Exception], late: type[Exception]) -> NoReturn:
        if isinstance(failure, TimeoutError) and failure.errno is None:
            self._check()
            raise late(str(failure)) from failure
        raise kind(str(failure)) from failure


class _BackendBase:
    """What both kinds of backend share: the one channel that it made."""

    bounds: Bounds
    """Those of the exchange that has the connection; set by whoever lends it, and deleted when it comes back."""

    def __init__(self) -> None:
        self.channel: Channel | None = None

    def _keep(self, sock: socket.socket, until: float | None) -> Channel:
        self.channel = Channel(sock, until)
        return self.channel

    def _fail(self, failure: OSError) -> NoReturn:
        if isinstance(failure, TimeoutError) and failure.errno is None:
            self.bounds.check()
            raise httpcore.ConnectTimeout(str(failure)) from failure
        raise httpcore.ConnectError(str(failure)) from failure


class Stream(_StreamBase, httpcore.NetworkStream):
    """A connection of a thread."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes next; empty at the end."""
        channel = self.channel
        self._check()
        try:
            if (data := channel.take()) is not None:
                return data
            wait = channel.wait_for_bytes(self._until(timeout))
            while not wait.is_over() and wait_in_thread(wait):
                if (data := channel.take()) is not None:
                    return data
        except OSError as failure:
            self._fail(failure, httpcore.ReadError, httpcore.ReadError)
        self._check()
        raise httpcore.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it, or as much as is wanted."""
        try:
            run(self.channel.write(buffer, partial(self._until, timeout)))
        except OSError as failure:
            self._fail(failure, httpcore.WriteError, httpcore.WriteTimeout)

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Stream:
        """Return this stream with TLS on it."""
        try:
            run(self.channel.start_tls(ssl_context, server_hostname))
        except BaseException as failure:
            self.channel.abort()
            if isinstance(failure, OSError):
                self._fail(failure, httpcore.ConnectError, httpcore.ConnectTimeout)
            raise
        return self

    def close(self) -> None:
        """Close at once."""
        self.channel.abort()


class Backend(_BackendBase, httpcore.NetworkBackend):
    """Makes one connection for a thread."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> Stream:
        """Return a connected stream; only the resolver cannot be bounded without a thread."""
        until = self.bounds.end_of_wait(timeout)
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            return Stream(self._keep(run(dial(parse_addresses(found), until)), until), self)
        except OSError as failure:
            self._fail(failure)


class AsyncStream(_StreamBase, httpcore.AsyncNetworkStream):
    """A connection of an event loop."""

    def __init__(self, channel: Channel, backend: _BackendBase, wait_for: Callable[[Wait], Awaitable[bool]]) -> None:
        super().__init__(channel, backend)
        self._wait_for = wait_for
        self._reads = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """Return what comes next; empty at the end."""
        channel = self.channel
        self._check()
        try:
            if (data := channel.take()) is not None:
                await self._pause_at_times()
                return data
            self._reads, wait = 0, channel.wait_for_bytes(self._until(timeout))
            while not wait.is_over() and await self._wait_for(wait):
                if (data := channel.take()) is not None:
                    return data
        except OSError as failure:
            self._fail(failure, httpcore.ReadError, httpcore.ReadError)
        self._check()
        raise httpcore.ReadTimeout

    async def _pause_at_times(self) -> None:
        self._reads += 1
        if self._reads >= _READS_WITHOUT_PAUSE:
            self._reads = 0
            await pause()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Send all of it, or as much as is wanted."""
        try:
            await run_async(self.channel.write(buffer, partial(self._until, timeout)), self._wait_for)
        except OSError as failure:
            self._fail(failure, httpcore.WriteError, httpcore.WriteTimeout)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the bound of connecting covers it
    ) -> AsyncStream:
        """Return this stream with TLS on it."""
        try:
            await run_async(self.channel.start_tls(ssl_context, server_hostname), self._wait_for)
        except BaseException as failure:
            self.channel.abort()
            if isinstance(failure, OSError):
                self._fail(failure, httpcore.ConnectError, httpcore.ConnectTimeout)
            raise
        return self

    async def aclose(self) -> None:
        """Close at once."""
        self.channel.abort()


class AsyncBackend(_BackendBase, httpcore.AsyncNetworkBackend):
    """Makes one connection for an event loop."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> AsyncStream:
        """Return a connected stream."""
        until, wait_for = self.bounds.end_of_wait(timeout), _wait_of_loop()
        try:
            addresses = parse_addresses(await _resolve(host, port, until))
            sock = await run_async(dial(addresses, until), wait_for)
            return AsyncStream(self._keep(sock, until), self, wait_for)
        except OSError as failure:
            self._fail(failure)

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore does so between connecting again, which it is not told to do here."""
        import anyio  # noqa: PLC0415 - no call needs it

        await anyio.sleep(seconds)


def _wait_of_loop() -> Callable[[Wait], Awaitable[bool]]:
    return wait_in_asyncio if is_asyncio() else wait_in_trio


async def _resolve(host: str, port: int, until: float | None) -> Any:
    if is_asyncio():
        return await resolve(host, port, until)
    import trio  # noqa: PLC0415 - only where trio runs already

    seconds = float("inf") if until is None else max(until - monotonic(), 0.0)
    with trio.move_on_after(seconds):
        return await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    raise TimeoutError("the name was not resolved")
