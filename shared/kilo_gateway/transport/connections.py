"""The httpx clients that a process shares: one for threads, one for each event loop, none across a fork.

A model object owns no connection, so that objects can be made and dropped freely.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import ssl
import sys
import threading
from functools import lru_cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.request import getproxies

import httpx

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.base_url import is_loopback
from kilo_gateway.transport.direct import AsyncDirectClient, DirectClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

D = TypeVar("D", DirectClient, AsyncDirectClient)
P = TypeVar("P", httpx.Client, httpx.AsyncClient)

SyncClient: TypeAlias = DirectClient | httpx.Client
AsyncClient: TypeAlias = AsyncDirectClient | httpx.AsyncClient

_PROXIED = frozenset({"http", "https", "all"})
"""Schemes for which a proxy may be set, in the environment or in the settings of the system."""

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30.0)
"""No ceiling on connections: a hundred-and-first stream must not wait for the first to end."""

_VARIABLES = tuple(
    name
    for word in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")
    for name in (word, word.upper())
)

Route = tuple[bool, bool, tuple[str | None, ...]]
"""What decides how connections are made: whether TLS is spoken, whether the gateway is on this machine, and the
environment's proxies and certificates."""


def route_of(url: str, environ: Mapping[str, str]) -> Route:
    """Return the key under which connections to this URL are shared."""
    variables = tuple(environ.get(name) for name in _VARIABLES)
    is_local = is_loopback(httpx.URL(url).host)
    return url.startswith("https:") or any(variables), is_local, variables


def _is_local(route: Route) -> bool:
    """Return whether to go past every proxy: what is meant for this machine must not leave it."""
    return route[1]


@lru_cache(maxsize=8)
def _tls_context(route: Route) -> ssl.SSLContext:
    """Return the certificates to trust; where no TLS is spoken, none, which is 40 ms cheaper and fails closed."""
    speaks_tls, _, _ = route
    return httpx.create_ssl_context() if speaks_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _make(direct: type[D], proxied: type[P], route: Route) -> D | P:
    """Return a client of one of the kinds; cookies are refused, for accounts share connections.

    Raises:
        InvalidSettingError: a proxy or a certificate file that the environment names cannot be used.
    """
    try:
        if _is_local(route) or not _PROXIED & getproxies().keys():
            return direct(limits=_LIMITS, verify=_tls_context(route))
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return proxied(limits=_LIMITS, verify=_tls_context(route), cookies=cookies, follow_redirects=False)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as failure:
        raise InvalidSettingError(
            f"The environment's proxy or certificate settings cannot be used: {failure}. Check HTTPS_PROXY, "
            "HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR."
        ) from None


class _Shared:
    """The clients of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.sync: dict[Route, SyncClient] = {}
        self.of_loop: dict[Any, dict[Route, _LoopClient]] = {}

    def entry(self, loop: Any, route: Route) -> tuple[_LoopClient, bool]:
        """Return the entry of a loop, and whether it was made just now."""
        with self.lock:
            for closed in [other for other in self.of_loop if getattr(other, "is_closed", bool)()]:
                del self.of_loop[closed]
            entries = self.of_loop.setdefault(loop, {})
            entry = entries.get(route)
            if entry is not None and not entry.client.is_closed:
                return entry, False
            entry = entries[route] = _LoopClient(route, on_close=lambda: self.of_loop.pop(loop, None))
            return entry, True


class _LoopClient:
    """A client of one event loop, closed when that loop shuts its async generators down, or else when it closes."""

    def __init__(self, route: Route, *, on_close: Callable[[], object]) -> None:
        self.client: AsyncClient = _make(AsyncDirectClient, httpx.AsyncClient, route)
        self._guard = self._close_at_end(on_close)

    async def arm(self, loop: Any) -> None:
        """Start the generator whose end closes the client; `asyncio.run` ends every generator it has seen.

        A loop that is closed by hand ends none, so its `close` is made to see to the client first, where it can be.
        """
        await anext(self._guard)
        if isinstance(loop, asyncio.BaseEventLoop):
            loop.close = partial(self._close_with, loop, loop.close)  # type: ignore[method-assign] # of this loop only

    def _close_with(self, loop: asyncio.BaseEventLoop, close: Callable[[], None]) -> None:
        if not (self.client.is_closed or loop.is_closed() or loop.is_running()):
            closing = self.client.aclose()
            try:
                loop.run_until_complete(closing)
            except RuntimeError:  # another loop runs in this thread
                closing.close()
        close()

    async def _close_at_end(self, on_close: Callable[[], object]) -> AsyncIterator[None]:
        try:
            yield
        finally:
            on_close()
            await self.client.aclose()


_shared = _Shared()
_inherited: list[_Shared] = []
"""Clients of a parent process: kept, never used, never finalised, for their sockets are the parent's."""


def sync_client(route: Route) -> SyncClient:
    """Return the client that all threads of this process share."""
    client = _shared.sync.get(route)
    if client is None:
        with _shared.lock:
            client = _shared.sync.get(route)
            if client is None:
                client = _shared.sync[route] = _make(DirectClient, httpx.Client, route)
    return client


async def async_client(route: Route) -> AsyncClient:
    """Return the client of the running event loop."""
    loop = _running_loop()
    entry, is_new = _shared.entry(loop, route)
    if is_new:
        await entry.arm(loop)
    return entry.client


def _running_loop() -> Any:
    """Return what stands for the running event loop: asyncio's loop, or trio's token."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        if trio is None:
            raise
        return trio.lowlevel.current_trio_token()


def _close_sync_clients() -> None:
    for client in _shared.sync.values():
        client.close()
    _shared.sync.clear()


def _forget_after_fork() -> None:
    global _shared  # noqa: PLW0603 - the registry belongs to the process
    _inherited.append(_shared)
    _shared = _Shared()


atexit.register(_close_sync_clients)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
