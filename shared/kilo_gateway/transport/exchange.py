"""One HTTP exchange as the clients see it, blocking and awaited side by side.

Knows nothing of chats: bytes out, status, headers and bytes in, and this package's errors for what goes wrong. What
carries it, httpx or our own engine, is decided in `transport.carrier_choice`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from kilo_gateway.errors import KiloError, MalformedAnswerError
from kilo_gateway.transport.carrier import AsyncResponse, Response
from kilo_gateway.transport.failures import failures, refusal_of_proxy, translate
from kilo_gateway.transport.outgoing import Bounds, Outgoing, host_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.transport.carrier import AsyncCarrier, Carrier

__all__ = ["AsyncExchange", "Exchange", "Outgoing"]

_PROXY_REFUSED: Final = HTTPStatus.PROXY_AUTHENTICATION_REQUIRED.value

MAX_BODY_BYTES = 64 * 1024 * 1024
"""The largest answer that is read whole, after decompression: a bomb must not fill the memory."""

MAX_REFUSAL_BYTES = 1024 * 1024
"""How much is read of an answer that is an error."""

R = TypeVar("R", Response, AsyncResponse)


class _ExchangeBase(Generic[R]):
    """What both sides of an exchange share: the request, its bounds, and the translation of errors."""

    def __init__(self, outgoing: Outgoing) -> None:
        self.outgoing = outgoing
        self.had_event = False
        """Set by the reader of a stream after each piece: whether it held more than keep-alives."""
        self._bounds = Bounds(outgoing)
        self._response: R | None = None

    @property
    def status(self) -> int:
        return self.opened.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.opened.headers

    @property
    def opened(self) -> R:
        if self._response is None:
            raise RuntimeError("the exchange has not been opened")
        return self._response

    def _before_next(self) -> None:
        if self.had_event:
            self._bounds.note_event()
        self._bounds.check()

    def _translate(self, failure: Exception) -> KiloError:
        return translate(failure, self.outgoing.url)

    def _check_proxy(self) -> None:
        """Raise when a proxy answered in place of the gateway, as one does in plain http; over TLS it is an error."""
        if self.status == _PROXY_REFUSED:
            raise refusal_of_proxy("407 Proxy Authentication Required", self.outgoing.url)

    def _too_large(self) -> KiloError:
        return MalformedAnswerError(
            f"The answer of {host_of(self.outgoing.url)} is larger than {MAX_BODY_BYTES >> 20} MiB. "
            "Stream it, or ask for less.",
            status=self.status,
        )


class Exchange(_ExchangeBase[Response]):
    """One request and its answer, blocking. `open`, then `read` or `next_piece`, then `close`."""

    def open(self, carrier: Carrier) -> None:
        """Send the request and wait for the status and headers."""
        try:
            self._response = carrier.send(self.outgoing, self._bounds)
        except failures() as failure:
            raise self._translate(failure) from failure
        self._check_proxy()

    def next_piece(self) -> bytes | None:
        """Return the next bytes of the body as they arrive; None at its end."""
        self._before_next()
        try:
            return self.opened.next_piece()
        except failures() as failure:
            raise self._translate(failure) from failure

    def read(self) -> bytes:
        """Return the whole body."""
        pieces, size = [], 0
        while (piece := self.next_piece()) is not None:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY_BYTES:
                pieces.clear()  # the traceback of the error would hold them
                raise self._too_large()
        return b"".join(pieces)

    def read_refusal(self) -> bytes:
        """Return the body of an error, as far as it can be read: its status is known, and stands."""
        pieces, size = [], 0
        try:
            while size < MAX_REFUSAL_BYTES and (piece := self.next_piece()) is not None:
                pieces.append(piece)
                size += len(piece)
        except MalformedAnswerError as unreadable:
            return unreadable.message.partition(". ")[0].encode()  # its advice is for an answer, not for an error
        except KiloError:  # cut off, or late
            pass
        return b"".join(pieces)

    def drain(self) -> None:
        """Let the connection serve the next call, if the end of the finished stream is there or comes at once."""
        try:
            self.opened.drain()
        except failures():
            pass

    def close(self) -> None:
        """Close the connection unless the answer was read to its end."""
        if self._response is not None:
            self._response.close()


class AsyncExchange(_ExchangeBase[AsyncResponse]):
    """One request and its answer, on an event loop. `open`, then `read` or `next_piece`, then `abort`.

    No asynchronous generator, so that a loop that ends has none to close while another waits for it.
    """

    async def open(self, carrier: AsyncCarrier) -> None:
        """Send the request and wait for the status and headers."""
        try:
            self._response = await carrier.send(self.outgoing, self._bounds)
        except failures() as failure:
            raise self._translate(failure) from failure
        self._check_proxy()

    async def next_piece(self) -> bytes | None:
        """Return the next bytes of the body as they arrive; None at its end."""
        self._before_next()
        try:
            return await self.opened.next_piece()
        except failures() as failure:
            raise self._translate(failure) from failure

    async def read(self) -> bytes:
        """Return the whole body."""
        pieces, size = [], 0
        while (piece := await self.next_piece()) is not None:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY_BYTES:
                pieces.clear()  # the traceback of the error would hold them
                raise self._too_large()
        return b"".join(pieces)

    async def read_refusal(self) -> bytes:
        """Return the body of an error, as far as it can be read: its status is known, and stands."""
        pieces, size = [], 0
        try:
            while size < MAX_REFUSAL_BYTES and (piece := await self.next_piece()) is not None:
                pieces.append(piece)
                size += len(piece)
        except MalformedAnswerError as unreadable:
            return unreadable.message.partition(". ")[0].encode()  # its advice is for an answer, not for an error
        except KiloError:  # cut off, or late
            pass
        return b"".join(pieces)

    async def drain(self) -> None:
        """Let the connection serve the next call, if the end of the finished stream is there or comes at once."""
        try:
            await self.opened.drain()
        except failures():
            pass

    def abort(self) -> None:
        """Close the connection at once unless the answer was read to its end."""
        if self._response is not None:
            self._response.abort()
