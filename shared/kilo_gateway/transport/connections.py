"""What a process shares to reach gateways: one carrier for threads, one for each event loop, none across a fork.

Here, and only here, is decided what carries a call. A model object owns no connection, so that objects can be made and
dropped freely.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

from kilo_gateway.transport.engine.blocking import EngineCarrier
from kilo_gateway.transport.engine.fitness import HAS_POLL, has_green_sockets
from kilo_gateway.transport.engine.looped import AsyncEngineCarrier
from kilo_gateway.transport.later import httpx
from kilo_gateway.transport.patches import is_patched
from kilo_gateway.transport.route import (
    Route,
    explaining,
    make_context,
    route_of,
    tls_context,
    uses_proxy,
    wants_engine,
)
from kilo_gateway.transport.sockets.loops import is_asyncio, pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kilo_gateway.transport.carrier import AsyncCarrier, Carrier
    from kilo_gateway.transport.given_client import AsyncHttpClient, HttpClient
    from kilo_gateway.transport.httpcore_path import AsyncHttpcoreCarrier, HttpcoreCarrier
    from kilo_gateway.transport.httpx_path import AsyncHttpxCarrier, HttpxCarrier

__all__ = ["Route", "async_carrier", "route_of", "sync_carrier"]

_LIMITS: dict[str, Any] = {"max_connections": None, "max_keepalive_connections": 100, "keepalive_expiry": 30.0}
"""No ceiling on connections: a hundred-and-first stream must not wait for the first to end."""


def _client_options(route: Route) -> dict[str, Any]:
    """Return the arguments of a client; cookies are refused, for accounts share connections."""
    return {
        "limits": httpx.Limits(**_LIMITS),
        "verify": tls_context(route),
        "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        "trust_env": uses_proxy(route),
    }


def _over_httpx(client: Any, *, is_own: bool) -> HttpxCarrier:
    from kilo_gateway.transport.httpx_path import HttpxCarrier  # noqa: PLC0415 - loads httpx

    return HttpxCarrier(client, is_own=is_own)


def _over_httpx_async(client: Any, *, is_own: bool) -> AsyncHttpxCarrier:
    from kilo_gateway.transport.httpx_path import AsyncHttpxCarrier  # noqa: PLC0415 - loads httpx

    return AsyncHttpxCarrier(client, is_own=is_own)


class _Carriers:
    """What carries blocking calls of one route: our own engine, or httpx where httpx is needed."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._wants_engine = wants_engine(route)
        self._uses_proxy = uses_proxy(route)
        self._engine: EngineCarrier | None = None
        self._httpcore: HttpcoreCarrier | None = None
        self._stock: list[HttpxCarrier] = []
        """Those over httpx's clients; the last is in use, the others were made by what somebody has since replaced."""
        self._maker: tuple[Any, Any] | None = None
        with explaining():
            self.choose()

    def choose(self) -> Carrier:
        """Return what carries the next call; the decision takes about a microsecond."""
        if self._uses_proxy or is_patched() or not HAS_POLL:
            return self._choose_stock()
        if self._wants_engine and not has_green_sockets():
            if self._engine is None or self._engine.is_closed:
                self._engine = EngineCarrier(partial(make_context, self._route))
            return self._engine
        if self._httpcore is None or self._httpcore.is_closed:
            from kilo_gateway.transport.httpcore_path import HttpcoreCarrier  # noqa: PLC0415 - loads httpcore

            self._httpcore = HttpcoreCarrier(tls_context(self._route))
        return self._httpcore

    def _choose_stock(self) -> HttpxCarrier:
        maker = (httpx.Client, httpx.Client.__init__)
        if self._maker != maker or self._stock[-1].is_closed:
            self._maker = maker
            self._stock.append(_over_httpx(httpx.Client(**_client_options(self._route)), is_own=True))
        return self._stock[-1]

    def close(self) -> None:
        for carrier in (self._engine, self._httpcore, *self._stock):
            if carrier is not None:
                carrier.close()


