"""How long a call may wait, and for what. Decides; never looks at a clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from kilo_gateway.errors import InvalidSettingError

_FORMS = "a number of seconds, (connect, read), a mapping, Timeouts or httpx.Timeout"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Four bounds, each in seconds; None means no bound."""

    connect: float | None = 10.0
    """To make a connection. Default 10."""
    read: float | None = 120.0
    """Between two arrivals of bytes; the gateway's comments count. Default 120: comments arrive far more often."""
    silence: float | None = 600.0
    """Without an event while only comments arrive, and for a whole answer that is not streamed.
    Default 600: the gateway itself gives up after ten minutes."""
    total: float | None = None
    """For the whole call with its retries. Checked whenever bytes arrive. Default: no bound."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_seconds(f"timeout.{field.name}", getattr(self, field.name))

    @property
    def read_bound(self) -> float | None:
        """The longest single wait for bytes: the smallest of read, silence and total."""
        bounds = [bound for bound in (self.read, self.silence, self.total) if bound is not None]
        return min(bounds, default=None)


SILENCE_FACTOR = 10
"""A single number t bounds the wait for bytes by t, and the wait for an event among comments by this many t."""


def parse_timeouts(value: Any) -> Timeouts:
    """Return the bounds that a `timeout` argument means.

    A number t gives connect min(t, 10), read t, silence 10 t; (connect, read) sets the two; a mapping sets what it
    names; None gives the defaults; an object with `connect` and `read`, such as httpx.Timeout, gives those.

    Raises:
        InvalidSettingError: not one of these, or not above zero.
    """
    if value is None:
        return Timeouts()
    if isinstance(value, Timeouts):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_seconds(float(value))
    if isinstance(value, (tuple, list)) and len(value) == len(("connect", "read")):
        return Timeouts(connect=value[0], read=value[1])
    if isinstance(value, Mapping):
        return _from_mapping(value)
    if hasattr(value, "connect") and hasattr(value, "read"):
        return Timeouts(connect=value.connect, read=value.read)
    raise InvalidSettingError(f"timeout={value!r} is not usable: give {_FORMS}.")


def _from_seconds(seconds: float) -> Timeouts:
    _check_seconds("timeout", seconds)
    return Timeouts(connect=min(seconds, 10.0), read=seconds, silence=seconds * SILENCE_FACTOR)


def _from_mapping(value: Mapping[str, Any]) -> Timeouts:
    names = {field.name for field in fields(Timeouts)}
    unknown = sorted(str(name) for name in set(value) - names)
    if unknown:
        raise InvalidSettingError(
            f"timeout has no bound named {', '.join(unknown)}: it knows {', '.join(sorted(names))}."
        )
    return Timeouts(**value)


def _check_seconds(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise InvalidSettingError(f"{name}={value!r} is not usable: it must be a finite number of seconds above 0.")
