"""Keeps everything on this machine while a cassette is replayed: no connection and no look-up of a name leaves it.

It listens to Python's own audit events, so that it holds for every library, beside whatever else guards sockets.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.errors import NetworkBlockedError
from kilo_gateway.testing.cassettes.origin import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK_UPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname"})
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


@dataclass(frozen=True)
class _Guard:
    cassette: str
    allowed: frozenset[str]


_guards: list[_Guard] = []
_is_listening: list[bool] = []


@contextmanager
def blocked(cassette: str, allowed: tuple[str, ...] = ()) -> Iterator[None]:
    """Refuse all that leaves this machine, but for the allowed hosts, until the block ends."""
    if not _is_listening:
        # An audit hook cannot be taken away again; with no guard standing it returns at once.
        sys.addaudithook(_hear)
        _is_listening.append(True)
    guard = _Guard(cassette, frozenset(host.lower() for host in allowed))
    _guards.append(guard)
    try:
        yield
    finally:
        _guards.remove(guard)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _guards or not event.startswith("socket."):
        return
    if event in _LOOK_UPS:
        _check(arguments[0], "looking up")
    elif event in _CONNECTIONS:
        address = arguments[1]
        if isinstance(address, tuple) and address:  # any other address is a local socket's
            _check(address[0], "connecting to")


def _check(host: Any, what: str) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if name is None or (isinstance(name, str) and is_loopback(name.lower())):
        return
    for guard in _guards:
        if str(name).lower() not in guard.allowed:
            raise NetworkBlockedError(
                f"{what} {name} was blocked: {guard.cassette} is being replayed, and a replay needs no network. To "
                f"record that host as well, name it in hosts=[...]; to let it be reached, in network=[...]."
            )
