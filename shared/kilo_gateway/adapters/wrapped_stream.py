"""An asynchronous stream around another one. Adds nothing of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, TypeVar

T = TypeVar("T")


class WrappedStream(AsyncGenerator[T, None]):
    """A stream that hands on another one; its subclasses see what passes.

    No generator of its own: a loop that ends closes all it has at once, and one around another would be closed twice.
    """

    def __init__(self, stream: AsyncGenerator[T, None]) -> None:
        self._stream = stream

    async def asend(self, value: None) -> T:
        """Return the next item."""
        return await self._stream.asend(value)

    async def athrow(self, *error: Any) -> T:
        """Raise an error where the stream stands."""
        return await self._stream.athrow(*error)

    async def aclose(self) -> None:
        """Leave the stream."""
        await self._stream.aclose()
