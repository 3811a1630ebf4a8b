"""What a terminal shows while something is awaited, and takes away again."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from kilo_gateway.cli.streams import stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.cli.streams import Output

_TICK_SECONDS: Final = 1.0


@contextmanager
def awaiting(*, is_quiet: bool) -> Iterator[None]:
    """Show that something is awaited, on stderr while the block runs, unless it is to be quiet."""
    indicator = WaitIndicator(stderr())
    if not is_quiet:
        indicator.start()
    try:
        yield
    finally:
        indicator.stop()


class WaitIndicator:
    """Says on a terminal that something is awaited; leaves no trace."""

    def __init__(self, err: Output) -> None:
        self._err = err
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._shown = ""

    def start(self) -> None:
        """Show it, unless it is shown or there is no terminal."""
        if self._thread is not None or not self._err.is_terminal:
            return
        self._stopped.clear()
        self._thread = threading.Thread(target=self._keep_showing, args=(monotonic(),), daemon=True)
        self._show("waiting")
        self._thread.start()

    def stop(self) -> None:
        """Take it away."""
        if self._thread is None:
            return
        self._stopped.set()
        self._thread.join()
        self._thread = None
        self._show("")

    def _keep_showing(self, began: float) -> None:
        while not self._stopped.wait(_TICK_SECONDS):
            self._show(f"waiting {monotonic() - began:.0f} s")

    def _show(self, text: str) -> None:
        blanks = " " * len(self._shown)
        self._err.decoration(f"\r{blanks}\r{text}" if self._shown else text)
        self._shown = text
