"""httpx's transports with just what an exchange needs of a client, for connections that go through no proxy.

A full httpx client spends a quarter of a call on redirects, cookies and authentication, none of which are wanted here.
What hooks into httpx's transports (cassettes, mocks, tracing) finds these too.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ssl import SSLContext

    from kilo_gateway.settings.headers import HeaderList

parse_url = lru_cache(maxsize=64)(httpx.URL)
"""URLs are few, and parsing one takes as long as sending it."""


@contextmanager
def _naming(request: httpx.Request) -> Iterator[None]:
    """Put the request into httpx's errors, which know it only by their client."""
    try:
        yield
    except httpx.RequestError as error:
        error.request = request
        raise


class _Direct:
    def __init__(self) -> None:
        self.is_closed = False

    def build_request(
        self, method: str, url: str, *, headers: HeaderList, content: bytes | None, timeout: httpx.Timeout
    ) -> httpx.Request:
        """Return the request; unlike a client's it takes over no defaults."""
        extensions = {"timeout": timeout.as_dict()}
        return httpx.Request(method, parse_url(url), headers=headers, content=content, extensions=extensions)


class DirectClient(_Direct):
    """Sends over a blocking transport."""

    def __init__(self, *, verify: SSLContext, limits: httpx.Limits) -> None:
        super().__init__()
        self._transport = httpx.HTTPTransport(verify=verify, limits=limits)

    def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Return the response with its body unread."""
        with _naming(request):
            response = self._transport.handle_request(request)
        response.request = request
        return response

    def close(self) -> None:
        """Close every connection."""
        self.is_closed = True
        self._transport.close()


class AsyncDirectClient(_Direct):
    """Sends over a transport of an event loop."""

    def __init__(self, *, verify: SSLContext, limits: httpx.Limits) -> None:
        super().__init__()
        self._transport = httpx.AsyncHTTPTransport(verify=verify, limits=limits)

    async def send(self, request: httpx.Request, **_: Any) -> httpx.Response:
        """Return the response with its body unread."""
        with _naming(request):
            response = await self._transport.handle_async_request(request)
        response.request = request
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        self.is_closed = True
        await self._transport.aclose()
