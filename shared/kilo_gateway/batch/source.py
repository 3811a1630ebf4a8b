"""Hands out the requests of an iterable, plain or asynchronous, to many workers: each once, numbered from 0."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kilo_gateway.batch.requests import PreparedRequest


class Source:
    """Where workers take their requests. Of a plain iterable `next` is called on the event loop."""

    def __init__(self, requests: Iterable[PreparedRequest] | AsyncIterable[PreparedRequest]) -> None:
        self.is_over = False
        """Whether all have been taken."""
        self._requests: Any = aiter(requests) if isinstance(requests, AsyncIterable) else iter(requests)
        self._is_async = isinstance(requests, AsyncIterable)
        self._turn = asyncio.Lock()
        self._taken = 0

    async def take(self) -> tuple[int, PreparedRequest] | None:
        """Return the next request with its number; None after the last."""
        if not self._is_async:
            return self._number(next(self._requests, None))
        async with self._turn:
            return self._number(None if self.is_over else await anext(self._requests, None))

    def _number(self, request: PreparedRequest | None) -> tuple[int, PreparedRequest] | None:
        if request is None:
            self.is_over = True
            return None
        self._taken += 1
        return self._taken - 1, request
