"""How failures of connections are told: one cause, one sentence, whoever carried the call and however it failed."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from kilo_gateway import errors
from kilo_gateway.transport.failures import translate

URL = "https://gateway.example/api/"


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names no proxy and no certificate file, unless a test says so."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def caused(failure: Exception, *causes: BaseException) -> Exception:
    """Return the failure with a chain of causes."""
    link: BaseException = failure
    for cause in causes:
        link.__cause__ = link = cause
    return failure


REFUSED = os.strerror(errno.ECONNREFUSED)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (caused(httpx.ConnectError("[Errno 111] x"), ConnectionRefusedError(errno.ECONNREFUSED, "x")), REFUSED),
        (
            caused(
                httpx.ConnectError("All connection attempts failed"),
                OSError("All connection attempts failed"),
                ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)"),
            ),
            REFUSED,
        ),
        (
            caused(
                httpx.ConnectError("All connection attempts failed"),
                ExceptionGroup("multiple", [ConnectionRefusedError(errno.ECONNREFUSED, "a"), OSError("b")]),
            ),
            REFUSED,
        ),
        (caused(httpx.ConnectError("[Errno -2] x"), socket.gaierror(-2, "Name not known")), "Name not known"),
        (caused(httpx.ConnectError("x"), OSError(errno.ENETUNREACH, "y")), os.strerror(errno.ENETUNREACH)),
        (httpx.ConnectError("[Errno 113] No route."), "No route"),
        (caused(httpx.ConnectError("odd"), FileNotFoundError(2, "of the caller's")), "odd"),
    ],
)
def test_why_a_connection_could_not_be_made(failure: Exception, said: str) -> None:
    """What the system said is dug out of what each library wraps it in, and told once."""
    error = translate(failure, URL)

    assert str(error) == (
        f"gateway.example:443 could not be connected to: {said}. Check the network, the proxy settings and base_url."
    )
    assert (type(error), error.retry, error.was_sent) == (errors.ConnectionFailedError, "soon", False)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("failure", "said", "advice"),
    [
        (
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            "sending a response. Try",
            "soon",
        ),
        (caused(httpx.ReadError(""), ConnectionResetError(errno.ECONNRESET, "x")), "reset by peer. Try", "soon"),
        (
            httpx.RemoteProtocolError("<StreamReset stream_id:1, error_code:8, remote_reset:True>"),
            "broke: stream reset, HTTP/2 error 8. Try",
            "soon",
        ),
        (
            httpx.RemoteProtocolError("<ConnectionTerminated error_code:ErrorCodes.NO_ERROR, last_stream_id:1>"),
            "connection terminated, HTTP/2 error ErrorCodes",
            "soon",
        ),
        (
            httpx.RemoteProtocolError("illegal status line: bytearray(b'SSH-2.0-OpenSSH_9')"),
            "answered with 'SSH-2.0-OpenSSH_9': check the port",
            "never",
        ),
        (
            httpx.RemoteProtocolError("illegal status line: bytearray(b'\\x15\\x03\\x03\\x00')"),
            "answered with TLS: begin base_url with https://",
            "never",
        ),
    ],
)
def test_how_a_connection_broke(failure: Exception, said: str, advice: str) -> None:
    """Nothing is told raw, no full stop twice, and what cannot help is not advised."""
    error = translate(failure, URL)

    assert said in str(error)
    assert ".." not in str(error)
    assert error.retry == advice


@pytest.mark.parametrize(
    ("text", "said", "advice"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "does not speak TLS", "never"),
        ("[SSL: HTTP_REQUEST] http request (_ssl.c:1006)", "does not speak TLS", "never"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)",
            "was not accepted: self-signed certificate. If it is your own, name its file in SSL_CERT_FILE.",
            "never",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)",
            "is not valid now: certificate has expired. Check this machine's clock",
            "never",
        ),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, for 'x'. (_ssl.c:1006)",
            "is for another name: Hostname mismatch, for 'x'. Check base_url.",
            "never",
        ),
        (
            "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required (_ssl.c:2580)",
            "wants a certificate of the client's",
            "never",
        ),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] x (_ssl.c:1)", "failed: tlsv1 alert protocol version. Check", "never"),
        ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF (_ssl.c:1)", "unexpected eof while reading", "soon"),
    ],
)
def test_tls_that_failed_is_told_as_what_it_is(text: str, said: str, advice: str) -> None:
    """A plain port is no bad certificate, and each kind of certificate has its own remedy."""
    error = translate(caused(httpx.ConnectError(text), ssl.SSLError(1, text)), URL)

    assert said in str(error)
    assert error.retry == advice


def test_a_certificate_file_is_named_with_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has set SSL_CERT_FILE is told which file it is."""
    monkeypatch.setenv("SSL_CERT_FILE", "/etc/own\n.pem")

    assert "SSL_CERT_FILE (now '/etc/own .pem')" in str(translate(httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), URL))


@pytest.mark.parametrize(
    ("failure", "said", "advice"),
    [
        (caused(httpx.ConnectError("x"), ConnectionRefusedError(errno.ECONNREFUSED, "x")), "could not be", "soon"),
        (httpx.ConnectTimeout("x"), "could not be reached in time", "soon"),
        (httpx.ProxyError("407 Proxy Authentication Required"), "refused: 407 Proxy Auth", "never"),
        (httpx.ProxyError("503 Service Unavailable"), "refused: 503", "soon"),
    ],
)
def test_a_proxy_is_named_and_the_gateway_is_not_blamed(
    failure: Exception, said: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who could not be reached was the proxy; its password is not told."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:t0psecret@proxy.example:3128")
    error = translate(failure, URL)

    assert str(error).startswith("The proxy proxy.example:3128 before gateway.example:443 ")
    assert said in str(error)
    assert "t0psecret" not in str(error)
    assert error.retry == advice


@pytest.mark.parametrize(
    "variables",
    [
        {"NO_PROXY": "gateway.example"},
        {"NO_PROXY": "x, gateway.example:443"},
        {"NO_PROXY": "https://Gateway.example"},
        {"HTTP_PROXY": "http://proxy.example:1"},
    ],
)
def test_a_proxy_for_other_hosts_is_not_named(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the proxy that this URL goes through is blamed."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128" if "NO_PROXY" in variables else "")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert str(translate(httpx.ConnectError("x"), URL)).startswith("gateway.example:443 could not")


def test_a_407_over_plain_http_is_the_proxys(open_session: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over plain http a proxy answers itself: it was told as a bad request that the gateway refused."""

    def refuse(request: BaseHTTPRequestHandler) -> None:
        request.send_response(407)
        request.send_header("content-length", "0")
        request.end_headers()

    server = serve(refuse)
    monkeypatch.setenv("HTTP_PROXY", server.origin)
    error = open_session(base_url="http://gateway.example/", api_key="k" * 20, model="lab/x").fail()

    assert isinstance(error, errors.ConnectionFailedError)
    assert str(error).startswith(
        f"The proxy {server.origin.removeprefix('http://')} before gateway.example:80 refused: 407"
    )
    assert error.retry == "never"
