"""By what connections are shared: TLS, the machine, and what the environment says of proxies, certificates, engine."""

from __future__ import annotations

import os
import ssl
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

import certifi

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.errors.text import one_line
from kilo_gateway.settings.base_url import is_loopback
from kilo_gateway.transport.engine.fitness import is_tested_here
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.reasons import reason_of
from kilo_gateway.transport.urls import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROXIED = frozenset({"http", "https", "all"})
"""Schemes for which a proxy may be set, in the environment or in the settings of the system."""

_VARIABLES = tuple(
    name
    for word in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")
    for name in (word, word.upper())
)

_KEY_LOG = "SSLKEYLOGFILE"
"""Where Python writes the secrets of TLS, when it is set."""

ENGINE_VARIABLE = "KILOCODE_HTTP_ENGINE"
_HTTPX = "httpx"
"""Its one value, the way back from our own engine."""


class Route(NamedTuple):
    """What decides how connections are made."""

    speaks_tls: bool
    is_local: bool
    """Whether the gateway is on this machine: what is meant for it goes past every proxy, and must not leave it."""
    variables: tuple[str | None, ...]
    """The environment's proxies and certificates."""
    engine: str
    """What the environment asks for, `httpx`; empty for our own where it was tested."""


def route_of(url: str, environ: Mapping[str, str]) -> Route:
    """Return the key under which connections to this URL are shared."""
    variables = tuple(environ.get(name) for name in _VARIABLES)
    is_local = is_loopback(parse_url(url).host)
    engine = environ.get(ENGINE_VARIABLE, "").strip().lower()
    return Route(url.startswith("https:") or any(variables), is_local, variables, engine)


@lru_cache(maxsize=8)
def tls_context(route: Route) -> ssl.SSLContext:
    """Return the certificates to trust; where no TLS is spoken, none, which is 40 ms cheaper and fails closed."""
    context = _trusting_context() if route.speaks_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trusting_context() -> ssl.SSLContext:
    """Return what `httpx.create_ssl_context()` does, without loading httpx; `test_route.py` holds the two equal."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        return ssl.create_default_context(cafile=file)
    if folder:
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=certifi.where())


@contextmanager
def explaining() -> Iterator[None]:
    """Say what is wrong when a proxy or a certificate file that the environment names cannot be used."""
    try:
        yield
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as failure:
        raise InvalidSettingError(
            f"The environment's proxy or certificate settings cannot be used: {reason_of(failure)}. "
            f"Check {_set_variables()}."
        ) from None


def check_proxies() -> None:
    """Refuse a proxy whose port is none. Raises ValueError."""
    proxies = getproxies()
    for scheme in _PROXIED & proxies.keys():
        try:
            _ = urlsplit(f"//{proxies[scheme].rpartition('://')[2]}").port
        except ValueError:
            raise ValueError("a proxy's port is a number from 1 to 65535") from None


def _set_variables() -> str:
    """Return the variables that are set, those of certificates with their path, those of proxies without."""
    names = dict.fromkeys(name.upper() for name in (*_VARIABLES, _KEY_LOG) if os.environ.get(name))
    shown = (
        f"{name} ({os.environ[name]!r})" if name.startswith("SSL") and name in os.environ else name for name in names
    )
    return one_line(", ".join(shown), 500) or "the proxies of the system"


def uses_proxy(route: Route) -> bool:
    """Return whether a proxy is set in the environment or the system, and the gateway is not on this machine."""
    return not route.is_local and bool(_PROXIED & getproxies().keys())


def make_context(route: Route) -> ssl.SSLContext:
    """Return the TLS context of a route, when a first connection needs it."""
    with explaining():
        return tls_context(route)


def wants_engine(route: Route) -> bool:
    """Return whether our own engine carries direct connections here.

    Raises:
        InvalidSettingError: `KILOCODE_HTTP_ENGINE` names what does not exist.
    """
    if route.engine not in {"", _HTTPX}:
        raise InvalidSettingError(
            f"{ENGINE_VARIABLE}={one_line(route.engine, 40)!r} is not known: write {_HTTPX}, or remove it."
        )
    return not route.engine and is_tested_here()
