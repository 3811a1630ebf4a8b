"""What objects with locks do in a forked child: whoever held a lock, or waited, is not there. Knows no object."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that a child inherits."""

    def begin_in_child(self) -> None:
        """Take new locks, and forget the threads of the parent."""


_inherited: WeakSet[Forked] = WeakSet()


def renew_after_fork(thing: Forked) -> None:
    """Call the object's `begin_in_child` in every child of this process, as long as the object lives."""
    _inherited.add(thing)


def _begin_in_child() -> None:
    for thing in tuple(_inherited):
        thing.begin_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)
