"""The page in front of another gateway: everything passes as it is, the key too, and nothing is kept."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kilo_gateway import InvalidSettingError, KiloClient, KiloError, TruncatedStreamError
from kilo_gateway.gate import forget_gates
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply
from kilo_gateway.testing.page.upstream import parse_upstream
from tests.kilo_gateway.testing.page.conftest import HELLO, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.kilo_gateway.testing.page.conftest import Served

CHAT = "/api/gateway/chat/completions"
BODY: dict[str, Any] = {"model": "openai/gpt-5-mini", "messages": HELLO}


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[EmbeddedGateway, Served]]:
    """A gateway, and the page in front of it."""
    with EmbeddedGateway() as real, running(upstream=real.base_url) as served:
        yield real, served


@pytest.fixture
def real(pair: tuple[EmbeddedGateway, Served]) -> EmbeddedGateway:
    """The gateway behind, with an empty record."""
    pair[0].clear()
    return pair[0]


@pytest.fixture
def front(pair: tuple[EmbeddedGateway, Served]) -> Served:
    """The page in front of it."""
    return pair[1]


def client_of(real: EmbeddedGateway, front: Served, **settings: Any) -> KiloClient:
    """Return a client that goes by way of the page, with a key of the gateway behind."""
    return front.client(api_key=real.api_key, **settings)


def test_the_key_and_every_header_pass_through(real: EmbeddedGateway, front: Served) -> None:
    """The gateway behind gets the client's headers in their spelling, but for those of a connection and our own."""
    client = client_of(real, front, task_id="t-1", default_headers={"X-Own": "1"})
    assert client.complete(HELLO, reasoning="low").text
    sent = real.requests[-1].headers
    assert sent["authorization"] == f"Bearer {real.api_key}"
    assert (sent["X-KiloCode-TaskId"], sent["X-Own"]) == ("t-1", "1")
    assert "x-kilo-changes" not in sent
    assert ("X-Own", "1") in sent.pairs
    page = front.page()
    assert real.api_key not in page
    assert "Changed by the client" in page
    assert f"In front of {real.base_url}" in page
    assert (front.serving.api_key, front.serving.base_url) == (None, f"{front.serving.page}api/gateway/")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", CHAT, BODY),
        ("POST", CHAT, {**BODY, "stream": True}),
        ("POST", CHAT, {**BODY, "model": "no/such"}),
        ("POST", CHAT, {"model": "openai/gpt-5-mini"}),
        ("GET", "/api/gateway/models?x=1&y=a%20b", None),
        ("GET", "/api/profile/balance", None),
        ("GET", "/api/gateway/%2e%2e/none", None),
        ("POST", "/api/gateway//chat/completions", BODY),
        ("DELETE", CHAT, None),
    ],
)
def test_an_answer_is_that_of_the_gateway_behind(
    real: EmbeddedGateway, front: Served, method: str, path: str, body: Any
) -> None:
    """Status, body and headers are the same by way of the page and without it, and so is what the gateway gets."""
    headers = {"authorization": f"Bearer {real.api_key}"}
    with httpx.Client(base_url=real.origin, trust_env=False) as direct:
        expected = direct.request(method, path, json=body, headers=headers)
    given = front.http.request(method, path, json=body, headers=headers)
    first, second = real.requests
    assert (second.path, second.query, second.raw_body) == (first.path, first.query, first.raw_body)
    assert given.status_code == expected.status_code
    numbered = {"x-vercel-id", "request-id", "date", "content-length", "transfer-encoding", "content-encoding"}
    kept = {name: value for name, value in expected.headers.items() if name not in numbered}
    kept.pop("strict-transport-security", None)
    assert {name: given.headers.get(name) for name in kept} == kept
    ids = (b'"id"', b'"created"')
    if not any(mark in expected.content for mark in ids):
        assert given.content == expected.content


def test_a_stream_passes_piece_by_piece(real: EmbeddedGateway, front: Served) -> None:
    """Each event arrives when the gateway behind has sent it, and is on the page by then."""
    real.enqueue(Fault(reply=Reply(text="one two three"), stall_after_events=2))
    mark = front.mark()
    headers = {"authorization": f"Bearer {real.api_key}"}
    with front.http.stream("POST", CHAT, json={**BODY, "stream": True}, headers=headers) as response:
        lines = response.iter_lines()
        assert any("one" in line for line in lines)
        with httpx.Client(base_url=front.serving.page, trust_env=False) as other:
            second = type(front)(front.serving, other)
            events = second.events(after=mark, until=lambda event: "one" in _answer_of(event))
        assert "running" in str(events)
    assert real.wait_until(lambda: real.open_streams == 0)


def _answer_of(event: dict[str, Any]) -> str:
    return str(event["data"].get("parts", {}).get("answer"))


