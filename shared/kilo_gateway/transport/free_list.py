"""The idle connections of a carrier, by host: the one given back last is taken first, and no other is looked at."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from weakref import WeakSet

from kilo_gateway.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Hashable

KEPT = 1000
"""How many idle connections are kept for each host."""

KEPT_SECONDS = 30.0
"""How long an idle connection is kept: servers close theirs after a minute, and a race with that loses a request."""


class KeptConnection(Protocol):
    """What is kept."""

    idle_since: float

    def is_fresh(self) -> bool:
        """Return whether it may carry another request: young enough, and silent since the last answer."""

    def abort(self) -> None:
        """Close the socket at once."""


C = TypeVar("C", bound=KeptConnection)


class FreeList(Generic[C]):
    """Connections between two calls. Shared by threads."""

    def __init__(self) -> None:
        self._idle: dict[Hashable, deque[C]] = {}
        self._added: WeakSet[Any] = WeakSet()

    def take(self, key: Hashable) -> C | None:
        """Return a fresh connection; None when there is none. Those that are not fresh any more are closed."""
        idle = self._idle.get(key)
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                return None
            if connection.is_fresh():
                return connection
            connection.abort()
        return None

    def add(self, connection: C) -> C:
        """Let `close` close this connection too; for those of an event loop, which ends before its process."""
        self._added.add(connection)
        return connection

    def give_back(self, key: Hashable, connection: C) -> None:
        """Keep a connection for the next call; the oldest are closed when they are too many or too old."""
        connection.idle_since = now = monotonic()
        idle = self._idle.get(key)
        if idle is None:
            idle = self._idle.setdefault(key, deque())
        idle.append(connection)
        try:
            while len(idle) > KEPT or now - idle[0].idle_since > KEPT_SECONDS:
                idle.popleft().abort()
        except IndexError:  # another thread took the last one
            return

    def close_idle(self) -> None:
        """Close the connections that nobody uses."""
        for idle in list(self._idle.values()):
            while idle:
                try:
                    idle.pop().abort()
                except IndexError:  # another thread took the last one
                    break

    def close(self) -> None:
        """Close every connection that was added, also those in use."""
        for connection in list(self._added):
            connection.abort()
        self._idle.clear()
