"""The bytes of a request: origin form, one Host, one length, and no way to forge a second field."""

from __future__ import annotations

import httpx
import pytest

from kilo_gateway.settings.headers import HeaderList
from kilo_gateway.settings.timeouts import Timeouts
from kilo_gateway.transport.engine.request import JOINED_BYTES, render_http_request
from kilo_gateway.transport.outgoing import Outgoing


def outgoing(
    url: str = "https://gateway.example/api/chat?x=1",
    *,
    method: str = "POST",
    headers: tuple[tuple[str, str], ...] = (),
    content: bytes | None = b"{}",
) -> Outgoing:
    """Return a request."""
    return Outgoing(method, url, HeaderList(headers), content, Timeouts())


def lines(request: Outgoing) -> list[str]:
    """Return the lines of its head."""
    return render_http_request(request).head.partition(b"\r\n\r\n")[0].decode().split("\r\n")


def test_a_request() -> None:
    """Its lines: target in origin form, the engine's own fields, those of the caller as he wrote them."""
    found = lines(outgoing(headers=(("X-Feature", "a b"), ("accept-encoding", "identity"))))
    assert found == [
        "POST /api/chat?x=1 HTTP/1.1",
        "Host: gateway.example",
        "Connection: keep-alive",
        "Content-Length: 2",
        "X-Feature: a b",
        "accept-encoding: identity",
    ]


@pytest.mark.parametrize(
    ("url", "target", "host", "origin"),
    [
        ("http://127.0.0.1:8080", "/", "127.0.0.1:8080", (False, "127.0.0.1", 8080)),
        ("https://gateway.example:443/a", "/a", "gateway.example", (True, "gateway.example", 443)),
        ("http://[::1]:9/a", "/a", "[::1]:9", (False, "::1", 9)),
        ("https://[2001:db8::1]/", "/", "[2001:db8::1]", (True, "2001:db8::1", 443)),
        ("https://me:secret@gateway.example/", "/", "gateway.example", (True, "gateway.example", 443)),
        ("https://gâteau.example/é", "/%C3%A9", "xn--gteau-3qa.example", (True, "xn--gteau-3qa.example", 443)),
    ],
)
def test_where_it_goes(url: str, target: str, host: str, origin: tuple[bool, str, int]) -> None:
    """Host has the port where it is not the usual one, addresses their brackets; nobody is named before it."""
    found = lines(outgoing(url))
    assert found[:2] == [f"POST {target} HTTP/1.1", f"Host: {host}"]
    assert tuple(render_http_request(outgoing(url)).origin) == origin
    assert "secret" not in "".join(found)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"x" * JOINED_BYTES, b"x" * (JOINED_BYTES + 1)])
def test_a_body(content: bytes | None) -> None:
    """A body has its length in bytes, also an empty one; a long one is sent as it is, not copied."""
    request = render_http_request(outgoing(content=content))
    head, _, joined = request.head.partition(b"\r\n\r\n")
    assert (b"Content-Length: %d" % len(content or b"") in head) is (content is not None)
    assert joined + request.body == (content or b"")
    assert request.body is content or not request.body


@pytest.mark.parametrize(
    ("headers", "is_last"), [((), False), ((("connection", "Close"),), True), ((("Connection", "keep-alive"),), False)]
)
def test_a_request_may_be_the_last(headers: tuple[tuple[str, str], ...], is_last: bool) -> None:
    """A caller's own Connection is sent in place of ours, and held to."""
    request = render_http_request(outgoing(headers=headers))
    assert request.is_last is is_last
    assert request.head.lower().count(b"\r\nconnection:") == 1


@pytest.mark.parametrize(
    "request_",
    [
        outgoing(headers=(("X", "a\r\nY: b"),)),
        outgoing(headers=(("X", "a\nb"),)),
        outgoing(headers=(("X", "a\0"),)),
        outgoing(headers=(("X", "é"),)),
        outgoing(headers=(("X: y\r\nZ", "a"),)),
        outgoing(headers=(("", "a"),)),
        outgoing(headers=(("X\n", "a"),)),
        outgoing(headers=(("Content-Length", "3"),)),
        outgoing(headers=(("transfer-encoding", "chunked"),)),
        outgoing(method="GET /x HTTP/1.1\r\nX: "),
        outgoing(method="HEAD"),
        outgoing("ftp://gateway.example/"),
    ],
    ids=repr,
)
def test_what_is_never_sent(request_: Outgoing) -> None:
    """A name, value, method or protocol that is not sent as one of its kind is refused, its value not quoted."""
    with pytest.raises((httpx.LocalProtocolError, httpx.UnsupportedProtocol)) as caught:
        render_http_request(request_)
    assert "\n" not in str(caught.value)


def test_a_request_is_not_shown() -> None:
    """No byte of a request, and so no key, is in what a traceback shows of it."""
    assert (
        repr(render_http_request(outgoing(headers=(("Authorization", "Bearer secret"),))))
        == "<Request to gateway.example>"
    )
