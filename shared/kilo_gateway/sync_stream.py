"""ChatStream: one streamed answer of a blocking client, try after try. The client decides what follows an error."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from kilo_gateway.errors import KiloError
from kilo_gateway.transport.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import TracebackType

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.call import ChatCall
    from kilo_gateway.stream.delta import Delta
    from kilo_gateway.sync_loop import CallLoop


class ChatStream:
    """One streamed answer: iterate its deltas, then read `completion`. Leaving it early closes the connection."""

    def __init__(self, client: CallLoop, call: ChatCall) -> None:
        self._call = call
        self._deltas = _run(client, call)

    @property
    def completion(self) -> Completion:
        """The answer so far; the whole answer after the last delta."""
        return self._call.completion

    def __iter__(self) -> Iterator[Delta]:
        return self._deltas

    def __next__(self) -> Delta:
        return next(self._deltas)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the stream; the connection is closed unless the answer was read to its end.

        While another thread waits for the next delta, the stream ends there with the next bytes or bound instead.
        """
        self._call.is_left = True
        with suppress(ValueError):  # the other thread runs the generator, and looks at the flag
            self._deltas.close()


def _run(client: CallLoop, call: ChatCall) -> Generator[Delta, None, None]:
    client._prepare(call)
    while not call.is_left:
        client._acquire_permits(call)
        reader = call.fresh_reader()
        exchange = Exchange(client._outgoing(call))
        try:
            client._open(exchange, call)
            while (piece := exchange.next_piece()) is not None:
                if call.is_left:
                    return
                yield from reader.feed(piece)
                exchange.had_event = reader.had_event
                if reader.is_done:
                    exchange.drain()
                    break
            yield from reader.finish()
        except KiloError as error:
            if call.is_left:
                return
            wait = client._wait_after(call, error, reader)
        else:
            if call.is_watched:
                call.note_answer(call.completion)
            return
        finally:
            exchange.close()
            client._note_abandoned(call)
        time.sleep(wait)
