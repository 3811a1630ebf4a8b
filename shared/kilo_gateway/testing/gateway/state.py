"""Everything one embedded gateway remembers between requests. Holds and counts; never answers."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from kilo_gateway.testing.accounts import starting_accounts
from kilo_gateway.testing.data_files import own_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.options import Options
    from kilo_gateway.testing.received import Received
    from kilo_gateway.testing.reply import Reply

Scripted = TypeVar("Scripted", "Reply", "Fault")


class GatewayState:
    """Accounts, catalog, script, counters and the record of requests; safe to read and change from any thread."""

    def __init__(self, options: Options, *, max_requests: int | None = None) -> None:
        self.options = options
        self._max_requests = max_requests
        self.accounts = starting_accounts()
        tables = own_table("catalog")
        self.catalog: list[dict[str, Any]] = tables["models"]
        if options.version == "2026-02":
            later = set(tables["newest_only"])
            self.catalog = [*tables["february_only"], *(row for row in tables["models"] if row["id"] not in later)]
        self.hosting: dict[str, str] = tables["hosting"]
        """Models that the gateway itself hosts for nothing, and who provides each."""
        self.routing: dict[str, Any] = tables["routing"]
        self.requests: list[Received] = []
        self.open_streams = 0
        self.changed = threading.Condition()
        self._script: dict[str, deque[list[Any]]] = {}
        self._answers = 0
        self._counted: dict[str, deque[float]] = {}

    def enqueue(self, items: tuple[Reply | Fault, ...], endpoint: str) -> None:
        """Append to the script of one endpoint."""
        with self.changed:
            queue = self._script.setdefault(endpoint, deque())
            queue.extend([item, item.times] for item in items)

    def take(self, endpoint: str, kind: type[Scripted]) -> Scripted | None:
        """Return what the script holds for the next request when it is of that kind; else it waits."""
        with self.changed:
            queue = self._script.get(endpoint)
            if not queue or not isinstance(queue[0][0], kind):
                return None
            head = queue[0]
            head[1] -= 1
            if head[1] <= 0:
                queue.popleft()
            item: Scripted = head[0]
            return item

    @property
    def pending(self) -> int:
        """How many scripted items wait."""
        with self.changed:
            return sum(len(queue) for queue in self._script.values())

    def clear(self) -> None:
        """Forget the requests, the script and the counters."""
        with self.changed:
            self.requests.clear()
            self._script.clear()
            self._counted.clear()
            self.changed.notify_all()

    def record(self, received: Received) -> None:
        """Keep one request."""
        with self.changed:
            self.requests.append(received)
            if self._max_requests is not None:
                del self.requests[: -self._max_requests]
            self.changed.notify_all()

    def count_stream(self, change: int) -> None:
        """Note that a streamed answer began (1) or ended (-1)."""
        with self.changed:
            self.open_streams += change
            self.changed.notify_all()

    def wait_until(self, predicate: Callable[[], bool], timeout_seconds: float) -> bool:
        """Wait until the predicate holds; return whether it did in time."""
        deadline = time.monotonic() + timeout_seconds
        with self.changed:
            while not predicate():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, 0.02))
        return True

    def next_number(self) -> int:
        """Return the next number of this gateway's answers, from 1."""
        with self.changed:
            self._answers += 1
            return self._answers

    def count_within(self, name: str, window_seconds: int) -> int:
        """Return how many times `name` was counted in the window before now, and count it once more."""
        with self.changed:
            times = self._counted.setdefault(name, deque())
            now = self.options.clock_seconds
            while times and times[0] <= now - window_seconds:
                times.popleft()
            times.append(now)
            return len(times) - 1

    def entry(self, model_id: str) -> dict[str, Any] | None:
        """Return the catalog entry of that id, whatever its case, or None."""
        wanted = model_id.lower()
        return next((row for row in self.catalog if str(row.get("id", "")).lower() == wanted), None)
