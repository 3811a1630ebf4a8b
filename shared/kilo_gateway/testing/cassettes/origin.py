"""Where a cassette came from, and which requests belong to a gateway at all. Decides from plain values."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from kilo_gateway._version import __version__
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EMBEDDED = "embedded gateway"
REAL = "Kilo Gateway"
OTHER = "another server"

FEATURE_HEADER = "x-kilocode-feature"
"""Sent with every request of this package, to whatever host."""

EMBEDDED_BASE_URL = "http://127.0.0.1/api/gateway/"
"""Stands for every embedded gateway: their ports differ, and nothing listens on this one."""

_REAL_HOST = urlsplit(DEFAULT_BASE_URL).hostname
_GATEWAY_PATHS = ("/api/gateway/", "/api/openrouter/")
_ENDPOINTS = ("chat/completions", "fim/completions", "embeddings", "embedding-models", "models", "providers")


@dataclass(frozen=True)
class CassetteOrigin:
    """Who gave the answers of a cassette."""

    kind: str
    base_url: str
    version: str | None = None
    """Of this package, whose embedded gateway it was; None for a gateway that does not tell."""
    recorded: str | None = None
    """The day, where answers change with time; the embedded gateway's do not."""

    def render(self) -> dict[str, Any]:
        """Return what stands in the cassette."""
        named = {name: value for name, value in vars(self).items() if value is not None}
        return {"from": named.pop("kind"), **named}

    def describe(self) -> str:
        """Return the gateway and when it answered, for a message."""
        when = f" on {self.recorded}" if self.recorded else f" of version {self.version}" if self.version else ""
        return f"{self.kind}{when}"

    @classmethod
    def parse(cls, value: Any) -> CassetteOrigin:
        """Return the origin of a cassette's head.

        Raises:
            ValueError: not what `render` writes.
        """
        if not isinstance(value, dict) or not isinstance(value.get("from"), str):
            raise ValueError("`gateway` must be a mapping with `from`")  # noqa: TRY004 - wrong data, not a wrong call
        texts = {name: None if text is None else str(text) for name, text in value.items()}
        names = ("version", "recorded")
        base_url = texts.get("base_url") or EMBEDDED_BASE_URL
        return cls(str(texts["from"]), base_url, **{name: texts.get(name) for name in names})


def is_local_address(host: str | None) -> bool:
    """Return whether the host is this machine itself."""
    if host is None or host in {"", "localhost"}:
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def is_gateway(uri: str, headers: Mapping[str, Any], base_url: str) -> bool:
    """Return whether the request goes to a Kilo gateway: by its address, or because this package's core sent it."""
    if any(name.lower() == FEATURE_HEADER for name in headers) or uri.startswith(base_url):
        return True
    parts = urlsplit(uri)
    is_home = parts.hostname == _REAL_HOST or is_local_address(parts.hostname)
    return is_home and any(path in parts.path for path in _GATEWAY_PATHS)


def without_port(uri: str) -> str:
    """Return the address with this machine's ports left out: they differ each time."""
    parts = urlsplit(uri)
    if not is_local_address(parts.hostname) or not parts.hostname:
        return uri
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return urlunsplit(parts._replace(netloc=host))


def move(uri: str, known: Iterable[str], base_url: str) -> str | None:
    """Return the address at the gateway `base_url`, when it lies at a known one, the first that fits; else None.

    What lies below a known base URL comes to lie below this one; anything else of that server keeps its path.
    """
    for base in known:
        if uri.startswith(base):
            return base_url + uri.removeprefix(base)
    for base in known:
        if uri.startswith(urljoin(base, "/")):
            return urljoin(base_url, "/") + uri.removeprefix(urljoin(base, "/"))
    return None


def origin_of(uri: str, response_headers: Mapping[str, Any], *, base_url: str, today: str) -> CassetteOrigin:
    """Return where this answer came from, given what was asked and the headers of the answer as they came.

    `base_url` is the address of the gateway that the environment names.
    """
    parts = urlsplit(uri)
    if parts.hostname == urlsplit(base_url).hostname:
        base_url = without_port(base_url.rstrip("/") + "/")
    else:
        path = next((parts.path.removesuffix(end) for end in _ENDPOINTS if parts.path.endswith("/" + end)), "/")
        base_url = without_port(urlunsplit(parts._replace(path=path, query="", fragment="")))
    headers = {name.lower(): str(value) for name, value in response_headers.items()}
    if "embedded-" in headers.get("x-vercel-id", ""):
        return CassetteOrigin(EMBEDDED, base_url, version=__version__)
    return CassetteOrigin(REAL if parts.hostname == _REAL_HOST else OTHER, base_url, recorded=today)
