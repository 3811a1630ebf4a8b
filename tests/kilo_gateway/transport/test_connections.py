"""The httpx clients of a process: shared where they may be, apart where they must be."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from kilo_gateway import InvalidSettingError
from kilo_gateway.transport import connections
from kilo_gateway.transport.connections import async_carrier, route_of, sync_carrier

PLAIN = route_of("http://127.0.0.1/", {})
TLS = route_of("https://gateway.example/", {})


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry for this test alone, its clients closed at the end."""
    monkeypatch.setattr(connections, "_shared", connections._Shared())
    yield
    connections._close_idle_connections()


@pytest.mark.parametrize(
    ("url", "environ", "same_as_plain"),
    [
        ("http://127.0.0.1:9/", {"PATH": "/bin", "KILOCODE_API_KEY": "k"}, True),
        ("http://localhost:8/", {}, True),
        ("http://other.example/", {}, False),
        ("https://127.0.0.1/", {}, False),
        ("http://127.0.0.1/", {"HTTP_PROXY": "http://127.0.0.1:1"}, False),
        ("http://127.0.0.1/", {"all_proxy": "http://127.0.0.1:1"}, False),
        ("http://127.0.0.1/", {"no_proxy": "*"}, False),
        ("http://127.0.0.1/", {"SSL_CERT_FILE": "/x"}, False),
    ],
)
def test_what_makes_a_route(url: str, environ: dict[str, str], same_as_plain: bool) -> None:
    """TLS and the environment's proxies and certificates tell routes apart; host and other variables do not."""
    assert (route_of(url, environ) == PLAIN) is same_as_plain


def test_threads_share_one_client() -> None:
    """All threads get the same client, however they race for it; another route has another."""
    found: list[Any] = []
    barrier = threading.Barrier(16)

    def fetch() -> None:
        barrier.wait()
        found.append(sync_carrier(PLAIN))

    threads = [threading.Thread(target=fetch) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len({id(client) for client in found}) == 1
    assert sync_carrier(TLS) is not found[0]


def test_proxied_clients_neither_redirect_nor_keep_cookies(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that goes through a proxy follows no redirect and forgets cookies, because accounts share it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    client: Any = sync_carrier(route_of("http://gateway.example/", {"HTTP_PROXY": "http://127.0.0.1:9"})).client
    assert not client.follow_redirects
    response = httpx.Response(200, headers={"set-cookie": "a=b"}, request=httpx.Request("GET", "http://127.0.0.1/"))
    client.cookies.extract_cookies(response)
    assert len(client.cookies) == 0


def test_each_loop_has_its_own_client() -> None:
    """Within a loop there is one client for a route; it is closed when asyncio.run ends."""

    async def fetch() -> tuple[Any, ...]:
        return await async_carrier(PLAIN), await async_carrier(PLAIN), await async_carrier(TLS)

    first, second = asyncio.run(fetch()), asyncio.run(fetch())
    assert first[0] is first[1]
    assert first[0] is not first[2]
    assert first[0] is not second[0]
    assert all(client.is_closed for client in first + second)
    assert connections._shared.of_loop == {}


def test_tasks_of_a_loop_share_one_client() -> None:
    """Tasks that ask at the same moment get one client."""

    async def main() -> int:
        return len({id(client) for client in await asyncio.gather(*(async_carrier(PLAIN) for _ in range(20)))})

    assert asyncio.run(main()) == 1


def test_a_closed_client_is_replaced() -> None:
    """A client that somebody closed within its loop is not handed out again."""

    async def main() -> bool:
        client = await async_carrier(PLAIN)
        await client.aclose()
        return (await async_carrier(PLAIN)).is_closed

    assert asyncio.run(main()) is False


def test_a_dead_loop_is_forgotten() -> None:
    """A loop that was closed without its generators being ended is dropped when the next loop comes."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(async_carrier(PLAIN))
    loop.close()
    assert loop in connections._shared.of_loop
    asyncio.run(async_carrier(PLAIN))
    assert connections._shared.of_loop == {}
    del loop
    gc.collect()


def test_a_loop_closed_by_hand_closes_its_client() -> None:
    """A loop that is closed without being shut down, as LlamaIndex closes its own, leaves no open client."""
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(async_carrier(PLAIN))
    loop.close()
    assert client.is_closed
    assert loop.is_closed()


def test_a_loop_closed_inside_another_is_still_closed() -> None:
    """Where another loop runs in the thread, so that nothing can be awaited, the loop closes all the same."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(async_carrier(PLAIN))

    async def close_it() -> bool:
        loop.close()
        return loop.is_closed()

    assert asyncio.run(close_it())


def test_there_must_be_a_loop() -> None:
    """Without a running loop there is no client for one."""
    with pytest.raises(RuntimeError):
        async_carrier(PLAIN).send(None)


def test_a_fork_begins_anew() -> None:
    """After a fork the parent's clients are kept untouched, and never handed out."""
    client = sync_carrier(PLAIN)
    parents = connections._shared
    try:
        connections._forget_after_fork()
        assert connections._inherited[-1] is parents
        assert sync_carrier(PLAIN) is not client
        assert not client.is_closed
    finally:
        connections._inherited.remove(parents)
        connections._close_idle_connections()
        connections._shared = parents


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_that_cannot_be(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of an unknown kind is a typed error that names the variable, for both clients, each time."""
    environ = {name: "nonsense://127.0.0.1:1"}
    monkeypatch.setenv(name, environ[name])
    for _ in range(2):
        with pytest.raises(InvalidSettingError, match=rf"Check {name.upper()}\."):
            sync_carrier(route_of("http://gateway.example/", environ))
        with pytest.raises(InvalidSettingError, match=rf"Check {name.upper()}\."):
            asyncio.run(async_carrier(route_of("http://gateway.example/", environ)))


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:99999", "http://127.0.0.1:-1", "127.0.0.1:99999"])
def test_a_proxy_with_a_port_that_is_none(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that no socket takes is a typed error that names the variable, for both clients."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    route = route_of("https://gateway.example/", {"HTTPS_PROXY": proxy})
    with pytest.raises(InvalidSettingError, match=r"Check HTTPS_PROXY\."):
        sync_carrier(route)
    with pytest.raises(InvalidSettingError, match=r"Check HTTPS_PROXY\."):
        asyncio.run(async_carrier(route))


def test_idle_connections_end_with_the_process() -> None:
    """At the end of the process idle connections are closed; those that a daemon thread may still read are left."""
    free = sync_carrier(PLAIN)._free  # type: ignore[union-attr]
    idle, used = (Mock(is_fresh=lambda: True) for _ in range(2))
    for connection in (idle, used):
        free.give_back("origin", connection)
    assert free.take("origin") is used
    connections._close_idle_connections()
    assert (idle.abort.call_count, used.abort.call_count) == (1, 0)
