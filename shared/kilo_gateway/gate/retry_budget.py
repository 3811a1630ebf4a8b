"""What all callers of a gateway and key together may spend on trying again. Decides by the clock it is given.

A fleet whose every call fails would else send several times its calls to a gateway that is down.
"""

from __future__ import annotations

import threading
from typing import Final

from kilo_gateway.forks import renew_after_fork

FIRST_RETRIES: Final = 100.0
"""Retries that a process has from its start; also what time alone fills up to."""
MOST_RETRIES: Final = 500.0
"""What answered calls fill up to, one each: a wave of calls that fails at once may be tried again at once."""
RETRIES_PER_SECOND: Final = 1.0


class RetryBudget:
    """A stock of retries. Safe to share between threads and loops."""

    def __init__(self) -> None:
        self._left = FIRST_RETRIES
        self._counted_at = 0.0
        self._lock = threading.RLock()
        self.is_full = False
        """Whether an answered call adds nothing: looked at once a call."""
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Take a new lock."""
        self._lock = threading.RLock()

    def add(self) -> None:
        """Note a call that was answered."""
        with self._lock:
            self._left = min(MOST_RETRIES, self._left + 1)
            self.is_full = self._left == MOST_RETRIES

    def take(self, now: float) -> bool:
        """Take one retry; False when there is none."""
        with self._lock:
            if self._left < FIRST_RETRIES and self._counted_at:
                gained = (now - self._counted_at) * RETRIES_PER_SECOND
                self._left = min(FIRST_RETRIES, self._left + max(0.0, gained))
            self._counted_at = now
            if self._left < 1:
                return False
            self._left -= 1
            self.is_full = False
            return True
