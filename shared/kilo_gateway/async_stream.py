"""AsyncChatStream: one streamed answer on an event loop, try after try. The client decides what follows an error.

No asynchronous generator, on purpose: a loop that ends closes all of those it knows at once, and one that waits for
another to close would then fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import anyio

from kilo_gateway.errors import KiloError
from kilo_gateway.transport.exchange import AsyncExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.async_loop import AsyncCallLoop
    from kilo_gateway.call import ChatCall
    from kilo_gateway.stream.delta import Delta


class AsyncChatStream:
    """One streamed answer: iterate its deltas, then read `completion`. Leaving it early closes the connection."""

    def __init__(self, client: AsyncCallLoop, call: ChatCall) -> None:
        self._client = client
        self._call = call
        self._attempt: _Attempt | None = None
        self._is_prepared = False
        self._is_over = False
        self._is_running = False

    @property
    def completion(self) -> Completion:
        """The answer so far; the whole answer after the last delta."""
        return self._call.completion

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self

    async def __anext__(self) -> Delta:
        if self._is_running:
            raise RuntimeError("Another task is waiting for the next delta of this stream.")
        self._is_running = True
        try:
            delta = await self._next()
        except BaseException:
            await self.aclose()
            raise
        finally:
            self._is_running = False
        if delta is None:
            if self._call.is_watched and not self._is_over:
                self._call.note_answer(self._call.completion)
            await self.aclose()
            raise StopAsyncIteration
        return delta

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the stream; the connection is closed unless the answer was read to its end."""
        self._is_over = True
        if self._attempt is not None:
            self._attempt.exchange.abort()
        self._client._note_abandoned(self._call)

    def __del__(self) -> None:
        """Count what was dropped without being closed, and free what it held; its connection closes itself."""
        if self.__dict__.get("_attempt") is not None and not self._is_over:
            self._client._note_abandoned(self._call)

    async def _next(self) -> Delta | None:
        """Return the next delta; None at the end of the answer, and of a stream that was closed."""
        if not self._is_prepared and not self._is_over:
            await self._client._prepare(self._call)
            self._is_prepared = True
        while not self._is_over:
            if self._attempt is None:
                await self._client._acquire_permits(self._call)
                self._attempt = _Attempt(self._client, self._call)
            try:
                return await self._attempt.read()
            except KiloError as error:
                if self._is_over:
                    break
                wait = await self._client._wait_after(self._call, error, self._attempt.reader)
            self._attempt.exchange.abort()
            self._attempt = None
            await anyio.sleep(wait)
        return None


class _Attempt:
    """One request, and the reading of its answer."""

    def __init__(self, client: AsyncCallLoop, call: ChatCall) -> None:
        self.reader = call.fresh_reader()
        self.exchange = AsyncExchange(client._outgoing(call))
        self._client = client
        self._call = call
        self._is_open = False
        self._is_read = False
        self._arrived: Iterator[Delta] = iter(())
        """What the bytes so far have completed and nobody has taken."""

    async def read(self) -> Delta | None:
        """Return the next delta; None at the end of the answer."""
        if not self._is_open:
            await self._client._open(self.exchange, self._call)
            self._is_open = True
        while (delta := next(self._arrived, None)) is None and not self._is_read:
            self._arrived = await self._receive()
        return delta

    async def _receive(self) -> Iterator[Delta]:
        self.exchange.had_event = self.reader.had_event
        if self.reader.is_done:
            await self.exchange.drain()
        elif (piece := await self.exchange.next_piece()) is not None:
            return self.reader.feed(piece)
        self._is_read = True
        return self.reader.finish()
