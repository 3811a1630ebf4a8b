"""The seam where tests stand in front of the transports of httpx and httpx2: what they answer is never sent.

Knows no cassette. Whatever engine usually carries calls, the transports of httpx carry them while one stands here.
"""

from __future__ import annotations

import functools
import inspect
import sys
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from unittest.mock import patch

import httpx  # noqa: F401 - a transport class that is not loaded yet could not be stood in front of

# The process's own clients are made here.
from kilo_gateway.transport import connections as _connections  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence

_LIBRARIES = ("httpx", "httpx2")
_HOP_HEADERS = frozenset({"connection", "content-encoding", "content-length", "keep-alive", "transfer-encoding"})
"""What described the bytes on the wire; an intercepted body is decoded."""


@dataclass
class InterceptedRequest:
    """A request on its way out."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None
    """None until an interceptor has said that the request is its business."""


@dataclass
class InterceptedAnswer:
    """An answer, recorded or just received, its body decoded and in the pieces in which it arrives."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    pieces: Sequence[bytes]


@dataclass(frozen=True)
class Destination:
    """Where a request is sent in place of its own address."""

    url: str
    headers: Mapping[str, str]
    """Set over the request's own."""


class Interceptor(Protocol):
    """What stands in front of the transports. It may raise; the caller of the transport gets the error as it is."""

    def concerns(self, request: InterceptedRequest) -> bool:
        """Return whether the request is this interceptor's business."""

    def answer(self, request: InterceptedRequest) -> InterceptedAnswer | None:
        """Return the answer, or None when the request is to be sent."""

    def redirect(self, request: InterceptedRequest) -> Destination | None:
        """Return where to send it instead; None, the default, for its own address."""
        return None

    def receive(self, request: InterceptedRequest, answer: InterceptedAnswer) -> InterceptedAnswer:
        """Take note of the answer of the network; return what its caller gets, by default the same."""
        return answer


@dataclass
class _Sending:
    """A request that is being sent for an interceptor: a transport within another must not ask it again."""

    interceptor: Interceptor
    request: InterceptedRequest


_sending: ContextVar[_Sending | None] = ContextVar("kilo_gateway_sending", default=None)


@contextmanager
def _noted(sending: _Sending) -> Iterator[_Sending]:
    """Note what is being sent while a block sends it."""
    token = _sending.set(sending)
    try:
        yield sending
    finally:
        _sending.reset(token)


@contextmanager
def intercepting(interceptor: Interceptor) -> Iterator[None]:
    """Ask the interceptor about every request of the transports that are loaded, until the block ends."""
    with ExitStack() as stack:
        for library in [sys.modules[name] for name in _LIBRARIES if name in sys.modules]:
            sides: tuple[tuple[type, str, Callable[..., Any]], ...] = (
                (library.BaseTransport, "handle_request", _intercept),
                (library.AsyncBaseTransport, "handle_async_request", _intercept_async),
            )
            for base, name, wrap in sides:
                for kind in [kind for kind in _subclasses(base) if name in vars(kind)]:
                    stack.enter_context(patch.object(kind, name, wrap(vars(kind)[name], interceptor, library)))
        yield


def _subclasses(kind: type) -> set[type]:
    found: set[type] = set(kind.__subclasses__())
    return found.union(*(_subclasses(one) for one in found))


def _intercept(previous: Callable[..., Any], interceptor: Interceptor, library: Any) -> Callable[..., Any]:
    # Another recorder that is open around this one must not see what this one sends.
    real = inspect.unwrap(previous)

    @functools.wraps(previous)
    def handle_request(transport: Any, request: Any) -> Any:
        __tracebackhide__ = True
        sending = _sending.get()
        if sending is not None:
            return previous(*_redirected(sending, transport, request, library))
        asked = _outline(request)
        if not interceptor.concerns(asked):
            return previous(transport, request)
        asked.body = request.read()
        answer = interceptor.answer(asked)
        if answer is not None:
            return _response(answer, library)
        with _noted(_Sending(interceptor, asked)) as sending:
            response = real(*_redirected(sending, transport, request, library))
            try:
                return _response(interceptor.receive(asked, _received(response, list(response.iter_bytes()))), library)
            finally:
                response.close()

    return handle_request


def _intercept_async(previous: Callable[..., Any], interceptor: Interceptor, library: Any) -> Callable[..., Any]:
    real = inspect.unwrap(previous)

    @functools.wraps(previous)
    async def handle_async_request(transport: Any, request: Any) -> Any:
        __tracebackhide__ = True
        sending = _sending.get()
        if sending is not None:
            return await previous(*_redirected(sending, transport, request, library))
        asked = _outline(request)
        if not interceptor.concerns(asked):
            return await previous(transport, request)
        asked.body = await request.aread()
        answer = interceptor.answer(asked)
        if answer is not None:
            return _response(answer, library)
        with _noted(_Sending(interceptor, asked)) as sending:
            response = await real(*_redirected(sending, transport, request, library))
            try:
                pieces = [piece async for piece in response.aiter_bytes()]
                return _response(interceptor.receive(asked, _received(response, pieces)), library)
            finally:
                await response.aclose()

    return handle_async_request


def _outline(request: Any) -> InterceptedRequest:
    """Return the request without its body: one that is nobody's business is not read."""
    return InterceptedRequest(request.method, str(request.url), dict(request.headers))


def _redirected(sending: _Sending, transport: Any, request: Any, library: Any) -> tuple[Any, Any]:
    """Return the transport and the request as it leaves: what a network transport sends may go to another address."""
    # What is recorded leaves no connection behind, for a loop or a gateway that ends with the test.
    request.headers["connection"] = "close"
    if not isinstance(transport, (library.HTTPTransport, library.AsyncHTTPTransport)):
        return transport, request
    destination = sending.interceptor.redirect(sending.request)
    if destination is None:
        return transport, request
    sending.request.url = destination.url
    headers = library.Headers(request.headers)
    for name in ("host", "transfer-encoding"):
        headers.pop(name, None)
    headers.update(destination.headers)
    moved = library.Request(
        request.method, destination.url, headers=headers, content=sending.request.body, extensions=request.extensions
    )
    # A proxy that the first address needed must not be asked for this machine.
    return type(transport)(verify=False) if moved.url.scheme == "http" else transport, moved


def _received(response: Any, pieces: list[bytes]) -> InterceptedAnswer:
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _HOP_HEADERS]
    return InterceptedAnswer(response.status_code, response.reason_phrase, headers, pieces)


def _response(answer: InterceptedAnswer, library: Any) -> Any:
    extensions = {"http_version": b"HTTP/1.1", "reason_phrase": answer.reason.encode("ascii", "ignore")}
    stream = _body_of(library)(answer.pieces)
    # httpx encodes text as ASCII, although it reads what a server wrote beyond that.
    headers = [(name.encode("ascii"), value.encode("utf-8", "surrogateescape")) for name, value in answer.headers]
    return library.Response(answer.status, headers=headers, stream=stream, extensions=extensions)


class _PiecewiseBody:
    """A body in its pieces, for both kinds of client."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


@functools.lru_cache
def _body_of(library: Any) -> type[_PiecewiseBody]:
    return type("Body", (_PiecewiseBody, library.SyncByteStream, library.AsyncByteStream), {})
