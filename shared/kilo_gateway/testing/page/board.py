"""The requests that the page shows, the newest ones, and who looks at them. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kilo_gateway.testing.page.watched import WatchedRequest, watch_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_REQUESTS = 200
_MAX_BYTES = 64 * 1024 * 1024
"""Of bodies and answers together; the oldest requests go first."""
MAX_VIEWERS = 32


class Board:
    """Requests by number, each with the revision in which it last changed."""

    def __init__(self, title: str) -> None:
        self.title = title
        """What stands at the other end, in a few words."""
        self.id = secrets.token_hex(8)
        """Tells one run of the server from the next."""
        self.revision = 0
        self.total = 0
        """How many requests there were, shown or not."""
        self.requests: OrderedDict[int, WatchedRequest] = OrderedDict()
        self._changed_at: dict[int, int] = {}
        self._viewers: set[asyncio.Event] = set()

    def add(
        self, method: str, path: str, headers: Sequence[tuple[str, str]], raw: bytes
    ) -> tuple[WatchedRequest, tuple[str, ...]]:
        """Show a request from now on; return it, and the spellings of its key."""
        self.total += 1
        request, spellings = watch_request(self.total, method, path, headers, raw)
        self.requests[request.number] = request
        self._forget_old()
        self.note(request)
        request.revision = self.revision
        return request, spellings

    def note(self, request: WatchedRequest) -> None:
        """Tell who looks that the request has changed."""
        self.revision += 1
        if request.number in self.requests:
            self._changed_at[request.number] = self.revision
        for viewer in self._viewers:
            viewer.set()

    def changed_since(self, revision: int) -> list[WatchedRequest]:
        """Return the requests that changed after a revision, the oldest first."""
        return [one for number, one in self.requests.items() if self._changed_at[number] > revision]

    @property
    def is_full(self) -> bool:
        """Whether nobody more may look."""
        return len(self._viewers) >= MAX_VIEWERS

    @contextmanager
    def viewer(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set whenever something changes."""
        event = asyncio.Event()
        self._viewers.add(event)
        try:
            yield event
        finally:
            self._viewers.discard(event)

    def _forget_old(self) -> None:
        size = sum(one.body_bytes + one.answer.size for one in self.requests.values())
        while len(self.requests) > MAX_REQUESTS or (size > _MAX_BYTES and len(self.requests) > 1):
            number, oldest = self.requests.popitem(last=False)
            size -= oldest.body_bytes + oldest.answer.size
            del self._changed_at[number]
