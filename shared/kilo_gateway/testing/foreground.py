"""Serves on this machine until a signal ends it, with a page that shows what passes. Prints only where it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kilo_gateway.testing.accounts import DEFAULT_KEY
from kilo_gateway.testing.gateway.app import GatewayApp
from kilo_gateway.testing.gateway.state import GatewayState
from kilo_gateway.testing.loopback.server import LoopbackServer
from kilo_gateway.testing.options import Options
from kilo_gateway.testing.page.board import Board
from kilo_gateway.testing.page.upstream import UpstreamApp, parse_upstream
from kilo_gateway.testing.page.watch import WatchedApp

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from starlette.types import ASGIApp

    from kilo_gateway.testing.options import Version

_POLL_SECONDS = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_MAX_REQUESTS = 1000
"""How many requests the embedded gateway remembers here, where nobody asserts on them."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where something is served."""

    base_url: str
    """For a client, with its slash."""
    api_key: str | None
    """The key to use; None in front of another gateway, where it is the caller's own."""
    page: str
    """The address of the page that shows what passes."""


def announce(serving: Serving) -> None:
    """Print base URL and key to standard output, a line each, and the page's address to standard error."""
    lines = [serving.base_url] if serving.api_key is None else [serving.base_url, serving.api_key]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
    sys.stderr.write(f"What is sent here shows at {serving.page}\n")
    sys.stderr.flush()


def serve(
    *,
    port: int = 0,
    version: Version = "newest",
    delay_ms: float = 0.0,
    upstream: str | None = None,
    should_stop: Callable[[], bool] | None = None,
    announce: Callable[[Serving], object] = announce,
) -> None:
    """Serve until SIGINT, SIGTERM or `should_stop`: the embedded gateway, or `upstream`, the URL of a real one.

    `port` 0 takes a free one. `announce` is called once, when requests are answered. Signals are watched only in the
    main thread.

    Raises: OSError when the port is taken; InvalidSettingError for an upstream that cannot be used.
    """
    stopped: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        stopped.append(number)

    app, path, key, title = _embedded(version, delay_ms) if upstream is None else _in_front_of(upstream)
    server = LoopbackServer(WatchedApp(app, Board(title)), port=port, name="kilo-gateway serve")
    is_main = threading.current_thread() is threading.main_thread()
    previous = {number: signal.signal(number, note) for number in _SIGNALS} if is_main else {}
    try:
        server.start()
        announce(Serving(f"{server.origin}{path}", key, f"{server.origin}/"))
        while not stopped and not (should_stop is not None and should_stop()):
            time.sleep(_POLL_SECONDS)
    finally:
        server.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _embedded(version: Version, delay_ms: float) -> tuple[ASGIApp, str, str, str]:
    options = Options(version=version, event_delay_seconds=delay_ms / 1000)
    title = f"The embedded gateway ({version}): small built-in models, made-up costs, nothing leaves this machine."
    return GatewayApp(GatewayState(options, max_requests=_MAX_REQUESTS)), "/api/gateway/", DEFAULT_KEY, title


def _in_front_of(upstream: str) -> tuple[ASGIApp, str, None, str]:
    base_url = parse_upstream(upstream, os.environ)
    title = f"In front of {base_url}: your key passes through and is neither shown nor kept."
    return UpstreamApp(base_url), urlsplit(base_url).path, None, title
