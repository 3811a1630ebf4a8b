"""How a batch is run: the numbers that a caller may set, checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final

from kilo_gateway.errors import InvalidSettingError

DEFAULT_CONCURRENCY: Final = 100
DEFAULT_TRIES: Final = 3
DEFAULT_ROW_TIMEOUT_SECONDS: Final = 600.0
DEFAULT_NO_PROGRESS_SECONDS: Final = 600.0
DEFAULT_GRACE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a batch is run.

    Raises:
        InvalidSettingError: a number that cannot work.
    """

    concurrency: int = DEFAULT_CONCURRENCY
    """The most requests under way at once; the run finds out how many the gateway takes."""
    tries: int = DEFAULT_TRIES
    """How often a request is sent at the most, not counting when the gateway was too busy for it."""
    row_timeout_seconds: float = DEFAULT_ROW_TIMEOUT_SECONDS
    """How long a request may take with all its tries; waiting for a busy gateway does not count."""
    no_progress_seconds: float = DEFAULT_NO_PROGRESS_SECONDS
    """After so long without any answer the run ends."""
    grace_seconds: float = DEFAULT_GRACE_SECONDS
    """How long what is under way may go on when the run ends early."""
    max_errors: int | None = None
    """After so many failed requests the run ends; None: never."""
    ordered: bool = False
    """Whether results come in the order of the requests."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_seconds"):
                self._check_seconds(field.name, value)
            elif field.name != "ordered" and value is not None:
                check_count(field.name, value)

    @staticmethod
    def _check_seconds(name: str, value: object) -> None:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or value < 0 or (not value and name != "grace_seconds"):  # type: ignore[operator] # a number
            raise InvalidSettingError(f"{name}={value!r} is not usable: it must be a number of seconds above 0.")


def check_count(name: str, value: object) -> int:
    """Return a value that is a whole number above 0. Raises InvalidSettingError for any other."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidSettingError(f"{name}={value!r} is not usable: it must be a whole number from 1 on.")
    return value
