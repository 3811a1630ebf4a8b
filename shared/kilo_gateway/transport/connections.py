"""What a process shares to reach gateways: one carrier for threads, one for each event loop, none across a fork.

A model object owns no connection, so that objects can be made and dropped freely. What carries a call is decided in
`transport.carrier_choice`.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from kilo_gateway.forks import call_in_child
from kilo_gateway.transport.carrier_choice import AsyncCarrierChoice, CarrierChoice, over_httpx, over_httpx_async
from kilo_gateway.transport.route import Route, route_of
from kilo_gateway.transport.sockets.loops import pause

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kilo_gateway.transport.carrier import AsyncCarrier, Carrier
    from kilo_gateway.transport.given_client import AsyncHttpClient, HttpClient

__all__ = ["Route", "async_carrier", "route_of", "sync_carrier"]


class _Shared:
    """The clients of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process_id = os.getpid()
        self.sync: dict[Route, CarrierChoice] = {}
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
        self.carriers = AsyncCarrierChoice(route)
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
        return over_httpx(client, is_own=False)
    shared = _shared_here()
    carriers = shared.sync.get(route)
    if carriers is None:
        with shared.lock:
            carriers = shared.sync.get(route)
            if carriers is None:
                carriers = shared.sync[route] = CarrierChoice(route)
    return carriers.choose()


async def async_carrier(route: Route, client: AsyncHttpClient | None = None) -> AsyncCarrier:
    """Return what carries an awaited call: the caller's client, else what the running event loop shares."""
    if client is not None:
        return over_httpx_async(client, is_own=False)
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


def _close_idle_connections() -> None:
    if _shared.process_id == os.getpid():
        for carriers in list(_shared.sync.values()):
            carriers.close_idle()


def _forget_after_fork() -> None:
    global _shared  # noqa: PLW0603 - the registry belongs to the process
    _inherited.append(_shared)
    _shared = _Shared()


atexit.register(_close_idle_connections)
call_in_child(_forget_after_fork)
