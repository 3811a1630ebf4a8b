"""The clock of every time bound: one that tests which freeze `time` (freezegun) do not stop."""

from __future__ import annotations

import time
from functools import partial

if hasattr(time, "clock_gettime"):
    monotonic = partial(time.clock_gettime, time.CLOCK_MONOTONIC)
else:  # Windows
    monotonic = partial(time.monotonic)
"""Return seconds that only grow, as `time.monotonic` does; freezegun replaces that one wherever a module holds it."""
