"""Stands in front of httpx's transports while a cassette is in use: answers from it, or sends and records."""

from __future__ import annotations

import functools
import inspect
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
from vcr.request import Request

from kilo_gateway.testing.cassettes.model_lists import trim_models

# The core's transports are made by the pools; a class that is not loaded yet could not be stood in front of.
from kilo_gateway.transport import connections as _pools  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextvars import Token

    from kilo_gateway.testing.cassettes.cassette import Cassette

_HOP_HEADERS = frozenset({"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"})
"""What described the bytes on the wire; a replayed body is decoded."""

_is_inside: ContextVar[bool] = ContextVar("kilo_cassette_is_inside", default=False)
"""Whether this task is in a transport already: one that wraps another must not be recorded twice."""


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body in its pieces, for both kinds of client."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


@contextmanager
def standing_in(cassette: Cassette) -> Iterator[None]:
    """Let the cassette answer every transport of httpx that is loaded, until the block ends."""
    with ExitStack() as stack:
        for kind, name, wrap in _transports():
            stack.enter_context(patch.object(kind, name, wrap(vars(kind)[name], cassette)))
        yield


def _transports() -> Iterator[tuple[type, str, Callable[..., Any]]]:
    sides: tuple[tuple[type, str, Callable[..., Any]], ...] = (
        (httpx.BaseTransport, "handle_request", _sync),
        (httpx.AsyncBaseTransport, "handle_async_request", _async),
    )
    for base, name, wrap in sides:
        for kind in _subclasses(base):
            if name in vars(kind):
                yield kind, name, wrap


def _subclasses(kind: type) -> set[type]:
    found: set[type] = set(kind.__subclasses__())
    return found.union(*(_subclasses(one) for one in found))


def _sync(previous: Callable[..., httpx.Response], cassette: Cassette) -> Callable[..., httpx.Response]:
    # A cassette of vcrpy's that is open around this one must not see what this one records.
    real = inspect.unwrap(previous)

    @functools.wraps(previous)
    def handle_request(transport: httpx.BaseTransport, request: httpx.Request) -> httpx.Response:
        __tracebackhide__ = True
        asked = _outline(request)
        if _is_inside.get() or not cassette.concerns(asked):
            return previous(transport, request)
        asked.body = request.read()
        answer = cassette.answer(asked)
        if answer is not None:
            return _render(answer, cassette)
        token = _prepare(request)
        try:
            with _closing(real(transport, request)) as response:
                return _keep(cassette, asked, response, list(response.iter_bytes()))
        finally:
            _is_inside.reset(token)

    return handle_request


def _async(previous: Callable[..., Any], cassette: Cassette) -> Callable[..., Any]:
    real = inspect.unwrap(previous)

    @functools.wraps(previous)
    async def handle_async_request(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
        __tracebackhide__ = True
        asked = _outline(request)
        if _is_inside.get() or not cassette.concerns(asked):
            return await previous(transport, request)  # type: ignore[no-any-return]
        asked.body = await request.aread()
        answer = cassette.answer(asked)
        if answer is not None:
            return _render(answer, cassette)
        token = _prepare(request)
        try:
            response = await real(transport, request)
            try:
                return _keep(cassette, asked, response, [piece async for piece in response.aiter_bytes()])
            finally:
                await response.aclose()
        finally:
            _is_inside.reset(token)

    return handle_async_request


def _prepare(request: httpx.Request) -> Token[bool]:
    """Get ready to send: what records leaves no connection behind, for a loop or a gateway that ends with the test."""
    request.headers["connection"] = "close"
    return _is_inside.set(True)


@contextmanager
def _closing(response: httpx.Response) -> Iterator[httpx.Response]:
    try:
        yield response
    finally:
        response.close()


def _outline(request: httpx.Request) -> Request:
    """Return the request without its body: one that is none of the cassette's business is not read."""
    return Request(request.method, str(request.url), None, dict(request.headers))


def _render(answer: dict[str, Any], cassette: Cassette) -> httpx.Response:
    body = answer["body"]
    pieces = cassette.manner.pieces.cut(body["string"] or b"", body.get("pieces"))
    return _response(answer["status"], answer["headers"], pieces)


def _response(status: dict[str, Any], headers: dict[str, list[str]], pieces: Sequence[bytes]) -> httpx.Response:
    pairs = [(name, value) for name, values in headers.items() for value in values]
    extensions = {"http_version": b"HTTP/1.1", "reason_phrase": (status.get("message") or "").encode("ascii", "ignore")}
    return httpx.Response(status["code"], headers=pairs, stream=_Body(pieces), extensions=extensions)


def _keep(cassette: Cassette, asked: Request, response: httpx.Response, pieces: list[bytes]) -> httpx.Response:
    """Record the answer, and return it to its caller as it came; a trimmed list trimmed, so that a replay is alike."""
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.multi_items():
        if name.lower() not in _HOP_HEADERS:
            headers.setdefault(name, []).append(value)
    phrase = response.reason_phrase or httpx.codes.get_reason_phrase(response.status_code)
    status = {"code": response.status_code, "message": phrase}
    data = trim_models(asked, b"".join(pieces), cassette.manner.models)
    pieces = pieces if sum(map(len, pieces)) == len(data) else [data]
    is_stream = "event-stream" in response.headers.get("content-type", "")
    body = {"string": data, **({"pieces": [len(piece) for piece in pieces if piece]} if is_stream and data else {})}
    cassette.keep(asked, {"status": status, "headers": headers, "body": body})
    return _response(status, headers, pieces)
