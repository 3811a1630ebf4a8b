"""Signals while a batch runs: the first ends it after a grace, the second at once."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Final, Self

from kilo_gateway.batch.stops import interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.batch import BatchRun

_STATUS_OF_SIGNAL: Final = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}


class StopSignals:
    """A context: while it is open the first signal ends the run after a grace, the second at once."""

    def __init__(self, find_run: Callable[[], BatchRun | None], say: Callable[[str], None]) -> None:
        self.status = 0
        """The exit status that the first signal means; 0 without one."""
        self._find_run = find_run
        self._say = say
        self._loop = asyncio.get_running_loop()

    def __enter__(self) -> Self:
        for name in _STATUS_OF_SIGNAL:
            if hasattr(signal, name):
                self._loop.add_signal_handler(getattr(signal, name), self._notice, name)
        return self

    def __exit__(self, *_: object) -> None:
        for name in _STATUS_OF_SIGNAL:
            if hasattr(signal, name):
                self._loop.remove_signal_handler(getattr(signal, name))

    def _notice(self, name: str) -> None:
        run = self._find_run()
        if run is not None and self.status:
            run.abort()
        elif run is not None:
            run.stop(interrupted())
        if not self.status:
            self._say("Stopping: nothing new is sent. Again to stop at once.")
        self.status = self.status or _STATUS_OF_SIGNAL[name]
