"""The gateway's address: checked before anything is sent, joined without a double slash. Never resolves a name."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # missing in the stubs

from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.kilo.ai/api/gateway/"
"""Source: the provider page; https://kilo.ai/docs."""


def parse_base_url(value: object) -> str:
    """Return the base URL with exactly one slash at its end.

    Raises:
        InvalidSettingError: no scheme, another scheme than http or https, no host, a user or password, a query.
    """
    if not isinstance(value, str):
        raise InvalidSettingError(f"base_url must be a string, not {type(value).__name__}.")
    text = value.strip()
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidSettingError(f"base_url is not a URL ({error}). {_EXAMPLE}") from None
    if "@" in parts.netloc:
        raise InvalidSettingError("base_url holds a user name or password; remove it and pass the key as api_key.")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidSettingError(
            f"base_url {text!r} needs to begin with https:// (or http:// for this machine). {_EXAMPLE}"
        )
    if not host or any(c.isspace() or not c.isprintable() for c in text):
        raise InvalidSettingError(f"base_url {text!r} has no usable host. {_EXAMPLE}")
    if parts.query or parts.fragment:
        raise InvalidSettingError(f"base_url {text!r} must end with a path: it has a query or fragment. {_EXAMPLE}")
    return text.rstrip("/") + "/"


_EXAMPLE = f"Example: {DEFAULT_BASE_URL}"


def check_cleartext(base_url: str, *, proxies: Mapping[str, str]) -> None:
    """Refuse a base URL over which a key would cross a network unencrypted.

    Plain http is fine to this machine, and through a proxy on this machine. `proxies` maps schemes to proxy URLs, and
    `no` to the hosts that bypass them, as urllib.request.getproxies_environment gives them.

    Raises:
        InvalidSettingError: http to another machine.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "https" or is_loopback(host):
        return
    proxy = proxies.get("http") or proxies.get("all")
    if proxy and is_loopback(urlsplit(proxy).hostname or "") and not _bypasses(host, proxies):
        return
    raise InvalidSettingError(
        f"base_url {base_url!r} would send the API key to {host} unencrypted. "
        "Use https://; plain http is accepted for this machine only."
    )


def _bypasses(host: str, proxies: Mapping[str, str]) -> bool:
    return bool(proxy_bypass_environment(host, dict(proxies)))


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, judged by its name alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def render_origin(base_url: str) -> str:
    """Return scheme, host and port, for messages and for paths outside the base."""
    parts = urlsplit(base_url)
    return f"{parts.scheme}://{parts.netloc}"
