"""Whether somebody stands in front of httpx: a tracer, a mock or a cassette must see every request.

Sentry and ddtrace wrap `httpx.Client.send`, OpenTelemetry, pytest-httpx and respx the transports, vcrpy httpcore's
pools. They do so before this module is loaded or at any time after.
"""

from __future__ import annotations

from pathlib import Path
from types import FunctionType
from typing import Any

import httpcore
import httpx

_ON_THE_WAY = (
    "__init__",
    "build_request",
    "send",
    "_send_handling_auth",
    "_send_handling_redirects",
    "_send_single_request",
    "_transport_for_url",
)
"""Methods of a client through which a request of ours would go."""

_PLACES: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (httpx, ("Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport")),
    (httpx.Client, _ON_THE_WAY),
    (httpx.AsyncClient, _ON_THE_WAY),
    (httpx.HTTPTransport, ("__init__", "handle_request")),
    (httpx.AsyncHTTPTransport, ("__init__", "handle_async_request")),
    (httpcore.ConnectionPool, ("handle_request",)),
    (httpcore.AsyncConnectionPool, ("handle_async_request",)),
)

_HOMES = tuple(str(Path(module.__file__ or "").parent) for module in (httpx, httpcore))


def _is_genuine(found: Any) -> bool:
    """Return whether a class or function is httpx's or httpcore's own, not a wrapper of somebody's."""
    if isinstance(found, type):
        return found.__module__.partition(".")[0] in {"httpx", "httpcore"}
    return type(found) is FunctionType and found.__code__.co_filename.startswith(_HOMES)


def _look() -> tuple[tuple[dict[str, Any], str, Any], ...]:
    """Return each place with what stands there; something that equals nothing where it is not genuine."""
    seen = []
    for holder, names in _PLACES:
        for name in names:
            found = vars(holder).get(name)
            seen.append((vars(holder), name, found if found is None or _is_genuine(found) else object()))
    return tuple(seen)


_genuine = _look()


def is_patched() -> bool:
    """Return whether a request that passes httpx's public client by would be missed by somebody. Takes about 1 us."""
    global _genuine  # noqa: PLW0603 - what was patched at import may be taken off later
    for attributes, name, own in _genuine:
        if attributes.get(name) is not own:  # by identity: wrapt's wrappers claim equality
            _genuine = _look()
            return any(attributes.get(name) is not own for attributes, name, own in _genuine)
    return False
