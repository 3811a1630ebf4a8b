"""Who is answered by a server with a page: programs of this machine and its own page, no other site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kilo_gateway.testing.page.guard import reason_to_refuse
from tests.kilo_gateway.testing.page.conftest import HELLO

if TYPE_CHECKING:
    from tests.kilo_gateway.testing.page.conftest import Served

OWN = "127.0.0.1:8080"
VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/api/gateway/chat/completions", {}),
        ("GET", "/", {}),
        ("GET", "/", {"Host": "localhost:8080", "Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}),
        ("GET", "/", {"Host": "LOCALHOST", "Origin": "http://localhost"}),
        ("GET", "/", {"Host": "[::1]:8080"}),
        ("GET", "/_page/events", {"Sec-Fetch-Site": "same-origin"}),
        ("GET", "/", {"Sec-Fetch-Site": "none", **VISIT}),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site", **VISIT}),
    ],
)
def test_who_is_answered(method: str, path: str, headers: dict[str, str]) -> None:
    """Programs, which send no fetch metadata, the page itself, and whoever follows a link to it."""
    assert reason_to_refuse(method, path, [*({"Host": OWN} | headers).items()]) is None


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"Host": "evil.example"}),
        ("GET", "/", {"Host": "evil.example:8080"}),
        ("GET", "/", {"Host": "127.0.0.1.evil.example:8080"}),
        ("GET", "/", {"Host": "localhost.evil.example"}),
        ("GET", "/", {"Host": "evil.localhost:8080"}),
        ("GET", "/", {"Host": "localhost@evil.example"}),
        ("GET", "/", {"Host": "0.0.0.0:8080"}),
        ("GET", "/", {"Host": "127.1:8080"}),
        ("GET", "/", {"Host": ""}),
        ("GET", "/_page/events", {"Origin": "http://evil.example"}),
        ("GET", "/_page/events", {"Origin": "null"}),
        ("GET", "/_page/events", {"Origin": "http://127.0.0.1:9999"}),
        ("GET", "/_page/events", {"Origin": "http://localhost:8080"}),
        ("GET", "/_page/events", {"Origin": f"https://{OWN}"}),
        ("POST", "/api/gateway/chat/completions", {"Origin": "https://evil.example"}),
        ("OPTIONS", "/api/gateway/chat/completions", {"Origin": "https://evil.example"}),
        ("GET", "/_page/events", {"Sec-Fetch-Site": "cross-site"}),
        ("GET", "/_page/events", {"Sec-Fetch-Site": "same-site"}),
        ("GET", "/_page/events", {"Sec-Fetch-Site": "cross-site", **VISIT}),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("GET", "/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}),
        ("POST", "/", {"Sec-Fetch-Site": "cross-site", **VISIT}),
    ],
)
def test_who_is_refused(method: str, path: str, headers: dict[str, str]) -> None:
    """A name that was made to mean this machine, and whatever a page of another site asks, port and scheme counted."""
    assert reason_to_refuse(method, path, [*({"Host": OWN} | headers).items()]) is not None


def test_a_host_that_is_missing_or_said_twice_is_refused() -> None:
    """There is exactly one Host, and it is this machine's."""
    assert reason_to_refuse("GET", "/", []) is not None
    assert reason_to_refuse("GET", "/", [("Host", OWN), ("host", "evil.example")]) is not None


@pytest.mark.parametrize("path", ["/", "/_page/events", "/_page/page.js", "/api/gateway/models", "/api/profile"])
@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_a_refusal_tells_nothing(module_served: Served, path: str, headers: dict[str, str]) -> None:
    """Every address of the server refuses with 403 and without a word of what was sent, and notes nothing."""
    module_served.client().complete([{"role": "user", "content": "a word of mine"}])
    before = module_served.page()
    refused = module_served.http.get(path, headers=headers)
    assert refused.status_code == 403
    assert "a word of mine" not in refused.text
    assert not [name for name in refused.headers if name.startswith("access-control-")]
    assert module_served.page() == before


def test_another_site_cannot_send_through(module_served: Served) -> None:
    """A form or a fetch of another site's page reaches no model and does not appear."""
    before = module_served.page()
    body = {"model": "openai/gpt-5-mini", "messages": HELLO}
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        sent = module_served.http.post("/api/gateway/chat/completions", json=body, headers=headers)
        assert sent.status_code == 403
    assert module_served.page() == before


@pytest.mark.parametrize("path", ["/", "/_page/page.js", "/_page/page.css", "/_page/none", "/favicon.ico"])
def test_the_page_allows_nothing_from_elsewhere(module_served: Served, path: str) -> None:
    """Nothing inline runs, nothing is loaded from elsewhere, nobody may frame it or keep it."""
    headers = module_served.http.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
    assert (headers["cache-control"], headers["cross-origin-resource-policy"]) == ("no-store", "same-origin")


@pytest.mark.parametrize("path", ["/", "/_page/events", "/_page/page.js"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_the_page_is_only_read(module_served: Served, path: str, method: str) -> None:
    """There is nothing to change by way of the page."""
    assert module_served.http.request(method, path).status_code == 405
