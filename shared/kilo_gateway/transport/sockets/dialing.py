"""Connecting to the first of a host's addresses that answers (happy eyeballs, RFC 8305)."""

from __future__ import annotations

import os
import socket
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from kilo_gateway.clock import monotonic
from kilo_gateway.transport.sockets.waits import Wait

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence

ATTEMPT_DELAY_SECONDS = 0.25
"""How long an address is waited for before the next is tried beside it."""

Address = tuple[int, Any]
"""Family, and what `connect` takes."""


def parse_addresses(found: Iterable[Sequence[Any]]) -> list[Address]:
    """Return what getaddrinfo found, the families in turn, the resolver's first one first."""
    addresses = list(dict.fromkeys((int(family), where) for family, _, _, _, where in found))
    first = addresses[0][0] if addresses else 0
    own = [address for address in addresses if address[0] == first]
    other = [address for address in addresses if address[0] != first]
    return [address for address in chain(*zip_longest(own, other)) if address is not None]


def dial(addresses: Sequence[Address], until: float | None) -> Generator[Wait, bool, socket.socket]:
    """Return a connected non-blocking socket; every other one is closed, whatever happens.

    Raises:
        TimeoutError: no address answered in time.
        OSError: each refused; the last reason is told.
    """
    waiting = list(addresses)
    trying: list[socket.socket] = []
    failure: OSError = OSError("the name has no address")
    next_start = 0.0
    winner: socket.socket | None = None
    try:
        while waiting or trying:
            if waiting and (not trying or monotonic() >= next_start):
                try:
                    winner = _start(waiting.pop(0), trying)
                except OSError as refused:
                    failure = refused
                    continue
                next_start = monotonic() + ATTEMPT_DELAY_SECONDS
            if winner is None:
                yield Wait((), tuple(trying), _earliest(until, next_start if waiting else None))
                winner, failure = _first_connected(trying, failure)
            if winner is not None:
                trying.remove(winner)
                return winner
            if until is not None and monotonic() >= until:
                raise TimeoutError("no address of the host answered")
        raise failure
    finally:
        for sock in trying:
            sock.close()


def _earliest(*moments: float | None) -> float | None:
    return min((moment for moment in moments if moment is not None), default=None)


def _start(address: Address, trying: list[socket.socket]) -> socket.socket | None:
    """Begin to connect; return the socket if that was done at once."""
    family, where = address
    sock = socket.socket(family, socket.SOCK_STREAM)
    trying.append(sock)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect(where)
    except BlockingIOError:
        return None
    except BaseException:
        trying.remove(sock)
        sock.close()
        raise
    return sock


def _first_connected(trying: list[socket.socket], failure: OSError) -> tuple[socket.socket | None, OSError]:
    """Return the first socket that is connected, and the latest reason of those that failed, which are closed."""
    for sock in list(trying):
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            trying.remove(sock)
            sock.close()
            failure = _as_error(number)
            continue
        try:
            sock.getpeername()
        except OSError:
            continue  # not yet
        return sock, failure
    return None, failure


def _as_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
