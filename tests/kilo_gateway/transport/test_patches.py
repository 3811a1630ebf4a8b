"""Who stands in front of httpx sees every request: tracers and mocks, set up before the first call or after it."""

from __future__ import annotations

import functools
import time
from typing import Any

import httpcore
import httpx
import pytest

from kilo_gateway.transport.patches import is_patched

PLACES = {
    "send": (httpx.Client, httpx.AsyncClient, "send", "send"),
    "transport": (httpx.HTTPTransport, httpx.AsyncHTTPTransport, "handle_request", "handle_async_request"),
    "choice of a transport": (httpx.Client, httpx.AsyncClient, "_transport_for_url", "_transport_for_url"),
    "pool": (httpcore.ConnectionPool, httpcore.AsyncConnectionPool, "handle_request", "handle_async_request"),
}


@pytest.mark.parametrize("place", list(PLACES))
def test_every_request_is_seen(
    connect: Any, gateway: Any, mode: str, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """A wrapper sees each request from the moment it is set until it is taken off, and its headers are passed on."""
    blocking, awaited, name, awaited_name = PLACES[place]
    holder, name = (blocking, name) if mode == "sync" else (awaited, awaited_name)
    original, seen = getattr(holder, name), []

    @functools.wraps(original)
    def trace(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(request)
        if place == "choice of a transport":
            return original(self, request)
        if place == "pool":
            request.headers.append((b"sentry-trace", b"abc"))
        else:
            request.headers["sentry-trace"] = "abc"
        return original(self, request, *args, **kwargs)

    session = connect()
    assert session.complete().text
    with monkeypatch.context() as patch:
        patch.setattr(holder, name, trace)
        assert is_patched()
        assert session.complete().text
        assert session.stream().text
    assert session.stream().text
    assert not is_patched()
    assert len(seen) == 2
    added = None if place == "choice of a transport" else "abc"
    assert [request.headers.get("sentry-trace") for request in gateway.requests] == [None, added, added, None]


def test_a_replaced_class_is_used(connect: Any, gateway: Any, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client class that somebody puts in place of httpx's carries the calls."""
    name = "Client" if mode == "sync" else "AsyncClient"
    made = []

    class Instrumented(getattr(httpx, name)):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(httpx, name, Instrumented)
    session = connect()
    assert session.complete().text
    assert session.complete().text
    assert len(made) == 1
    assert len(gateway.requests) == 2


def test_looking_costs_next_to_nothing() -> None:
    """The look before each call takes microseconds at most."""
    begun = time.perf_counter()
    for _ in range(1000):
        assert not is_patched()
    assert time.perf_counter() - begun < 0.05


AWAITS_IMPORT = """
import sys
from kilo_gateway import KiloClient
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model="openai/gpt-4.1-mini")
ask = lambda: client.complete([{"role": "user", "content": "Hello"}])
if sys.argv[3] == "after":
    ask()
assert "httpx" not in sys.modules
import wrapt
seen = []
@wrapt.when_imported("httpx")
def patch(httpx):
    send = httpx.Client.send
    httpx.Client.send = lambda *given, **named: seen.append(1) or send(*given, **named)
ask()
print(len(seen))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_somebody_who_waits_for_the_import(gateway: Any, scripts: Any, when: str) -> None:
    """A tracer that wraps httpx when it is imported, as ddtrace and New Relic do, sees every call."""
    done = scripts.run(AWAITS_IMPORT, gateway.base_url, gateway.api_key, when)
    assert (done.stdout, done.stderr) == ("1\n", "")
