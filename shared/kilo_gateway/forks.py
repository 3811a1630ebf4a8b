"""What is made anew in a forked child: whoever held a lock there, or waited for one, is not there. Knows no object."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable


class Forked(Protocol):
    """Something that a child inherits."""

    def begin_in_child(self) -> None:
        """Take new locks, and forget the threads of the parent."""


_inherited: WeakSet[Forked] = WeakSet()


def renew_after_fork(thing: Forked) -> None:
    """Call the object's `begin_in_child` in every child of this process, as long as the object lives."""
    _inherited.add(thing)


def call_in_child(renew: Callable[[], None]) -> None:
    """Call the function in every child of this process; where processes do not fork, as on Windows, never."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)


def _renew_inherited() -> None:
    for thing in tuple(_inherited):
        thing.begin_in_child()


call_in_child(_renew_inherited)
