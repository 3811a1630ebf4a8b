"""What llhttp tells of an answer, as it comes."""

from __future__ import annotations

MAX_LINES = 500
"""The most lines of a head, and of a trailer."""


class TooManyLinesError(ValueError):
    """A head or a trailer has more than `MAX_LINES`."""


class Sink:
    """What llhttp calls; it holds no parser, so that an answer is no circle for the garbage collector."""

    __slots__ = ("begun", "fields", "has_ended", "on_body", "pieces", "whole_pieces")

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append
        self.begun = 0
        self.has_ended = False
        self.whole_pieces = 0

    def on_message_begin(self) -> None:
        """Count the answers."""
        self.begun += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line."""
        if len(self.fields) >= MAX_LINES:
            raise TooManyLinesError("too many lines")
        self.fields.append((name, value))

    def on_message_complete(self) -> None:
        """Note the first end; what comes behind it is no part of the answer."""
        if not self.has_ended:
            self.has_ended = True
            self.whole_pieces = len(self.pieces)
