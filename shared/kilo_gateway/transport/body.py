"""The body of an answer on its way from the wire's bytes to plain ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.transport.decoding import OFFERED, decoder_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Body:
    """Decodes an answer piece by piece, one bounded piece at a time.

    Raises:
        httpx.DecodingError: a coding that was not offered, or bytes that are not of it.
    """

    __slots__ = ("_decoder", "_left")

    def __init__(self, headers: Mapping[str, str], offered: Sequence[str] = OFFERED) -> None:
        self._decoder = decoder_for(headers.get("content-encoding", ""), offered)
        self._left: Iterator[bytes] = iter(())

    def feed(self, data: bytes) -> bytes | None:
        """Return the first plain piece of this data; None when it completes none. `take` gives the others."""
        if self._decoder is None:
            return data or None
        self._left = self._decoder.feed(data)
        return self.take()

    def take(self) -> bytes | None:
        """Return the next piece of what was fed; None when there is no more."""
        return next(self._left, None)

    def finish(self) -> None:
        """Raise httpx.DecodingError when the body ended within its coding."""
        if self._decoder is not None:
            self._decoder.finish()


def offered_codings(headers: Sequence[tuple[str, str]]) -> tuple[str, ...] | None:
    """Return the codings that a request's own headers offer; None when they say nothing of it."""
    for name, value in headers:
        if name.lower() == "accept-encoding":
            asked = {part.partition(";")[0].strip().lower() for part in value.split(",")}
            return tuple(coding for coding in OFFERED if coding in asked or "*" in asked)
    return None
