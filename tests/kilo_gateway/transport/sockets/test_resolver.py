"""Names are looked up beside the loop, within `connect`, in threads that nobody waits for."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, ConnectionFailedError, KiloError, RequestTimeoutError, Timeouts
from kilo_gateway.transport.sockets import resolver

ASK = [{"role": "user", "content": "Hello"}]


def call(seconds: float | None = None) -> KiloError:
    """Return the error of a call to a name."""

    async def main() -> None:
        bounds = Timeouts(connect=seconds)
        client = AsyncKiloClient(
            base_url="https://gateway.example/", api_key="k" * 20, model="a/b", max_retries=0, timeout=bounds
        )
        await client.complete(ASK)

    with pytest.raises(KiloError) as caught:
        asyncio.run(main())
    return caught.value


def test_a_resolver_that_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that does not return is given up after `connect`, and holds up neither the loop's end nor another."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(5))
    begun = time.monotonic()
    assert isinstance(call(0.1), RequestTimeoutError)
    assert isinstance(call(0.1), RequestTimeoutError)
    assert time.monotonic() - begun < 2
    release.set()


@pytest.mark.parametrize(
    "failure", [socket.gaierror(-2, "Name or service not known"), OSError(5, "Input/output error")]
)
def test_a_resolver_that_fails(monkeypatch: pytest.MonkeyPatch, failure: OSError) -> None:
    """What the resolver says is the reason, and nothing was sent."""

    def fail(*_: Any, **__: Any) -> Any:
        raise failure

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    error = call()
    assert isinstance(error, ConnectionFailedError)
    assert str(failure.strerror) in str(error)
    assert not error.was_sent


def test_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are as many as lookups wait, at most 32; they end when there is nothing to look up."""
    monkeypatch.setattr(resolver, "_IDLE_SECONDS", 0.01)
    monkeypatch.setattr(resolver, "_threads", resolver._Threads())
    others = set(threading.enumerate())
    release, running = threading.Event(), threading.Semaphore(0)

    def wait(*_: Any, **__: Any) -> list[Any]:
        running.release()
        assert release.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", wait)
    asked = [resolver.resolve_beside("gateway.example", 443) for _ in range(40)]
    for _ in range(32):
        assert running.acquire(timeout=5)
    named = [thread for thread in set(threading.enumerate()) - others if thread.name == "kilo-resolver"]
    release.set()
    assert [one.result(5) for one in asked] == [[]] * 40
    for thread in named:
        thread.join(5)
    assert not any(thread.is_alive() for thread in named)
    assert all(thread.daemon for thread in named)
    assert resolver._threads._threads == 0
