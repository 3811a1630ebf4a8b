"""HTTP clients of the caller's: httpx's and httpx2's work alike, and what cannot work is refused with a sentence."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from kilo_gateway import AsyncKiloClient, InvalidSettingError, KiloClient, KiloError, RequestTimeoutError, Timeouts
from kilo_gateway.testing import Fault

httpx2 = pytest.importorskip("httpx2")
GIVEN = {"api_key": "k" * 20, "model": "a/b", "base_url": "http://127.0.0.1:9/"}


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_both_libraries(connect: Any, gateway: Any, mode: str, library: Any) -> None:
    """Calls, streams and embeddings go through a client of either library; errors are this package's."""
    own = library.Client() if mode == "sync" else library.AsyncClient()
    session = connect(http_client=own, max_retries=0)
    assert session.complete().text
    assert session.stream().text
    gateway.enqueue(Fault(status=400, body={"error": "no"}))
    assert session.fail().status == 400
    assert len({request.connection_id for request in gateway.requests}) == 1
    session.wait(own.close() if mode == "sync" else own.aclose())
    with pytest.raises(InvalidSettingError, match="closed"):
        session.complete()


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_failures_of_both_libraries(serve_raw: Any, open_session: Any, mode: str, library: Any) -> None:
    """A time-out of either library's is a RequestTimeoutError that names the bound."""
    server = serve_raw(lambda peer: peer.ending.wait(5))
    own = library.Client() if mode == "sync" else library.AsyncClient()
    arguments = {**GIVEN, "base_url": server.base_url, "max_retries": 0, "timeout": Timeouts(read=0.1)}
    error = open_session(http_client=own, **arguments).fail()
    assert isinstance(error, RequestTimeoutError)
    assert "within 0.1 s" in str(error)
    (asyncio.run(own.aclose()) if mode != "sync" else own.close())


def _closed() -> httpx.Client:
    client = httpx.Client()
    client.close()
    return client


BAD: list[tuple[Any, str]] = [
    ("a text", "not str"),
    (42, "not int"),
    (httpx.Client, "not the class Client"),
    (object(), "not object"),
    (httpx.HTTPTransport(), "not HTTPTransport"),
]


@pytest.mark.parametrize(("client", "said"), BAD)
@pytest.mark.parametrize("kind", [KiloClient, AsyncKiloClient])
def test_what_is_no_client(kind: Any, client: Any, said: str) -> None:
    """What cannot send is refused when the Kilo client is made."""
    with pytest.raises(InvalidSettingError, match=re.escape(said)):
        kind(http_client=client, **GIVEN)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_the_other_kind_of_client(library: Any) -> None:
    """A client that blocks is not one that is awaited, nor the other way round."""
    with pytest.raises(InvalidSettingError, match=r"must be an httpx\.Client .*not AsyncClient"):
        KiloClient(http_client=library.AsyncClient(), **GIVEN)
    with (
        library.Client() as own,
        pytest.raises(InvalidSettingError, match=r"must be an httpx\.AsyncClient .*not Client"),
    ):
        AsyncKiloClient(http_client=own, **GIVEN)


def test_a_closed_client() -> None:
    """A client that is closed already is refused when the Kilo client is made."""
    with pytest.raises(InvalidSettingError, match="closed"):
        KiloClient(http_client=_closed(), **GIVEN)


def test_write_and_pool_bounds_are_honoured(open_session: Any, serve_raw: Any, mode: str) -> None:
    """`write` and `pool` of an httpx.Timeout reach the request."""
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(400)

    transport = httpx.MockTransport(answer)
    own: Any = httpx.Client(transport=transport) if mode == "sync" else httpx.AsyncClient(transport=transport)
    given = httpx.Timeout(connect=1, read=2, write=3, pool=4)
    session = open_session(http_client=own, timeout=given, max_retries=0, **GIVEN)
    assert isinstance(session.fail(), KiloError)
    assert seen == [{"connect": 1, "read": 2, "write": 3, "pool": 4}]
