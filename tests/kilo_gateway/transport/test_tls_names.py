"""Whom a TLS connection is made with: name, address, issuer and date are checked before a byte of a request is sent."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from kilo_gateway import ConnectionFailedError

pytestmark = pytest.mark.usefixtures("engine")

GIVEN = {"api_key": "k" * 20, "model": "a/b", "max_retries": 2}
BODY = b'{"choices":[{"message":{"role":"assistant","content":"mine"},"finish_reason":"stop"}]}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
LONG_AGO = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def play(peer: Any) -> None:
    """Answer every request."""
    while peer.request():
        peer.send(ANSWER)


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        (lambda own: own.issue_cert("other.example"), "is for another name"),
        (lambda own: own.issue_cert("127.0.0.2"), "is for another name"),
        (lambda own: own.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO), "is not valid now"),
        (lambda own: trustme.CA().issue_cert("127.0.0.1"), "was not accepted"),
    ],
    ids=["name", "address", "date", "issuer"],
)
def test_another_server(serve_raw: Any, open_session: Any, authority: Any, certificate: Any, said: str) -> None:
    """Another server is refused, not asked again, and gets nothing of the request."""
    server = serve_raw(play, tls=context_of(certificate(authority)))
    error = open_session(base_url=server.base_url, **GIVEN).fail()
    assert isinstance(error, ConnectionFailedError)
    assert said in str(error)
    assert not error.was_sent
    assert (error.retry, server.requests) == ("never", [])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_the_right_server(serve_raw: Any, open_session: Any, authority: Any, host: str) -> None:
    """An address is looked for in the certificate; a name is also told to the server, an address is not."""
    context, told = context_of(authority.issue_cert(host)), []
    context.sni_callback = lambda sock, name, its: told.append(name)
    try:
        server = serve_raw(play, tls=context, host=host)
    except OSError:
        pytest.skip("this machine has no such address")
    session = open_session(base_url=server.base_url, **GIVEN)
    assert [session.complete().text for _ in range(2)] == ["mine"] * 2
    assert server.requests == [1, 1]
    assert told == ["localhost" if host == "localhost" else None]


def test_a_server_that_prefers_http_2(serve_raw: Any, open_session: Any, authority: Any) -> None:
    """HTTP/1.1 is all that is offered, whatever the server would rather speak."""
    context, agreed = context_of(authority.issue_cert("127.0.0.1")), []
    context.set_alpn_protocols(["h2", "http/1.1"])

    def note(peer: Any) -> None:
        agreed.append(peer.sock.selected_alpn_protocol())
        play(peer)

    session = open_session(base_url=serve_raw(note, tls=context).base_url, **GIVEN)
    assert session.complete().text == "mine"
    assert agreed == ["http/1.1"]


def test_another_issuer_in_the_environment(
    serve_raw: Any, open_session: Any, authority: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable that names another file counts for the clients that are made from then on."""
    other = trustme.CA()
    other.cert_pem.write_to_path(str(tmp_path / "other.pem"))
    server = serve_raw(play, tls=context_of(other.issue_cert("127.0.0.1")))
    assert isinstance(open_session(base_url=server.base_url, **GIVEN).fail(), ConnectionFailedError)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    assert open_session(base_url=server.base_url, **GIVEN).complete().text == "mine"
