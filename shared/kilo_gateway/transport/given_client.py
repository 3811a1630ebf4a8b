"""An HTTP client that a caller passes in: httpx's, or one with the same public interface, such as httpx2's."""

from __future__ import annotations

from typing import Any, Protocol

from kilo_gateway.errors import InvalidSettingError

_NEEDED = ("build_request", "send", "headers", "is_closed")


class HttpClient(Protocol):
    """What is used of an `httpx.Client` or `httpx2.Client`."""

    @property
    def is_closed(self) -> bool:
        """Whether it can still send."""

    def build_request(self, method: str, url: str) -> Any:
        """Return a request with the client's own headers and timeouts."""

    def send(self, request: Any, *, stream: bool = False, follow_redirects: bool = False) -> Any:
        """Return the response."""


class AsyncHttpClient(Protocol):
    """What is used of an `httpx.AsyncClient` or `httpx2.AsyncClient`."""

    @property
    def is_closed(self) -> bool:
        """Whether it can still send."""

    def build_request(self, method: str, url: str) -> Any:
        """Return a request with the client's own headers and timeouts."""

    async def send(self, request: Any, *, stream: bool = False, follow_redirects: bool = False) -> Any:
        """Return the response."""


def check_client(client: Any, *, name: str, is_async: bool) -> None:
    """Refuse what cannot send; None means that connections of our own are used.

    Raises:
        InvalidSettingError: says what was passed and what is needed.
    """
    if client is None:
        return
    wanted = "an httpx.AsyncClient (or httpx2.AsyncClient)" if is_async else "an httpx.Client (or httpx2.Client)"
    what = f"the class {client.__name__}" if isinstance(client, type) else type(client).__name__
    needed = (*_NEEDED, "aclose" if is_async else "close")
    if isinstance(client, type) or any(not hasattr(client, attribute) for attribute in needed):
        raise InvalidSettingError(f"{name} must be {wanted}, not {what}.")
    if client.is_closed:
        raise InvalidSettingError(f"{name} is closed: pass an open {type(client).__name__}, or none.")
