"""Signals while a batch runs: the first ends it after a grace, the second at once."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Self

from kilo_gateway.batch.stops import interrupted
from kilo_gateway.cli.statuses import HUNG_UP, INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kilo_gateway.batch import BatchRun

_STATUS_OF_SIGNAL: Final = {"SIGINT": INTERRUPTED, "SIGTERM": TERMINATED, "SIGHUP": HUNG_UP}


@contextmanager
def keeping_signals() -> Iterator[None]:
    """Give a program that runs the command within itself its own handlers back."""
    handlers = {getattr(signal, name): signal.getsignal(getattr(signal, name)) for name in _known()}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)


class StopSignals:
    """A context: while it is open the first signal ends the run after a grace, the second at once."""

    def __init__(self, run: BatchRun, say: Callable[[str], None]) -> None:
        self.status = 0
        """The exit status that the first signal means; 0 without one."""
        self._run = run
        self._say = say
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        for name in _known():
            number = getattr(signal, name)
            try:
                self._loop.add_signal_handler(number, self._notice, name)
            except NotImplementedError:  # on Windows
                signal.signal(number, lambda *_, name=name: self._loop.call_soon_threadsafe(self._notice, name))
        return self

    def __exit__(self, *_: object) -> None:
        for name in _known():
            with suppress(NotImplementedError):
                self._loop.remove_signal_handler(getattr(signal, name))
            signal.signal(getattr(signal, name), signal.SIG_IGN)  # all is written, and the report is short

    def _notice(self, name: str) -> None:
        if self.status:
            self._run.abort()
            return
        self.status = _STATUS_OF_SIGNAL[name]
        self._run.stop(interrupted())
        self._say("Stopping: nothing new is sent. Once more to stop at once.")


def _known() -> list[str]:
    """Return the signals of this system; what `nohup` has ignored stays ignored."""
    numbers = {name: getattr(signal, name, None) for name in _STATUS_OF_SIGNAL}
    return [name for name, one in numbers.items() if one is not None and signal.getsignal(one) != signal.SIG_IGN]
