"""What httpx raises -> this package's errors. Names the host, or the proxy before it; never a header, never the key."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import anyio

from kilo_gateway.errors import (
    ConnectionFailedError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    RequestTimeoutError,
)
from kilo_gateway.errors.text import one_line
from kilo_gateway.settings.base_url import is_loopback
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.outgoing import host_of
from kilo_gateway.transport.reasons import TlsFailure, answered_instead, reason_of, tls_failure

_LONGEST_REASON = 300

_TLS = {
    "plain": "{host} does not speak TLS. Check the port of base_url, or begin it with http:// (this machine only).",
    "name": "The certificate of {host} is for another name: {reason}. Check base_url.",
    "date": "The certificate of {host} is not valid now: {reason}. Check this machine's clock, or who runs the host.",
    "issuer": "The certificate of {host} was not accepted: {reason}. If it is your own, name its file in {file}.",
    "client": "{host} wants a certificate of the client's: {reason}. Pass an http_client that has one.",
    "other": "TLS with {host} failed: {reason}. Check base_url, and the proxy or firewall on the way.",
}


@cache
def failures() -> tuple[type[Exception], ...]:
    """Return all that a broken exchange raises; to be asked once something was raised."""
    return (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, anyio.ClosedResourceError)


@cache
def _timeouts() -> tuple[tuple[type[httpx.TimeoutException], str, str], ...]:
    return (
        (httpx.ConnectTimeout, "connect", "could not be reached"),
        (httpx.PoolTimeout, "pool", "had no free connection"),
        (httpx.WriteTimeout, "write", "did not take the request"),
        (httpx.ReadTimeout, "read", "sent nothing"),
    )


def translate(failure: Exception, url: str) -> KiloError:
    """Return this package's error for what httpx raised on an exchange with this URL."""
    host = host_of(url)
    reason = one_line(reason_of(failure), _LONGEST_REASON)
    for kind, bound, what in _timeouts():
        if isinstance(failure, kind):
            who = _first_host(url) if kind is httpx.ConnectTimeout else host
            return RequestTimeoutError(f"{who} {what}{_render_bound(failure, bound)}. Try again, or raise timeout.")
    if isinstance(failure, (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.LocalProtocolError)):
        return InvalidSettingError(f"The request to {host} cannot be sent: {reason}. Check base_url and the headers.")
    if isinstance(failure, httpx.DecodingError):
        return MalformedAnswerError(
            f"The answer of {host} could not be decompressed: {reason}. Tell who runs it, and what stands before it."
        )
    if isinstance(failure, httpx.ProxyError):
        return refusal_of_proxy(reason, url)
    if isinstance(failure, httpx.ConnectError):
        return _connect_error(failure, reason, url)
    return _broken(failure, reason, host)


def refusal_of_proxy(said: str, url: str) -> ConnectionFailedError:
    """Return the error for what a proxy said in place of the gateway, such as "407 Proxy Authentication Required"."""
    remedy = "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
    if said.startswith("407"):
        remedy = "Write its user name and password into HTTPS_PROXY or HTTP_PROXY (http://user:password@host:port)."
    error = ConnectionFailedError(
        f"{_proxy_before(url) or f'The proxy before {host_of(url)}'} refused: {said}. {remedy}"
    )
    error.was_sent = False
    if said.startswith("4"):
        error.retry = "never"
    return error


def _connect_error(failure: Exception, reason: str, url: str) -> ConnectionFailedError:
    tls = tls_failure(failure)
    proxy = _proxy_before(url)
    if tls is not None:
        error = ConnectionFailedError(_describe_tls(tls, host_of(url)))
        error.retry = "soon" if "unexpected eof" in tls.reason else "never"
    elif proxy is not None:
        error = ConnectionFailedError(
            f"{proxy} could not be connected to: {reason}. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY."
        )
    else:
        error = ConnectionFailedError(
            f"{host_of(url)} could not be connected to: {reason}. Check the network, the proxy settings and base_url."
        )
    error.was_sent = False
    return error


def _describe_tls(failure: TlsFailure, host: str) -> str:
    trusted = os.environ.get("SSL_CERT_FILE")
    file = f"SSL_CERT_FILE (now {one_line(trusted, _LONGEST_REASON)!r})" if trusted else "SSL_CERT_FILE"
    return _TLS[failure.kind].format(host=host, reason=one_line(failure.reason, _LONGEST_REASON), file=file)


def _broken(failure: Exception, reason: str, host: str) -> ConnectionFailedError:
    said = answered_instead(failure)
    if said is None:
        return ConnectionFailedError(f"The connection to {host} broke: {reason}. Try again.")
    remedy = "begin base_url with https://" if said == "TLS" else "check the port of base_url"
    what = "TLS" if said == "TLS" else repr(one_line(said, _LONGEST_REASON))
    error = ConnectionFailedError(f"{host} does not speak plain HTTP, it answered with {what}: {remedy}.")
    error.retry = "never"
    return error


def _first_host(url: str) -> str:
    """Return who is connected to first: the proxy that the environment names for this URL, or else its host."""
    return _proxy_before(url) or host_of(url)


def _proxy_before(url: str) -> str | None:
    """Return the environment's proxy for this URL, without its password, as messages name it; None without one."""
    parsed = httpx.URL(url)
    if is_loopback(parsed.host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parsed.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parsed.host) or _is_named_with_port(url, proxies.get("no", "")):
        return None
    try:
        split = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        named = f"{split.hostname}:{split.port}" if split.port else str(split.hostname)
    except ValueError:
        return None
    return f"The proxy {one_line(named, _LONGEST_REASON)} before {host_of(url)}"


def _is_named_with_port(url: str, no_proxy: str) -> bool:
    """Return whether NO_PROXY names the host with port or scheme, as httpx reads it and urllib does not."""
    parsed = httpx.URL(url)
    named = {host_of(url), f"{parsed.scheme}://{parsed.host}", f"{parsed.scheme}://{host_of(url)}"}
    return not named.isdisjoint(entry.strip().lower() for entry in no_proxy.split(","))


def _render_bound(failure: httpx.TimeoutException, name: str) -> str:
    """Return the bound that applied, which on a client of the caller's is the client's own."""
    with suppress(RuntimeError):  # an error that names no request
        seconds = failure.request.extensions.get("timeout", {}).get(name)
        return f" within {seconds:g} s" if seconds is not None else " in time"
    return " in time"
