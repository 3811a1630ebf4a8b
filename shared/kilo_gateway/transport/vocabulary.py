"""httpx's exceptions as the one vocabulary for what goes wrong on a connection, whoever carries it."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from kilo_gateway.transport.lazy_httpx import httpx

if TYPE_CHECKING:
    from kilo_gateway.transport.outgoing import Outgoing


def foreign_failures() -> tuple[type[Exception], ...]:
    """Return what httpx2 raises, if the caller has loaded it."""
    module = sys.modules.get("httpx2")
    return () if module is None else (module.HTTPError, module.InvalidURL, module.StreamError)


def as_httpx(failure: Exception, outgoing: Outgoing) -> Exception:
    """Return the httpx exception of the same name, or of the nearest base that httpx has; it knows its request."""
    names = (kind.__name__ for kind in type(failure).__mro__)
    kind = next(found for name in names if isinstance(found := getattr(httpx, name, None), type))
    converted: Exception = kind(str(failure))
    if isinstance(converted, httpx.RequestError):
        converted.request = _request_of(failure, outgoing)
    return converted


def name_request(failure: httpx.RequestError, outgoing: Outgoing) -> None:
    """Say of which request an httpx exception of ours speaks."""
    failure.request = _request_of(failure, outgoing)


def _request_of(failure: Exception, outgoing: Outgoing) -> httpx.Request:
    """Return what the failure says of its request: no header, only the bounds that applied."""
    bounds = render_timeouts(outgoing)
    with suppress(AttributeError, KeyError, RuntimeError):  # not a failure of a client, or one that names no request
        bounds = failure.request.extensions["timeout"]  # type: ignore[attr-defined]
    return httpx.Request(outgoing.method, outgoing.url, extensions={"timeout": bounds})


def render_timeouts(outgoing: Outgoing) -> dict[str, float | None]:
    """Return the bounds as httpx and httpcore name them."""
    bounds = outgoing.timeouts
    return {"connect": bounds.connect, "read": bounds.read_bound, "write": bounds.write_bound, "pool": bounds.pool}
