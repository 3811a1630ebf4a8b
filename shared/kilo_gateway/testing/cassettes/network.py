"""Keeps everything on this machine while a cassette is replayed: no connection and no look-up of a name leaves it.

It listens to Python's own audit events, so that it holds for every library, beside whatever else guards sockets.
"""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.errors import NetworkBlockedError
from kilo_gateway.testing.cassettes.origin import is_local_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LOOK_UPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_LOOKING_UP = "looking up"
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class _Guard:
    """What may be reached while one cassette is replayed."""

    def __init__(self, cassette: str, allowed: Iterable[str]) -> None:
        self._cassette = cassette
        self._allowed = {host.lower() for host in allowed} | {socket.gethostname().lower()}

    def check(self, host: str, what: str) -> None:
        """Refuse a host that is not allowed; note the addresses of one that is, for they are what is connected to."""
        if host.lower() not in self._allowed:
            raise NetworkBlockedError(
                f"{what} {host} was blocked: {self._cassette} is being replayed, and a replay needs no network. To "
                f"record that host as well, name it in hosts=[...]; to let it be reached, in network=[...]."
            )
        if what != _LOOKING_UP:
            return
        with suppress(OSError):
            self._allowed |= {str(found[4][0]).lower() for found in socket.getaddrinfo(host, None)}


_guards: list[_Guard] = []
_has_hook: list[bool] = []
_own = threading.local()
"""Whether this thread is within the guard, whose own look-ups are not guarded."""


@contextmanager
def blocked(cassette: str, allowed: tuple[str, ...] = ()) -> Iterator[None]:
    """Refuse all that leaves this machine, but for the allowed hosts, until the block ends."""
    if not _has_hook:
        # An audit hook cannot be taken away again; with no guard standing it returns at once.
        sys.addaudithook(_check_event)
        _has_hook.append(True)
    guard = _Guard(cassette, allowed)
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)


def _check_event(event: str, arguments: tuple[Any, ...]) -> None:
    if not _guards or not event.startswith("socket.") or getattr(_own, "is_inside", False):
        return
    if event in _LOOK_UPS:
        _check(arguments[0], _LOOKING_UP)
    elif event in _CONNECTIONS:
        address = arguments[1]
        if isinstance(address, tuple) and address:  # any other address is a local socket's
            _check(address[0], "connecting to")


def _check(host: Any, what: str) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is None or (isinstance(name, str) and is_local_address(name.lower())):
        return
    _own.is_inside = True
    try:
        for guard in _guards:
            guard.check(str(name), what)
    finally:
        _own.is_inside = False
