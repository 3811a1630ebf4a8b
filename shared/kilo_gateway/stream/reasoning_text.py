"""The readable reasoning of a streamed answer: at its end, or in another key, some servers state all of it again."""

from __future__ import annotations

_PADDING = 8
"""Characters by which a repeat of the whole reasoning may differ in its blanks at both ends."""


class ReasoningText:
    """Pieces of reasoning in the order of arrival; a piece that repeats all of it is left out."""

    __slots__ = ("_pieces", "_size", "_source")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._source = ""

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __str__(self) -> str:
        return "".join(self._pieces)

    def add(self, text: str, source: str, *, is_over: bool) -> bool:
        """Take the next piece; return whether it is one, and not the whole once more.

        `source` is the key in which it stood; `is_over` says that a finish reason has come.
        """
        if not text:
            return False
        is_odd = source != self._source or (is_over and len(self._pieces) > 1)
        if is_odd and self._pieces:
            is_near = abs(len(text) - self._size) <= _PADDING
            if is_near and text.strip() == str(self).strip():
                return False
        self._pieces.append(text)
        self._size += len(text)
        self._source = source
        return True