class _AsyncCarriers:
    """What carries awaited calls of one route on one event loop."""

    def __init__(self, route: Route) -> None:
        self.is_closed = False
        self._route = route
        self._wants_engine = wants_engine(route) and is_asyncio()
        self._uses_proxy = uses_proxy(route)
        self._engine: AsyncEngineCarrier | None = None
        self._httpcore: AsyncHttpcoreCarrier | None = None
        self._stock: list[AsyncHttpxCarrier] = []
        """Those over httpx's clients; the last is in use, the others were made by what somebody has since replaced."""
        self._maker: tuple[Any, Any] | None = None
        with explaining():
            self.choose()

    def choose(self) -> AsyncCarrier:
        """Return what carries the next call; the decision takes about a microsecond."""
        if self._uses_proxy or is_patched() or not HAS_POLL:
            return self._choose_stock()
        if self._wants_engine and not has_green_sockets():
            if self._engine is None or self._engine.is_closed:
                self._engine = AsyncEngineCarrier(partial(make_context, self._route))
            return self._engine
        if self._httpcore is None or self._httpcore.is_closed:
            from kilo_gateway.transport.httpcore_path import AsyncHttpcoreCarrier  # noqa: PLC0415 - loads httpcore

            self._httpcore = AsyncHttpcoreCarrier(tls_context(self._route))
        return self._httpcore

    def _choose_stock(self) -> AsyncHttpxCarrier:
        maker = (httpx.AsyncClient, httpx.AsyncClient.__init__)
        if self._maker != maker or self._stock[-1].is_closed:
            self._maker = maker
            self._stock.append(_over_httpx_async(httpx.AsyncClient(**_client_options(self._route)), is_own=True))
        return self._stock[-1]

    async def aclose(self) -> None:
        self.is_closed = True
        for carrier in (self._engine, self._httpcore, *self._stock):
            if carrier is not None:
                await carrier.aclose()


class _Shared:
    """The clients of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process_id = os.getpid()
        self.sync: dict[Route, _Carriers] = {}
        self.of_loop: dict[Any, dict[Route, _LoopCarrier]] = {}

    def of_running(self, loop: Any, route: Route) -> tuple[_LoopCarrier, bool]:
        """Return the entry of a loop, and whether it was made just now."""
        with self.lock:
            for closed in [other for other in self.of_loop if getattr(other, "is_closed", bool)()]:
                del self.of_loop[closed]
            entries = self.of_loop.setdefault(loop, {})
            entry = entries.get(route)
            if entry is not None and not entry.carriers.is_closed:
                return entry, False
            entry = entries[route] = _LoopCarrier(route, on_close=lambda: self.of_loop.pop(loop, None))
            return entry, True


class _LoopCarrier:
    """The carrier of one event loop, closed when that loop shuts its async generators down, or else when it closes."""

    def __init__(self, route: Route, *, on_close: Callable[[], object]) -> None:
        self.carriers = _AsyncCarriers(route)
        self._guard = self._close_at_end(on_close)

    async def close_with_loop(self, loop: Any) -> None:
        """Start the generator whose end closes the client; `asyncio.run` ends every generator it has seen.

        A loop that is closed by hand ends none, so its `close` is made to see to the client first, where it can be.
        """
        await anext(self._guard)
        await pause()  # what is imported for a first call takes long enough without the TLS context
        if isinstance(loop, asyncio.BaseEventLoop):
            loop.close = partial(self._close_with, loop, loop.close)  # type: ignore[method-assign] # of this loop only

    def _close_with(self, loop: asyncio.BaseEventLoop, close: Callable[[], None]) -> None:
        if not (self.carriers.is_closed or loop.is_closed() or loop.is_running()):
            closing = self.carriers.aclose()
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
            await self.carriers.aclose()


_shared = _Shared()
_inherited: list[_Shared] = []
"""Clients of a parent process: kept, never used, never finalised, for their sockets are the parent's."""


def sync_carrier(route: Route, client: HttpClient | None = None) -> Carrier:
    """Return what carries a blocking call: the caller's client, else what all threads of this process share."""
    if client is not None:
        return _over_httpx(client, is_own=False)
    shared = _shared_here()
    carriers = shared.sync.get(route)
    if carriers is None:
        with shared.lock:
            carriers = shared.sync.get(route)
            if carriers is None:
                carriers = shared.sync[route] = _Carriers(route)
    return carriers.choose()


async def async_carrier(route: Route, client: AsyncHttpClient | None = None) -> AsyncCarrier:
    """Return what carries an awaited call: the caller's client, else what the running event loop shares."""
    if client is not None:
        return _over_httpx_async(client, is_own=False)
    loop = _running_loop()
    entry, is_new = _shared_here().of_running(loop, route)
    if is_new:
        await entry.close_with_loop(loop)
    return entry.carriers.choose()


def _shared_here() -> _Shared:
    """Return the registry of this process, also after a fork that did not run Python's hooks, as uwsgi's."""
    if _shared.process_id != os.getpid():
        _forget_after_fork()
    return _shared


def _running_loop() -> Any:
    """Return what stands for the running event loop: asyncio's loop, or trio's token."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        if trio is None:
            raise
        return trio.lowlevel.current_trio_token()


def _close_sync_carriers() -> None:
    if _shared.process_id != os.getpid():
        return
    for carriers in _shared.sync.values():
        carriers.close()
    _shared.sync.clear()


def _forget_after_fork() -> None:
    global _shared  # noqa: PLW0603 - the registry belongs to the process
    _inherited.append(_shared)
    _shared = _Shared()


atexit.register(_close_sync_carriers)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
