"""How many requests may be under way: starts small, doubles, then grows slowly; falls when the gateway refuses. No I/O.

Each round, as many successes as the limit allows at once, the limit doubles until a refusal has shown where the
ceiling is, and grows by a twentieth from then on. After a pause it begins again at one, and doubles back to four fifths
of where it was.
"""

from __future__ import annotations

from math import ceil
from typing import Final

START: Final = 20
_GROWTH: Final = 1.05
_FALL: Final = 0.8


class ConcurrencyLimit:
    """The limit as it stands, between 1 and a ceiling."""

    __slots__ = ("_successes", "_threshold", "ceiling", "value")

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.value = min(START, ceiling)
        """How many requests may be under way now."""
        self._threshold = float(ceiling)
        """Up to here the limit doubles."""
        self._successes = 0

    def succeeded(self) -> None:
        """Count a request that was accepted."""
        if self.value >= self.ceiling:
            return
        self._successes += 1
        if self._successes < self.value:
            return
        self._successes = 0
        if self.value < self._threshold:
            self.value = max(self.value + 1, min(self.value * 2, int(self._threshold)))
        else:
            self.value = min(self.ceiling, ceil(self.value * _GROWTH))

    def paused(self, under_way: int) -> None:
        """Start again after a pause; so many requests at once were too many.

        A probe that is refused again says nothing about the ceiling: the threshold stays.
        """
        if under_way > 1:
            self._threshold = max(1.0, under_way * _FALL)
        self.value = 1
        self._successes = 0
