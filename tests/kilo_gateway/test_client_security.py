"""The key and the prompt go to the configured place only, and no secret shows anywhere."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import ssl
import traceback
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from kilo_gateway import (
    AsyncKiloClient,
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    InvalidSettingError,
    KiloClient,
    MissingKeyError,
    SetupError,
)
from kilo_gateway.testing import EmbeddedGateway, Fault

KEY = "sk-kilo-0123456789abcdef"
MODEL = "openai/gpt-4.1-mini"
BOTH = pytest.mark.parametrize("cls", [KiloClient, AsyncKiloClient])
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Yes."}, "finish_reason": "stop"}]}


def say_yes(request: BaseHTTPRequestHandler) -> None:
    """Answer a whole completion."""
    data = json.dumps(ANSWER).encode()
    request.send_response(200)
    request.send_header("content-length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


def close(session: Any, own: Any) -> None:
    """Close an httpx client of the test's own."""
    session.wait(own.close() if isinstance(own, httpx.Client) else own.aclose())


@SHAPES
@pytest.mark.parametrize("client", ["shared", "own"])
def test_redirects_are_not_followed(connect: Any, gateway: Any, mode: str, stream: bool, client: str) -> None:
    """A redirect to another place is a typed error; neither key nor prompt arrives there, whoever made the client."""
    own: Any = None
    if client == "own":
        own = httpx.Client(follow_redirects=True) if mode == "sync" else httpx.AsyncClient(follow_redirects=True)
    with EmbeddedGateway() as other:
        session = connect(http_client=own)
        for number, status in enumerate((301, 302, 303, 307, 308), 1):
            gateway.enqueue(Fault(status=status, headers={"Location": f"{other.base_url}chat/completions"}))
            error = session.fail(stream=stream)
            assert isinstance(error, BadRequestError)
            assert error.status == status
            assert len(gateway.requests) == number
        assert other.requests == []
    if own is not None:
        close(session, own)


@pytest.mark.parametrize(
    "location", ["http://origin.test/final", "https://origin@other.test/", "https://origin.test:8443/", "//other.test/"]
)
def test_no_redirect_leaves_the_origin(open_session: Any, mode: str, location: str) -> None:
    """Downgrades to http, other ports and hosts hidden behind a user name are never asked."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(307, headers={"Location": location})

    transport = httpx.MockTransport(answer)
    own: Any = (httpx.Client if mode == "sync" else httpx.AsyncClient)(transport=transport, follow_redirects=True)
    session = open_session(base_url="https://origin.test/", api_key=KEY, http_client=own)
    assert isinstance(session.fail(model=MODEL), BadRequestError)
    assert asked == ["https://origin.test/chat/completions"]
    close(session, own)


def test_a_proxy_on_this_machine(open_session: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain http goes through a proxy of the environment on this machine, in absolute form."""
    proxy = serve(say_yes)
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    session = open_session(base_url="http://example.invalid/gateway", api_key=KEY, model=MODEL)
    assert session.complete().text == "Yes."
    assert proxy.targets == ["http://example.invalid/gateway/chat/completions"]
    assert proxy.headers[0]["authorization"] == f"Bearer {KEY}"


