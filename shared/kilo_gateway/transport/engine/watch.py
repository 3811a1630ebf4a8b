"""Waiting for a connection's bytes on an event loop."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from kilo_gateway.clock import monotonic

if TYPE_CHECKING:
    from kilo_gateway.transport.sockets.channel import Channel


class Watch:
    """Waits for a channel's bytes: the loop watches the socket for a whole exchange, with one timer.

    Nothing is read while nobody waits, so that the server feels a slow reader.
    """

    __slots__ = (
        "_channel",
        "_failure",
        "_is_watching",
        "_loop",
        "_may_stop_watching",
        "_process_id",
        "_timer",
        "_timer_end",
        "_until",
        "_waiter",
    )

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._may_stop_watching = not isinstance(loop, asyncio.SelectorEventLoop)
        """uvloop tells once of bytes and a reset behind them, then nothing: the socket is asked before each wait."""
        self._process_id = os.getpid()
        self._is_watching = False
        self._waiter: asyncio.Future[bytes | None] | None = None
        self._failure: OSError | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_end = 0.0
        self._until: float | None = None

    async def receive(self, until: float | None) -> bytes | None:
        """Return what came, empty at the end; None when `until` has come. Raises OSError."""
        channel = self._channel
        if (held := channel.take_held()) is not None:
            return held
        if self._waiter is not None:
            raise RuntimeError("two tasks read one answer")
        if channel.is_closed:
            raise OSError("the connection was closed")
        if self._may_stop_watching and (come := channel.take()) is not None:
            await asyncio.sleep(0)  # the other tasks' turn, which waiting gives them otherwise
            return come
        if not self._is_watching:
            self._loop.add_reader(channel.sock.fileno(), self._on_readable)
            self._is_watching = True
        self._until = until
        if until is not None and (self._timer is None or until < self._timer_end):
            self._set_timer(until)
        waiter = self._waiter = self._loop.create_future()
        data: bytes | None
        try:
            data = await waiter
        finally:
            self._waiter = None
        if self._failure is not None:
            raise self._failure
        return channel.take() if data is None else data  # a loop that was held up may see the clock before the socket

    def _on_readable(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._pause()
            return
        try:
            data = self._channel.take()
        except OSError as failure:
            self._failure = failure
            data = b""
        if data is not None:
            waiter.set_result(data)

    def _pause(self) -> None:
        if self._is_watching:
            self._is_watching = False
            self._loop.remove_reader(self._channel.sock.fileno())

    def _set_timer(self, end: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_end = end
        self._timer = self._loop.call_later(max(end - monotonic(), 0.0), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        waiter, until = self._waiter, self._until
        if waiter is None or waiter.done() or until is None:
            return
        if monotonic() < until:
            self._set_timer(until)
        else:
            waiter.set_result(None)

    def rest(self) -> None:
        """Leave nothing with the loop: the connection is between exchanges."""
        self._pause()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def abort(self) -> None:
        """Close the socket at once, from whichever thread; who waits for it is told."""
        if self._channel.is_closed:
            return
        if self._loop.is_closed() or os.getpid() != self._process_id:  # a child watches by its parent's epoll
            self._channel.abort()
        elif asyncio._get_running_loop() is self._loop or not self._loop.is_running():
            self._close()
        else:
            with suppress(RuntimeError):  # it was closed a moment ago
                self._loop.call_soon_threadsafe(self._close)
                return
            self._channel.abort()

    def _close(self) -> None:
        if self._channel.is_closed:
            return
        self.rest()
        self._channel.abort()
        if self._waiter is not None and not self._waiter.done():
            self._failure = OSError("the connection was closed")
            self._waiter.set_result(None)
