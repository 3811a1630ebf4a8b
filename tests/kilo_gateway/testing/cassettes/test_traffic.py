"""What of a test's traffic a cassette touches: gateways, hosts that are named, nothing else, and no network."""

from __future__ import annotations

import asyncio
import gzip
import socket
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

from kilo_gateway import AsyncKiloClient, KiloClient
from kilo_gateway.testing import EmbeddedGateway, NetworkBlockedError, use_cassette
from kilo_gateway.testing.cassettes.network import _Guard

pytestmark = pytest.mark.usefixtures("folder")

FILE = Path("cassettes/c.kilo.yaml")


def ask(**arguments: Any) -> str:
    """Return the model's answer."""
    client = KiloClient(model="anthropic/claude-sonnet-4.6", **arguments)
    return str(client.complete([{"role": "user", "content": "Hello"}]).text)


def _connect(host: str) -> None:
    """Try to connect. `socket.create_connection` would leave the socket open when something refuses it."""
    with socket.socket() as tried:
        tried.settimeout(0.01)
        tried.connect((host, 443))


def test_the_network_is_blocked_while_replaying() -> None:
    """Connections and look-ups that leave this machine are refused, those within it are not."""
    with use_cassette("c"):
        ask()
    with use_cassette("c"):
        ask()
        for call in (
            lambda: socket.getaddrinfo("example.com", 443),
            lambda: socket.create_connection(("192.0.2.1", 443), timeout=1),
            lambda: httpx.get("https://api.example.com/"),
        ):
            with pytest.raises(NetworkBlockedError, match="a replay needs no network"):
                call()
        with EmbeddedGateway() as local:
            assert httpx.get(f"{local.origin}/nothing", trust_env=False).status_code in {400, 404}
    with pytest.raises(Exception, match="1") as caught:  # noqa: PT012 - whatever the sandbox says to it
        _connect("192.0.2.1")
        raise OSError("1")
    assert not isinstance(caught.value, NetworkBlockedError)


def test_hosts_that_may_be_reached() -> None:
    """A host in `network` is let through to the socket, or all of them."""
    with use_cassette("c"):
        ask()
    for network in (["192.0.2.1"], True):
        with use_cassette("c", network=network):
            ask()
            with pytest.raises(Exception) as caught:  # noqa: PT011, PT012 - whatever the sandbox says to it
                _connect("192.0.2.1")
                raise OSError
            assert not isinstance(caught.value, NetworkBlockedError)


def test_the_addresses_of_an_allowed_name_may_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in `network` is looked up, and its addresses may be connected to."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [(None, None, 0, "", ("192.0.2.7", 0))])
    guard = _Guard("a cassette", ["db.example"])
    with pytest.raises(NetworkBlockedError):
        guard.check("192.0.2.7", "connecting to")
    guard.check("DB.example", "looking up")
    guard.check("192.0.2.7", "connecting to")


def test_other_hosts_can_be_recorded() -> None:
    """A host in `hosts` goes into the cassette as well, with its whole address."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"weather": "sunny"}))
    for _ in range(2):
        with use_cassette("c", hosts=["weather.example"]) as cassette, httpx.Client(transport=transport) as client:
            assert client.get("https://weather.example/now").json() == {"weather": "sunny"}
    assert cassette.all_played
    assert "uri: https://weather.example/now" in FILE.read_text()


def test_requests_of_others_are_not_read() -> None:
    """An upload to another host streams as if there were no cassette."""
    sent: list[int] = []

    def pieces() -> Any:
        yield b"one"
        sent.append(1)

    class Refusing(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert sent == []
            return httpx.Response(200, content=b"".join(request.stream))

    with use_cassette("c"), httpx.Client(transport=Refusing()) as client:
        assert client.post("https://uploads.example/", content=pieces()).content == b"one"


def test_traffic_of_others_is_left_alone() -> None:
    """What does not go to a gateway passes by: a test client of the own application, say."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json={"mine": True}))
    with use_cassette("c") as cassette, httpx.Client(transport=transport) as client:
        assert client.get("http://testserver/api").json() == {"mine": True}
    assert len(cassette) == 0
    assert not FILE.exists()


def test_compressed_answers_are_recorded_readable() -> None:
    """A compressed answer is kept decoded, and replayed so."""
    packed = gzip.compress(b'{"data":[]}')
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=packed, headers=headers))
    for _ in range(2):
        with use_cassette("c"), httpx.Client(transport=transport) as client:
            assert client.get("https://api.kilo.ai/api/gateway/models").json() == {"data": []}
    assert "data: []" in FILE.read_text()
    assert "from: Kilo Gateway" in FILE.read_text()
    assert "recorded: '20" in FILE.read_text()


@pytest.mark.parametrize("value", [b"caf\xe9", "caf\u00e9".encode(), b"\xff\xfe"])
def test_headers_beyond_ascii_do_not_stop_a_recording(value: bytes) -> None:
    """A header of the server's own comes back as it is, in whatever encoding, and the call is recorded."""
    headers = [(b"content-type", b"application/json"), (b"x-region", value)]
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=b'{"data":[]}', headers=headers))
    with use_cassette("c") as cassette, httpx.Client(transport=transport) as client:
        answer = client.get("https://api.kilo.ai/api/gateway/models")
        assert answer.headers["x-region"] == httpx.Headers(headers)["x-region"]
    assert cassette.recorded == 1


def test_a_transport_that_wraps_another_is_recorded_once() -> None:
    """A transport of the caller's around httpx's own does not record twice."""

    class Wrapper(httpx.BaseTransport):
        inner = httpx.HTTPTransport()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return self.inner.handle_request(request)

    with use_cassette("c") as cassette, httpx.Client(transport=Wrapper()) as client:
        ask(http_client=client)
    assert cassette.recorded == 1


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_clients_of_the_caller_are_seen(library: Any) -> None:
    """The caller's own clients, made before or within, sync and async, are recorded, replayed and reach no network."""
    before = library.Client()

    async def aask() -> str:
        async with library.AsyncClient() as client:
            asked = AsyncKiloClient(model="anthropic/claude-sonnet-4.6", http_client=client)
            return str((await asked.complete([{"role": "user", "content": "Hello"}])).text)

    for _ in range(2):
        with use_cassette("c") as cassette, library.Client() as within:
            answers = {ask(http_client=before), ask(http_client=within), asyncio.run(aask())}
        assert len(answers) == 1
        assert len(cassette) == 3
    assert cassette.all_played
    before.close()
