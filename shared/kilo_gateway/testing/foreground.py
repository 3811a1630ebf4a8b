"""Runs an embedded gateway in the foreground until a signal ends it. Prints where it is; nothing else."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from kilo_gateway.testing.gateway.server import EmbeddedGateway

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from kilo_gateway.testing.options import Version

_POLL_SECONDS = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    *,
    port: int = 0,
    version: Version = "newest",
    delay_ms: float = 0.0,
    should_stop: Callable[[], bool] | None = None,
) -> None:
    """Serve until SIGINT, SIGTERM or `should_stop`; the base URL and the key go to standard output, one line each.

    `port` 0 takes a free one. Signals are watched only in the main thread.

    Raises: OSError when the port is taken.
    """
    stopped: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        stopped.append(number)

    is_main = threading.current_thread() is threading.main_thread()
    previous = {number: signal.signal(number, note) for number in _SIGNALS} if is_main else {}
    try:
        with EmbeddedGateway(version=version, port=port, delay_ms=delay_ms) as gateway:
            sys.stdout.write(f"{gateway.base_url}\n{gateway.api_key}\n")
            sys.stdout.flush()
            while not stopped and not (should_stop is not None and should_stop()):
                time.sleep(_POLL_SECONDS)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
