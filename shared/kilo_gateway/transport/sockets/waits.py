"""Waiting for sockets: by poll in threads, by the loop's readers in asyncio, by trio's own means in trio."""

from __future__ import annotations

import asyncio
import select
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from kilo_gateway.clock import monotonic

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Generator, Sequence

T = TypeVar("T")


@dataclass(slots=True)
class Wait:
    """Until one of the sockets is ready, or the moment `until` of the monotonic clock has come."""

    readers: Sequence[socket.socket] = ()
    writers: Sequence[socket.socket] = ()
    until: float | None = None
    wake: Callable[[], None] | None = None
    """Ends the wait from outside, before a socket of it is closed; set while somebody waits on an event loop."""

    def seconds(self) -> float | None:
        """Return how long is left, never below zero; None for ever."""
        return None if self.until is None else max(self.until - monotonic(), 0.0)

    def is_over(self) -> bool:
        """Return whether `until` has come: bytes that bring nothing forward do not make a wait longer."""
        return self.until is not None and monotonic() >= self.until


def wait_in_thread(wait: Wait) -> bool:
    """Block; return whether a socket became ready in time."""
    seconds = wait.seconds()
    if not hasattr(select, "poll"):  # Windows
        return any(select.select(wait.readers, wait.writers, wait.writers, seconds))
    poll = select.poll()
    for sock in wait.readers:
        poll.register(sock, select.POLLIN | (select.POLLOUT if sock in wait.writers else 0))
    for sock in wait.writers:
        if sock not in wait.readers:
            poll.register(sock, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


async def wait_in_asyncio(wait: Wait) -> bool:
    """Return whether a socket became ready in time. Cancelled, it leaves nothing with the loop."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[bool] = loop.create_future()
    seconds = wait.seconds()
    watched = [(loop.remove_reader, sock.fileno()) for sock in wait.readers]
    watched += [(loop.remove_writer, sock.fileno()) for sock in wait.writers]

    def end(is_ready: bool) -> None:
        while watched:
            remove, descriptor = watched.pop()
            remove(descriptor)
        if not ready.done():
            ready.set_result(is_ready)

    for sock in wait.readers:
        loop.add_reader(sock.fileno(), end, True)
    for sock in wait.writers:
        loop.add_writer(sock.fileno(), end, True)
    timer = None if seconds is None else loop.call_later(seconds, end, False)
    wait.wake = lambda: end(True)
    try:
        return await ready
    finally:
        wait.wake = None
        end(False)
        if timer is not None:
            timer.cancel()


async def wait_in_trio(wait: Wait) -> bool:
    """Return whether a socket became ready in time."""
    import trio  # noqa: PLC0415 - only where trio runs already

    waits = [(trio.lowlevel.wait_readable, sock) for sock in wait.readers]
    waits += [(trio.lowlevel.wait_writable, sock) for sock in wait.writers]
    seconds = wait.seconds()
    is_ready = False

    def wake() -> None:
        for _, sock in waits:
            trio.lowlevel.notify_closing(sock)

    wait.wake = wake

    async def wait_for(scope: trio.CancelScope, one: Callable[[Any], Awaitable[None]], sock: socket.socket) -> None:
        nonlocal is_ready
        with suppress(trio.ClosedResourceError):  # the socket is being closed: using it says so
            await one(sock)
        is_ready = True
        scope.cancel()

    try:
        with trio.move_on_after(inf if seconds is None else seconds) as scope:
            if len(waits) == 1:
                await wait_for(scope, *waits[0])
            else:
                async with trio.open_nursery() as nursery:
                    for one, sock in waits:
                        nursery.start_soon(wait_for, scope, one, sock)
    finally:
        wait.wake = None
    return is_ready


def run(steps: Generator[Wait, bool, T]) -> T:
    """Run steps to their end, blocking."""
    try:
        wait = next(steps)
        while True:
            wait = steps.send(wait_in_thread(wait))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        steps.close()


async def run_async(steps: Generator[Wait, bool, T], wait_for: Callable[[Wait], Awaitable[bool]]) -> T:
    """Run steps to their end on an event loop."""
    try:
        wait = next(steps)
        while True:
            wait = steps.send(await wait_for(wait))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        steps.close()