def test_no_proxy_is_obeyed(connect: Any, gateway: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host named in NO_PROXY is reached directly."""
    proxy = serve(say_yes)
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert connect().complete().text
    assert (len(gateway.requests), proxy.targets) == (1, [])


@BOTH
@pytest.mark.parametrize(
    "environ", [{}, {"HTTP_PROXY": "http://proxy.example:3128"}, {"HTTP_PROXY": "http://127.0.0.1:1", "NO_PROXY": "*"}]
)
def test_a_key_never_crosses_a_network_in_the_clear(
    cls: Any, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http to another machine is refused when the client is made, unless a proxy on this machine takes it."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettingError, match="unencrypted") as caught:
        cls(base_url="http://gateway.example/", api_key=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PROXY", "nonsense://127.0.0.1:9"),
        ("ALL_PROXY", "nonsense://user:secret-word@127.0.0.1:9"),
        ("SSL_CERT_FILE", "/no/such/file.pem"),
    ],
)
def test_an_environment_that_cannot_work(
    open_session: Any, name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy or a certificate file that cannot be used is a typed error that names the variables."""
    monkeypatch.setenv(name, value)
    error = open_session(base_url="https://gateway.invalid/", api_key=KEY, model=MODEL).fail()
    assert isinstance(error, InvalidSettingError)
    assert name in str(error)
    assert "secret-word" not in str(error)


def test_a_proxy_never_sees_what_is_meant_for_this_machine(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway on this machine is reached directly although the environment names a proxy for everything."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert connect().complete().text


def test_a_strangers_certificate(open_session: Any, serve: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """A certificate of unknown issuer is refused with nothing sent; SSL_CERT_FILE makes it known."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = serve(say_yes, tls=context)
    error = open_session(base_url=server.origin, api_key=KEY, model=MODEL).fail()
    assert isinstance(error, ConnectionFailedError)
    assert "SSL_CERT_FILE" in str(error)
    assert not error.is_retryable
    assert server.targets == []
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    session = open_session(base_url=server.origin, api_key=KEY, model=MODEL)
    assert [session.complete().text for _ in range(2)] == ["Yes.", "Yes."]
    assert len(server.connections) == 1


@BOTH
@pytest.mark.parametrize("key", [f"{KEY}\r\nX-Evil: 1", f"{KEY}\nX", f"{KEY}\x00", "klé-0123456789", 7])
def test_a_key_that_would_forge_a_header(cls: Any, key: Any) -> None:
    """A key with a line break, another control character or non-ASCII is refused at once and not quoted."""
    with pytest.raises(SetupError) as caught:
        cls(api_key=key)
    assert str(key) not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_key_read_from_a_file(connect: Any, gateway: Any) -> None:
    """Blanks and a line end around the key are taken off."""
    connect(api_key=f" {gateway.api_key}\n").complete()
    assert gateway.requests[0].headers.get_all("authorization") == [f"Bearer {gateway.api_key}"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("value", ["a\nX-Evil: 1", "a\r", "a\x00b"])
def test_a_header_value_that_would_forge_a_header(connect: Any, gateway: Any, value: str, stream: bool) -> None:
    """A line break in a header value is refused as a ValueError, and nothing is sent."""
    session = connect()
    given = {"extra_headers": {"X-Own": value}}
    with pytest.raises(ValueError, match="line break"):
        session.stream(**given) if stream else session.complete(**given)
    with pytest.raises(ValueError, match="line break"):
        connect(default_headers={"X-Own": value})
    assert gateway.requests == []


@BOTH
@pytest.mark.parametrize("key", ["", " ", "\n"])
def test_a_blank_key(cls: Any, key: str) -> None:
    """A blank key is refused at once with the name of its variable."""
    with pytest.raises(MissingKeyError, match="KILOCODE_API_KEY"):
        cls(api_key=key)


@BOTH
def test_no_view_of_a_client_shows_its_key(cls: Any) -> None:
    """repr, str, pprint, JSON and the description of the settings hold no key, nor secret headers."""
    client = cls(api_key=KEY, default_headers={"X-Api-Key": "other-secret-1", "Authorization": "Bearer third-secret"})
    settings = client.settings
    views = [
        *(view(thing) for view in (repr, str, pprint.pformat) for thing in (client, settings, copy.deepcopy(settings))),
        settings.model_dump_json(),
        str(settings.model_dump()),
        str(settings.describe()),
        json.dumps(type(settings).model_json_schema(mode="serialization"), default=str),
        str(pickle.dumps(client)),
        str(pickle.dumps(settings)),
    ]
    assert [view for view in views for secret in (KEY, "other-secret-1", "third-secret") if secret in view] == []


@SHAPES
@pytest.mark.parametrize("status", [401, 500, 200])
def test_an_error_that_echoes_the_key(connect: Any, gateway: Any, stream: bool, status: int) -> None:
    """A body or a header that repeats the key leaves no trace of it in the error, its causes or its pickle."""
    gateway.accounts.add(type(gateway.accounts[gateway.api_key])(key=KEY))
    body = {"error": {"message": f"Bad key {KEY}", "code": 401, "metadata": {"raw": f'{{"key": "{KEY}"}}'}}}
    gateway.enqueue(Fault(status=status, body=body, headers={"X-Echo": f"Bearer {KEY}"}, times=9))
    error = connect(api_key=KEY, max_retries=0).fail(stream=stream)
    shown = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    assert [text for text in [*shown, str(pickle.dumps(error))] if KEY in text] == []
    assert "Bad key" in str(error)


def test_a_calls_own_bearer_is_a_secret_too(connect: Any, gateway: Any) -> None:
    """A bearer given for one call is used without a key, and is redacted from that call's errors."""
    gateway.enqueue(Fault(status=401, body={"error": {"message": "Bad token token-of-one-call", "code": 401}}))
    error = connect(api_key=None).fail(extra_headers={"Authorization": "Bearer token-of-one-call"})
    assert isinstance(error, AuthenticationError)
    assert gateway.requests[-1].headers["authorization"] == "Bearer token-of-one-call"
    assert "token-of-one-call" not in str(error) + repr(vars(error))


@SHAPES
def test_no_log_record_holds_a_secret(
    connect: Any, gateway: Any, caplog: pytest.LogCaptureFixture, stream: bool
) -> None:
    """With every logger at DEBUG, no record of a retried and a failed call holds the key or the prompt."""
    body = {"error": {"message": f"Bad key {gateway.api_key}", "code": 503}}
    gateway.enqueue(Fault(status=503, body=body, times=3), endpoint="chat")
    gateway.enqueue(Fault(status=401, body=body, times=3), endpoint="models")
    session = connect()
    with caplog.at_level(logging.DEBUG):
        session.fail([{"role": "user", "content": "a-private-prompt"}], stream=stream)
        session.discover()
    assert caplog.records
    text = "\n".join(str(vars(record)) + record.getMessage() for record in caplog.records)
    assert gateway.api_key not in text
    assert "a-private-prompt" not in text


@BOTH
@pytest.mark.parametrize(
    "base_url",
    [
        "ftp://api.kilo.ai",
        "api.kilo.ai/api",
        "https://",
        "not a url",
        "https://user:password-1@api.kilo.ai/",
        "https://api.kilo.ai:99999/",
        "https://api kilo.ai/",
        7,
    ],
)
def test_an_address_that_cannot_be(cls: Any, base_url: Any) -> None:
    """A base URL that is none, or holds a password, is refused when the client is made; no password is quoted."""
    with pytest.raises(InvalidSettingError, match="base_url") as caught:
        cls(api_key=KEY, base_url=base_url)
    assert "password-1" not in str(caught.value)
