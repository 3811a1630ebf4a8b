"""Which cassettes are in use, each within the one before: a cassette takes the calls of the whole process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kilo_gateway.testing.cassettes.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, eq=False)
class _Use:
    """A cassette, and who opened it."""

    name: str
    thread: threading.Thread
    task: asyncio.Task[object] | None


_uses: list[_Use] = []
"""The outermost first; the last one gets the calls of all."""

_around: ContextVar[tuple[_Use, ...]] = ContextVar("kilo_cassettes_around", default=())
"""Those that this task, or one that began it, has opened."""


@contextmanager
def in_use(name: str) -> Iterator[None]:
    """Note that this cassette is in use until the block ends.

    Raises:
        CassetteError: another task or thread uses one, and neither could tell whose a call is.
    """
    use = _Use(name, threading.current_thread(), _current_task())
    if _uses and not _is_within(use, _uses[-1]):
        raise CassetteError(
            f"{name} begins while another task or thread uses {_uses[-1].name}, and a cassette takes the calls of the "
            "whole process. Put one cassette around all of them, or use one after the other."
        )
    _uses.append(use)
    _around.set((*_around.get(), use))
    try:
        yield
    finally:
        _uses.remove(use)
        _around.set(tuple(one for one in _around.get() if one is not use))


def _is_within(use: _Use, other: _Use) -> bool:
    """Return whether the other one is around this one: its opener is on the way here."""
    is_near = other.thread in {threading.main_thread(), use.thread} and other.task in {None, use.task}
    return is_near or other in _around.get()


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
