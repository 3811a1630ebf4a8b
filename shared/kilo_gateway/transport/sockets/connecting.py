"""A channel to a host: its addresses, the first that answers, and TLS on top, all within one bound."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from kilo_gateway.clock import monotonic
from kilo_gateway.transport.sockets.channel import Channel
from kilo_gateway.transport.sockets.dialing import dial, parse_addresses
from kilo_gateway.transport.sockets.resolver import resolve_beside
from kilo_gateway.transport.sockets.waits import run, run_async, wait_in_asyncio

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator

    from kilo_gateway.transport.sockets.dialing import Address
    from kilo_gateway.transport.sockets.waits import Wait


def connect(host: str, port: int, context: ssl.SSLContext | None, until: float | None) -> Channel:
    """Return a connected channel, blocking; only the resolver cannot be bounded without a thread.

    Raises:
        TimeoutError: without an errno, when `until` has come.
        OSError: no address could be connected to, or TLS failed, as ssl.SSLError says.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return run(_connect(parse_addresses(found), host, context, until))


async def connect_in_asyncio(host: str, port: int, context: ssl.SSLContext | None, until: float | None) -> Channel:
    """As `connect`, on an event loop. Whoever is cancelled meanwhile leaves no socket open."""
    addresses = parse_addresses(await resolve(host, port, until))
    return await run_async(_connect(addresses, host, context, until), wait_in_asyncio)


def _connect(
    addresses: list[Address], host: str, context: ssl.SSLContext | None, until: float | None
) -> Generator[Wait, bool, Channel]:
    channel = Channel((yield from dial(addresses, until)), until)
    if context is not None:
        try:
            yield from channel.start_tls(context, host)
        except BaseException:
            channel.abort()
            raise
    return channel


async def resolve(host: str, port: int, until: float | None) -> Any:
    """Return what getaddrinfo finds, without holding up the loop. Raises TimeoutError when `until` has come."""
    if _is_address(host):
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    async with asyncio.timeout(None if until is None else max(until - monotonic(), 0.0)):
        return await asyncio.wrap_future(resolve_beside(host, port))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
