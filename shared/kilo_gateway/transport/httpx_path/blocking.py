"""An httpx client for threads."""

from __future__ import annotations

import select
from typing import TYPE_CHECKING, Any

from kilo_gateway.transport.carrier import DRAIN_SECONDS
from kilo_gateway.transport.httpx_path.exchanging import HttpxResponseBase, render_for_client
from kilo_gateway.transport.parser_buffer import is_last_chunk, may_become_last_chunk, unread_bytes
from kilo_gateway.transport.vocabulary import as_httpx, foreign_failures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.transport.body import Body
    from kilo_gateway.transport.outgoing import Bounds, Outgoing


class _HttpxResponse(HttpxResponseBase):
    _raw: Iterator[bytes] | None = None

    def next_piece(self) -> bytes | None:
        try:
            while not self._is_over:
                body = self._body or self._begin()
                if (piece := body.take() or self._receive(body)) is not None:
                    return piece
        except foreign_failures() as failure:
            self.close()
            raise as_httpx(failure, self._outgoing) from failure
        except BaseException:
            self.close()
            raise
        return None

    def _receive(self, body: Body) -> bytes | None:
        if self._was_read:
            return self._take_what_was_read()
        if self._raw is None:
            self._raw = iter(self._response.stream)
        data = next(self._raw, None)
        if data is not None:
            return body.feed(data)
        self._give_back()
        self._is_over = True
        body.finish()
        return None

    def _give_back(self) -> None:
        """Close the answer; a connection that holds more bytes than the answer is not for the next call."""
        if self._network is not None and self._is_last():
            self._network.close()
        self._response.close()

    def drain(self) -> None:
        if self._is_over or self._raw is None or self._network is None or not self._end_is_near():
            return
        if next(self._raw, None) is None:
            self._is_over = True
            self._give_back()

    def _end_is_near(self) -> bool:
        """Return whether a read will not block: the end is in the parser already, or bytes are at the socket."""
        unread = unread_bytes(self._response.stream)
        if unread is None or not may_become_last_chunk(unread):
            return False
        if is_last_chunk(unread):
            return True
        poll = select.poll()
        poll.register(self._network.get_extra_info("socket"), select.POLLIN)
        return bool(poll.poll(DRAIN_SECONDS * 1000))

    def close(self) -> None:
        self._is_over = True
        self._response.close()


class HttpxCarrier:
    """Sends over an `httpx.Client` or what has its interface."""

    def __init__(self, client: Any, *, is_own: bool) -> None:
        self.client = client
        self._is_own = is_own

    def send(self, outgoing: Outgoing, bounds: Bounds) -> _HttpxResponse:
        """Return the answer when its head has come."""
        try:
            request = render_for_client(self.client, outgoing, is_own=self._is_own)
            return _HttpxResponse(self.client.send(request, stream=True, follow_redirects=False), outgoing, bounds)
        except foreign_failures() as failure:
            raise as_httpx(failure, outgoing) from failure

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed, by whomever."""
        return bool(self.client.is_closed)

    def close_idle(self) -> None:
        """Close the client, for those that are ours: httpx tells nobody which connections are idle."""
        self.client.close()
