"""What httpx raises -> this package's errors. Names the host; never a header, never the key."""

from __future__ import annotations

from contextlib import suppress

import anyio
import httpx

from kilo_gateway.errors import (
    ConnectionFailedError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    RequestTimeoutError,
)
from kilo_gateway.transport.outgoing import host_of

FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, anyio.ClosedResourceError)
"""All that a broken exchange raises."""

_TIMEOUTS: tuple[tuple[type[httpx.TimeoutException], str, str], ...] = (
    (httpx.ConnectTimeout, "connect", "could not be reached"),
    (httpx.PoolTimeout, "pool", "had no free connection"),
    (httpx.WriteTimeout, "write", "did not take the request"),
    (httpx.ReadTimeout, "read", "sent nothing"),
)


def translate(failure: Exception, url: str) -> KiloError:
    """Return this package's error for what httpx raised on an exchange with this URL."""
    host = host_of(url)
    for kind, bound, what in _TIMEOUTS:
        if isinstance(failure, kind):
            return RequestTimeoutError(f"{host} {what}{_render_bound(failure, bound)}. Try again, or raise timeout.")
    if isinstance(failure, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)):
        return InvalidSettingError(f"The request to {host} cannot be sent: {failure}. Check base_url and the headers.")
    if isinstance(failure, httpx.DecodingError):
        return MalformedAnswerError(f"The answer of {host} could not be decompressed: {failure}.")
    if isinstance(failure, httpx.ProxyError):
        return ConnectionFailedError(
            f"The proxy on the way to {host} refused: {failure}. Check HTTPS_PROXY and NO_PROXY."
        )
    if isinstance(failure, httpx.ConnectError):
        return _connect_error(host, failure)
    return ConnectionFailedError(
        f"The connection to {host} broke: {str(failure) or type(failure).__name__}. Try again."
    )


def _connect_error(host: str, failure: Exception) -> ConnectionFailedError:
    error = _describe_connect_error(host, failure)
    error.was_sent = False
    return error


def _describe_connect_error(host: str, failure: Exception) -> ConnectionFailedError:
    text = str(failure) or type(failure).__name__
    if "CERTIFICATE" in text.upper() or "SSL" in text.upper():
        error = ConnectionFailedError(
            f"The certificate of {host} was not accepted: {text}. If it is your own, name its file in SSL_CERT_FILE."
        )
        error.retry = "never"
        return error
    return ConnectionFailedError(
        f"{host} could not be connected to: {text}. Check the network, the proxy settings and base_url."
    )


def _render_bound(failure: httpx.TimeoutException, name: str) -> str:
    """Return the bound that applied, which on a client of the caller's is the client's own."""
    with suppress(RuntimeError):  # an error that names no request
        seconds = failure.request.extensions.get("timeout", {}).get(name)
        return f" within {seconds:g} s" if seconds is not None else " in time"
    return " in time"
