"""How long a call may wait, and for what. Decides; never looks at a clock."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kilo_gateway.errors import InvalidSettingError

_FORMS = "a number of seconds, (connect, read), a mapping, Timeouts or httpx.Timeout"

MAX_SECONDS = 2_147_483.0
"""The longest bound, 24 days: what the poll of every operating system can still count in milliseconds."""

SILENCE_FACTOR = 10
"""A single number t bounds the wait for bytes by t, and the wait for an event among comments by this many t."""


def _check_seconds(name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= MAX_SECONDS:
        raise InvalidSettingError(
            f"{name}={reprlib.repr(value)} is not usable: it must be a number of seconds above 0 and at most "
            f"{MAX_SECONDS:.0f}; None means no bound."
        )


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The bounds of a call, each in seconds; None means no bound."""

    connect: float | None = 10.0
    """To make a connection. Default 10."""
    read: float | None = 120.0
    """Between two arrivals of bytes; the gateway's comments count. Default 120: comments arrive far more often."""
    silence: float | None = 600.0
    """Without an event while only comments arrive, and for a whole answer that is not streamed.
    Default 600: the gateway itself gives up after ten minutes."""
    total: float | None = None
    """For the whole call with its retries. Ends every wait. Default: no bound."""
    write: float | None = None
    """For the gateway to take the next bytes of the request. Default None: as long as `read`."""
    pool: float | None = None
    """For a free connection, on an HTTP client of your own that limits them; ours do not. Default: no bound."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check_seconds(f"timeout.{field.name}", getattr(self, field.name))

    @property
    def write_bound(self) -> float | None:
        """The longest wait for the gateway to take bytes."""
        return self.read if self.write is None else self.write

    @property
    def read_bound(self) -> float | None:
        """The longest single wait for bytes: the smallest of read, silence and total."""
        bounds = [bound for bound in (self.read, self.silence, self.total) if bound is not None]
        return min(bounds, default=None)


_DEFAULTS = Timeouts()


def parse_timeouts(value: Any) -> Timeouts:
    """Return the bounds that a `timeout` argument means.

    A number t gives connect min(t, 10), read t, silence 10 t; (connect, read) sets the two; a mapping sets what it
    names; None gives the defaults; an object with `connect` and `read`, such as httpx.Timeout, gives those, its `write`
    and its `pool`. Where silence is not named it is 600, or as long as a longer read.

    Raises:
        InvalidSettingError: not one of these, or not above zero.
    """
    if value is None:
        return _DEFAULTS
    if isinstance(value, Timeouts):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_seconds(value)
    if isinstance(value, (tuple, list)) and len(value) == len(("connect", "read")):
        return _from_mapping({"connect": value[0], "read": value[1]})
    if isinstance(value, Mapping):
        return _from_mapping(value)
    if hasattr(value, "connect") and hasattr(value, "read"):
        write = getattr(value, "write", value.read)
        return _from_mapping(
            {
                "connect": value.connect,
                "read": value.read,
                "write": MAX_SECONDS if write is None else write,
                "pool": getattr(value, "pool", None),
            }
        )
    raise InvalidSettingError(f"timeout={reprlib.repr(value)} is not usable: give {_FORMS}.")


def _from_seconds(seconds: float) -> Timeouts:
    _check_seconds("timeout", seconds)
    seconds = float(seconds)
    return Timeouts(connect=min(seconds, 10.0), read=seconds, silence=min(seconds * SILENCE_FACTOR, MAX_SECONDS))


def _from_mapping(value: Mapping[str, Any]) -> Timeouts:
    names = {field.name for field in fields(Timeouts)}
    unknown = sorted(str(name) for name in set(value) - names)
    if unknown:
        raise InvalidSettingError(
            f"timeout has no bound named {', '.join(unknown)}: it knows {', '.join(sorted(names))}."
        )
    read = value.get("read")
    _check_seconds("timeout.read", read)
    silence = max(read or 0.0, _DEFAULTS.silence or 0.0)
    return Timeouts(**{"silence": silence, **value})


def dumpable_timeout(given: Any, timeouts: Timeouts) -> Any:
    """Return bounds as they were given, or as a mapping where a dump cannot hold that."""
    return given if isinstance(given, (int, float, tuple, list, dict)) else asdict(timeouts)
