"""What carries a call: the engine where it was tested and nobody stands in front of httpx, else httpx."""

from __future__ import annotations

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import trio

from kilo_gateway import InvalidSettingError, KiloClient
from kilo_gateway.transport import carrier_choice, connections, route
from kilo_gateway.transport.connections import async_carrier, route_of, sync_carrier
from kilo_gateway.transport.engine import fitness

URL = "http://gateway.example/"


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry for this test alone, its clients closed at the end."""
    monkeypatch.setattr(connections, "_shared", connections._Shared())
    yield
    connections._close_idle_connections()


@pytest.fixture(params=["sync", "async"])
def choose(request: pytest.FixtureRequest) -> Any:
    """Return the name of what carries a call to a URL in an environment."""

    def name(environ: dict[str, str] | None = None, url: str = URL) -> str:
        asked = route_of(url, environ or {})
        carrier: Any = sync_carrier(asked) if request.param == "sync" else asyncio.run(async_carrier(asked))
        return type(carrier).__name__.removeprefix("Async")

    return name


def test_the_engine_is_usual(choose: Any) -> None:
    """Without anything set, the engine carries calls, with TLS and without."""
    assert choose() == choose(url="https://gateway.example/") == "EngineCarrier"


@pytest.mark.parametrize("value", ["httpx", " HTTPX "])
def test_the_way_back(choose: Any, value: str) -> None:
    """`KILOCODE_HTTP_ENGINE=httpx` puts httpx's parser and connections in the engine's place."""
    assert choose({"KILOCODE_HTTP_ENGINE": value}) == "HttpcoreCarrier"
    assert choose({"KILOCODE_HTTP_ENGINE": ""}) == "EngineCarrier"


def test_an_engine_that_does_not_exist(choose: Any) -> None:
    """Another value is a typed error that names the variable."""
    with pytest.raises(InvalidSettingError, match="KILOCODE_HTTP_ENGINE='curl' is not known: write httpx"):
        choose({"KILOCODE_HTTP_ENGINE": "curl"})


@pytest.mark.parametrize(
    ("name", "ask"), [("gevent.monkey", "is_module_patched"), ("eventlet.patcher", "is_monkey_patched")]
)
def test_green_sockets(choose: Any, monkeypatch: pytest.MonkeyPatch, name: str, ask: str) -> None:
    """Where gevent or eventlet has replaced the sockets, httpx's connections are used, which were tried there."""
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(**{ask: lambda module: module == "socket"}))
    assert choose() == "HttpcoreCarrier"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(**{ask: lambda module: module != "socket"}))
    assert choose() == "EngineCarrier"


def test_an_interpreter_without_a_lock(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a free-threaded interpreter the engine, which was not tried there, is not used."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert choose() == "HttpcoreCarrier"


def test_a_system_without_poll(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, whose sockets cannot be waited for as ours are, a stock httpx client carries calls."""
    monkeypatch.setattr(fitness, "HAS_POLL", False)
    monkeypatch.setattr(carrier_choice, "HAS_POLL", False)
    assert choose() == "HttpxCarrier"


def test_a_proxy(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy a stock httpx client carries calls; what is for this machine goes past it."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert choose({"HTTPS_PROXY": "http://127.0.0.1:9"}) == "HttpxCarrier"
    assert choose({"HTTPS_PROXY": "http://127.0.0.1:9"}, "http://127.0.0.1/") == "EngineCarrier"


def test_trio() -> None:
    """On trio httpx's connections are used."""

    async def main() -> str:
        carrier: Any = await async_carrier(route_of(URL, {}))
        await carrier.aclose()
        return type(carrier).__name__

    assert trio.run(main) == "AsyncHttpcoreCarrier"


def test_no_context_without_tls(choose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No TLS context is made for plain connections, not even where certificates are named: it takes 40 ms."""
    monkeypatch.setattr(route.ssl, "create_default_context", lambda **_: pytest.fail("it was made"))
    assert choose({"SSL_CERT_FILE": "ca.pem"}) == "EngineCarrier"
    assert choose(url="https://gateway.example/") == "EngineCarrier"


def test_threads_that_meet_a_patch_together(serve_raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody comes to stand in front of httpx, calls of many threads make one client together."""
    body = b'{"choices":[{"message":{"role":"assistant","content":"mine"},"finish_reason":"stop"}]}'

    def play(peer: Any) -> None:
        while peer.request():
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    client = KiloClient(base_url=serve_raw(play).base_url, api_key="k" * 20, model="a/b", max_retries=0)
    ask = partial(client.complete, [{"role": "user", "content": "Hello"}])
    assert ask().text == "mine"
    make, init, making, made = carrier_choice.CarrierChoice._make, httpx.Client.__init__, threading.Semaphore(0), []

    def note_making(*given: Any) -> Any:
        making.release()
        return make(*given)

    def init_slowly(*given: Any, **named: Any) -> None:
        assert made or all(making.acquire(timeout=5) for _ in range(16))  # all threads found none
        made.append(init(*given, **named))

    monkeypatch.setattr(carrier_choice.CarrierChoice, "_make", note_making)
    monkeypatch.setattr(httpx.Client, "__init__", init_slowly)
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(ask) for _ in range(16)]
    assert [one.result().text for one in asked] == ["mine"] * 16
    assert len(made) == 1
