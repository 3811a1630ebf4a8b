"""What carries the calls of one route: our own engine, or httpx where httpx is needed. Decided anew for each call."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from enum import Enum
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from kilo_gateway.transport.engine.blocking import EngineCarrier
from kilo_gateway.transport.engine.fitness import HAS_POLL, has_green_sockets
from kilo_gateway.transport.engine.looped import AsyncEngineCarrier
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.patches import is_patched
from kilo_gateway.transport.route import (
    Route,
    check_proxies,
    explaining,
    make_context,
    tls_context,
    uses_proxy,
    wants_engine,
)
from kilo_gateway.transport.sockets.loops import is_asyncio

if TYPE_CHECKING:
    from kilo_gateway.transport.httpcore_path.blocking import HttpcoreCarrier
    from kilo_gateway.transport.httpcore_path.looped import AsyncHttpcoreCarrier
    from kilo_gateway.transport.httpx_path.blocking import HttpxCarrier
    from kilo_gateway.transport.httpx_path.looped import AsyncHttpxCarrier

    SyncCarrier = EngineCarrier | HttpcoreCarrier | HttpxCarrier
    LoopCarrier = AsyncEngineCarrier | AsyncHttpcoreCarrier | AsyncHttpxCarrier

C = TypeVar("C", bound="SyncCarrier | LoopCarrier")

_LIMITS: dict[str, Any] = {"max_connections": None, "max_keepalive_connections": 100, "keepalive_expiry": 30.0}
"""No ceiling on connections: a hundred-and-first stream must not wait for the first to end."""


class _Kind(Enum):
    ENGINE = "our own engine"
    HTTPCORE = "httpx's parser and connections, without its pool"
    STOCK = "an httpx client"


_ENGINE, _HTTPCORE, _STOCK = _Kind  # found once: Python 3.11 takes 0.1 us for each


class _Made(NamedTuple, Generic[C]):
    maker: Any
    """What made it: when somebody replaces httpx's client, the next call needs another."""
    carrier: C


class _CarrierChoiceBase(ABC, Generic[C]):
    """The carriers of one route, made when first needed. Shared by threads."""

    def __init__(self, route: Route, *, may_use_engine: bool) -> None:
        self._route = route
        self._wants_engine = wants_engine(route) and may_use_engine
        self._uses_proxy = uses_proxy(route)
        self._made: dict[_Kind, _Made[C]] = {}
        self._all: list[C] = []
        self._lock = threading.Lock()
        with explaining():
            self.choose()

    def choose(self) -> C:
        """Return what carries the next call; the decision takes about a microsecond."""
        maker = None
        if self._uses_proxy or is_patched() or not HAS_POLL:
            kind, maker = _STOCK, self._httpx_maker()
        elif self._wants_engine and not has_green_sockets():
            kind = _ENGINE
        else:
            kind = _HTTPCORE
        made = self._made.get(kind)
        if made is None or made.maker != maker or made.carrier.is_closed:
            return self._make(kind, maker)
        return made.carrier

    def _make(self, kind: _Kind, maker: Any) -> C:
        with self._lock:
            made = self._made.get(kind)
            if made is not None and made.maker == maker and not made.carrier.is_closed:
                return made.carrier  # another thread was faster
            carrier = {
                _ENGINE: self._make_engine,
                _HTTPCORE: self._make_httpcore,
                _STOCK: self._make_stock,
            }[kind]()
            self._all = [*(one for one in self._all if not one.is_closed), carrier]
            self._made[kind] = _Made(maker, carrier)
            return carrier

    def _client_options(self) -> dict[str, Any]:
        """Return the arguments of a stock client; cookies are refused, for accounts share connections."""
        check_proxies()
        return {
            "limits": httpx.Limits(**_LIMITS),
            "verify": tls_context(self._route),
            "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            "trust_env": uses_proxy(self._route),
        }

    @abstractmethod
    def _httpx_maker(self) -> Any: ...

    @abstractmethod
    def _make_engine(self) -> C: ...

    @abstractmethod
    def _make_httpcore(self) -> C: ...

    @abstractmethod
    def _make_stock(self) -> C: ...


class CarrierChoice(_CarrierChoiceBase["SyncCarrier"]):
    """What carries blocking calls."""

    def __init__(self, route: Route) -> None:
        super().__init__(route, may_use_engine=True)

    def close_idle(self) -> None:
        """Close the connections that nobody uses, as the process ends: a thread may still read from the others."""
        for carrier in self._all:
            carrier.close_idle()

    def _httpx_maker(self) -> Any:
        return httpx.Client, httpx.Client.__init__

    def _make_engine(self) -> SyncCarrier:
        return EngineCarrier(partial(make_context, self._route))

    def _make_httpcore(self) -> SyncCarrier:
        from kilo_gateway.transport.httpcore_path.blocking import HttpcoreCarrier  # noqa: PLC0415 - loads httpcore

        return HttpcoreCarrier(tls_context(self._route))

    def _make_stock(self) -> SyncCarrier:
        return over_httpx(httpx.Client(**self._client_options()), is_own=True)


class AsyncCarrierChoice(_CarrierChoiceBase["LoopCarrier"]):
    """What carries awaited calls on one event loop."""

    def __init__(self, route: Route) -> None:
        self.is_closed = False
        super().__init__(route, may_use_engine=is_asyncio())

    async def aclose(self) -> None:
        """Close every carrier."""
        self.is_closed = True
        for carrier in self._all:
            await carrier.aclose()

    def _httpx_maker(self) -> Any:
        return httpx.AsyncClient, httpx.AsyncClient.__init__

    def _make_engine(self) -> LoopCarrier:
        return AsyncEngineCarrier(partial(make_context, self._route))

    def _make_httpcore(self) -> LoopCarrier:
        from kilo_gateway.transport.httpcore_path.looped import AsyncHttpcoreCarrier  # noqa: PLC0415 - loads httpcore

        return AsyncHttpcoreCarrier(tls_context(self._route))

    def _make_stock(self) -> LoopCarrier:
        return over_httpx_async(httpx.AsyncClient(**self._client_options()), is_own=True)


def over_httpx(client: Any, *, is_own: bool) -> HttpxCarrier:
    """Return an `httpx.Client`, or what has its interface, as a carrier."""
    from kilo_gateway.transport.httpx_path.blocking import HttpxCarrier  # noqa: PLC0415 - loads httpx

    return HttpxCarrier(client, is_own=is_own)


def over_httpx_async(client: Any, *, is_own: bool) -> AsyncHttpxCarrier:
    """Return an `httpx.AsyncClient`, or what has its interface, as a carrier."""
    from kilo_gateway.transport.httpx_path.looped import AsyncHttpxCarrier  # noqa: PLC0415 - loads httpx

    return AsyncHttpxCarrier(client, is_own=is_own)
