"""The parts of plain URLs, which are read without httpx, are those that httpx finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.transport.urls import parse_any_url, parse_url

_URLS = (
    "https://api.kilo.ai/api/gateway/chat/completions",
    "http://127.0.0.1:8080/api/gateway/models",
    "http://localhost",
    "http://localhost:80/",
    "https://gateway.example:443/a",
    "https://gateway.example:80/a",
    "https://gateway.example/a/../b/./c//d",
    "https://gateway.example/.hidden/a..b/~x",
    "HTTPS://Gateway.Example/A",
    "https://gateway.example/a%20b?x=1#y",
    "http://[::1]:8080/x",
    "http://10.0.0.1/",
    "https://münchen.example/ä",
    "https://xn--mnchen-3ya.example/",
    "https://user:word@gateway.example/",
    "ftp://gateway.example/",
)


@pytest.mark.parametrize("url", _URLS)
def test_parts_are_those_of_httpx(url: str) -> None:
    """Whichever way a URL is read, its parts are those that httpx sends."""
    assert parse_url.__wrapped__(url) == parse_any_url(url)


@given(
    scheme=st.sampled_from(["http", "https"]),
    labels=st.lists(st.text("abz09-", min_size=1, max_size=4), min_size=1, max_size=3),
    port=st.sampled_from(["", ":80", ":443", ":8080", ":65535"]),
    path=st.text("aZ09/._~-", max_size=12),
)
def test_plain_urls_are_those_of_httpx(scheme: str, labels: list[str], port: str, path: str) -> None:
    """Any URL that counts as plain has the parts that httpx finds in it."""
    host = ".".join([*labels, "example"])
    url = f"{scheme}://{host}{port}/{path}"
    assert parse_url.__wrapped__(url) == parse_any_url(url)
