"""URLs as they go on the wire. httpx's rules decide; those of plain URLs are known without loading it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from kilo_gateway.transport.lazy_httpx import httpx

_PLAIN = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<netloc>(?P<host>(?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*|127\.0\.0\.1)(?::(?P<port>[1-9][0-9]{0,4}))?)"
    r"(?P<target>(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)\Z"
)
"""What no rule changes: lower case, no escape, no query, no empty segment and none that begins with a dot."""

_PORTS = {"http": 80, "https": 443}


class Url(NamedTuple):
    """The parts of a URL."""

    scheme: str
    host: str
    """Without brackets, in the alphabet of DNS."""
    port: int | None
    """None where it is the scheme's own."""
    target: str
    netloc: str
    """The value of the Host field."""


@lru_cache(maxsize=64)
def parse_url(url: str) -> Url:
    """Return the parts of a URL. URLs are few, parsing one is slow.

    A plain one, as nearly all are, is not worth loading httpx; `test_urls.py` holds the two equal.

    Raises:
        httpx.InvalidURL: what is no URL.
    """
    plain = _PLAIN.match(url)
    if plain is None:
        return parse_any_url(url)
    scheme, host = plain["scheme"], plain["host"]
    port = None if plain["port"] is None or int(plain["port"]) == _PORTS[scheme] else int(plain["port"])
    return Url(scheme, host, port, plain["target"] or "/", host if port is None else plain["netloc"])


def parse_any_url(url: str) -> Url:
    """Return what httpx makes of a URL."""
    parsed = httpx.URL(url)
    target = parsed.raw_path.decode("latin-1") or "/"
    return Url(parsed.scheme, parsed.raw_host.decode("ascii"), parsed.port, target, parsed.netloc.decode("ascii"))