def test_a_client_that_leaves_ends_its_call_behind(real: EmbeddedGateway, front: Served) -> None:
    """Whoever goes away while the gateway is silent leaves no call open there."""
    real.enqueue(Fault(delay_seconds=float("inf")), Fault(keepalive_seconds=float("inf")))
    headers = {"authorization": f"Bearer {real.api_key}"}
    with pytest.raises(httpx.ReadTimeout):
        front.http.post(CHAT, json=BODY, headers=headers, timeout=0.3)
    with front.http.stream("POST", CHAT, json={**BODY, "stream": True}, headers=headers) as response:
        lines = response.iter_lines()
        assert any(line.startswith(":") for line in lines)
        assert real.open_streams == 1
    assert real.wait_until(lambda: real.open_streams == 0)


@pytest.mark.parametrize(
    "fault",
    [Fault(cut_after_events=2), Fault(cut_after_bytes=300, reset=True), Fault(end_after_events=2)],
    ids=["cut", "reset", "ended"],
)
def test_an_answer_that_is_cut_is_cut_for_the_client_too(real: EmbeddedGateway, front: Served, fault: Fault) -> None:
    """A broken stream never looks whole, and its beginning is on the page."""
    real.enqueue(fault)
    mark = front.mark()
    with pytest.raises((TruncatedStreamError, KiloError)):
        list(client_of(real, front).stream(HELLO))
    ended = front.events(after=mark, until=lambda event: "problem" in str(event["data"]))
    assert "running" not in str(ended[-1]["data"])


def test_errors_of_the_gateway_behind_keep_their_class(real: EmbeddedGateway, front: Served) -> None:
    """A client learns by way of the page what it would have learnt without: class, status and waiting time."""
    answers = (Fault(status=429, headers={"retry-after": "7"}), Fault(status=503, body="html"), Fault(status=401))
    for fault in answers:
        real.enqueue(fault, fault)
        seen = []
        forget_gates()
        for client in (client_of(real, front), KiloClient(base_url=real.base_url, api_key=real.api_key, max_retries=0)):
            with pytest.raises(KiloError) as failed:
                client.complete(HELLO, model="openai/gpt-5-mini")
            seen.append((type(failed.value), getattr(failed.value, "retry_after", None)))
        assert seen[0] == seen[1]


def test_a_gateway_out_of_reach_is_said(start: Callable[..., Served], unused_port: int) -> None:
    """Without a gateway behind, the answer is 502 with the reason, and the page shows it; the key is in neither."""
    served = start(upstream=f"http://127.0.0.1:{unused_port}/api/gateway/")
    key = "k3y-very-secret-4711"
    answer = served.http.post(CHAT, json=BODY, headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 502
    assert f"127.0.0.1:{unused_port}" in answer.json()["error"]["message"]
    assert "502" in served.page()
    assert key not in served.page() + answer.text


@pytest.fixture
def unused_port() -> int:
    """A port where nobody listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    return int(server.server_address[1])


class _Odd(BaseHTTPRequestHandler):
    """Answers compressed, with a redirect, or with headers that belong to its own site."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = gzip.compress(b'{"data": []}')
        self.send_response(302 if "moved" in self.path else 200)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Set-Cookie": "a=b",
            "Access-Control-Allow-Origin": "*",
            "Location": "/elsewhere",
            "X-Kept": "yes",
            "Content-Length": str(len(content)),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def test_what_belongs_to_another_site_stays_there(start: Callable[..., Served]) -> None:
    """Bodies arrive decompressed; cookies and permissions for other sites do not pass; redirects are not followed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Odd)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        served = start(upstream=f"http://127.0.0.1:{server.server_address[1]}/deep/api/gateway")
        assert served.serving.base_url.endswith("/deep/api/gateway/")
        answer = served.http.get("/deep/api/gateway/models")
        assert (answer.json(), answer.headers["x-kept"]) == ({"data": []}, "yes")
        names = {"set-cookie", "access-control-allow-origin", "content-encoding"}
        assert not names & set(answer.headers)
        moved = served.http.get("/moved", follow_redirects=False)
        assert (moved.status_code, moved.headers["location"]) == (302, "/elsewhere")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("path", ["/", "/_page/page.js", "/_page/none", "/favicon.ico"])
def test_the_pages_own_addresses_go_nowhere(real: EmbeddedGateway, front: Served, path: str) -> None:
    """What belongs to the page is not asked of the gateway behind."""
    front.http.get(path)
    assert real.requests == []


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://api.kilo.ai", "https://api.kilo.ai/api/gateway/"),
        ("https://api.kilo.ai/", "https://api.kilo.ai/api/gateway/"),
        ("https://API.kilo.ai/api/openrouter", "https://api.kilo.ai/api/openrouter/"),
        ("http://localhost:8080", "http://localhost:8080/api/gateway/"),
    ],
)
def test_which_gateway_is_meant(given: str, meant: str) -> None:
    """A host alone means the gateway's usual path on it."""
    assert parse_upstream(given, {}) == meant


@pytest.mark.parametrize(
    "url",
    ["", "api.kilo.ai", "ftp://api.kilo.ai", "http://gateway.example/", "https://u:p@api.kilo.ai", "https://a/?b=c"],
)
def test_which_gateway_cannot_be_used(url: str) -> None:
    """No URL, a password in it, or a way on which the key would travel unencrypted: refused before it is served."""
    with pytest.raises(InvalidSettingError, match=r"^upstream "):
        parse_upstream(url, {})
