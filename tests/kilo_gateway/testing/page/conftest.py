"""What is served in these tests: the embedded gateway with its page, or the page in front of another gateway."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from kilo_gateway import KiloClient
from kilo_gateway.testing import serve
from kilo_gateway.testing.foreground import Serving

KEY = "k3y-of-a-test-0123456789"
HELLO = [{"role": "user", "content": "Hello"}]


@dataclass
class Served:
    """A server with a page, and a client of it."""

    serving: Serving
    http: httpx.Client
    """A plain HTTP client of the page's origin."""

    def client(self, **settings: Any) -> KiloClient:
        """Return a client that sends through the server."""
        key = self.serving.api_key or KEY
        given = {"base_url": self.serving.base_url, "api_key": key, "model": "openai/gpt-5-mini", "max_retries": 0}
        return KiloClient(**{**given, **settings})

    def page(self) -> str:
        """Return the page's HTML."""
        return self.http.get("/").text

    def mark(self) -> str:
        """Return how far the page has come, to ask what changed since."""
        return self.page().partition('data-mark="')[2].partition('"')[0]

    def events(self, *, after: str, until: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return what the page is told, event by event, until one satisfies; `after` is the mark to begin with."""
        found: list[dict[str, Any]] = []
        with self.http.stream("GET", "/_page/events", params={"after": after}) as response:
            event: dict[str, Any] = {}
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "data":
                    event["data"] = orjson.loads(value)
                elif name in ("id", "event"):
                    event[name] = value
                elif not line and event:
                    found.append(event)
                    if until(event):
                        return found
                    event = {}
        return found


@contextmanager
def running(**arguments: Any) -> Iterator[Served]:
    """Serve in a thread until the block ends."""
    done, ready = threading.Event(), threading.Event()
    announced: list[Serving] = []

    def note(serving: Serving) -> None:
        announced.append(serving)
        ready.set()

    thread = threading.Thread(target=lambda: serve(should_stop=lambda: done.wait(60), announce=note, **arguments))
    thread.start()
    try:
        assert ready.wait(10)
        # Nothing here speaks TLS, whose context takes longer than most tests.
        with httpx.Client(base_url=announced[0].page, timeout=10, trust_env=False, verify=False) as http:
            yield Served(announced[0], http)
    finally:
        done.set()
        thread.join(10)


@pytest.fixture(scope="module")
def module_served() -> Iterator[Served]:
    """The embedded gateway with its page, shared by a module's tests."""
    with running() as served:
        yield served


@pytest.fixture
def start() -> Iterator[Callable[..., Served]]:
    """Starts further servers: `start(upstream=...)`; all are stopped at the end."""
    with ExitStack() as stack:
        yield lambda **arguments: stack.enter_context(running(**arguments))


@pytest.fixture(autouse=True)
def _clients_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients tell what they changed, as in a shell that has what `serve` prints."""
    monkeypatch.setenv("KILOCODE_TELL_CHANGES", "1")
