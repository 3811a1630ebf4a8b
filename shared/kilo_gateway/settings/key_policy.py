"""Whether a missing key is refused, and when: recorded answers need none. Imports nothing, so that it costs nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_no_key_needed: list[object] = []
_deferred: list[object] = []
"""One entry for each block that has not ended yet."""


@contextmanager
def no_key_needed() -> Iterator[None]:
    """Accept a missing key until the block ends: something other than the gateway answers, or adds a key."""
    entry = object()
    _no_key_needed.append(entry)
    try:
        yield
    finally:
        _no_key_needed.remove(entry)


@contextmanager
def check_deferred() -> Iterator[None]:
    """Refuse a missing key when a call is made, not when an object is, until the block ends.

    A test module may make a model while it is imported; the cassette of its test comes later.
    """
    entry = object()
    _deferred.append(entry)
    try:
        yield
    finally:
        _deferred.remove(entry)


def is_no_key_needed() -> bool:
    """Return whether calls need no key now."""
    return bool(_no_key_needed)


def is_check_deferred() -> bool:
    """Return whether objects may be made without a key now."""
    return bool(_deferred)
