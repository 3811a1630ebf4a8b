"""The gateway's address: checked before anything is sent, joined without a double slash. Never resolves a name."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.errors.text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_BASE_URL = "https://api.kilo.ai/api/gateway/"
"""Source: the provider page; https://kilo.ai/docs."""

_EXAMPLE = f"Example: {DEFAULT_BASE_URL}"
_LONGEST_HOST = 253
_LONGEST_SHOWN = 200
_HOST_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?\Z")
_NUMBERS = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*\.?\Z")
"""What some resolvers read as an address (`127.1`, `0x7f.1`) and others as a name."""


def parse_base_url(value: object) -> str:
    """Return the base URL: scheme and host in lower case, exactly one slash at its end.

    Raises:
        InvalidSettingError: no scheme, another scheme than http or https, no host, a user or password, a query. A part
            that may hold a password is not quoted.
    """
    if not isinstance(value, str):
        raise InvalidSettingError(f"base_url must be a string, not {type(value).__name__}.")
    text = value.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        raise InvalidSettingError(f"base_url is not a URL: its host cannot be read. {_EXAMPLE}") from None
    if "@" in parts.netloc or ("@" in text and not parts.netloc):
        raise InvalidSettingError("base_url holds a user name or password; remove it and pass the key as api_key.")
    if "?" in text or "#" in text:
        raise InvalidSettingError(f"base_url must end with a path: it has a query or fragment. {_EXAMPLE}")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidSettingError(
            f"base_url {_shown(text)} needs to begin with https:// (or http:// for this machine). {_EXAMPLE}"
        )
    if any(character.isspace() or not character.isprintable() for character in text):
        raise InvalidSettingError(
            f"base_url {_shown(text)} holds a blank or a character that cannot be seen. {_EXAMPLE}"
        )
    return f"{parts.scheme}://{_render_host(parts)}{_render_port(parts)}{parts.path.rstrip('/')}/"


def api_root(base_url: str) -> str:
    """Return where the endpoints begin that do not stand below the base URL: `https://api.kilo.ai/api/`.

    It is what leads up to the last `/api/`; the host where there is none.
    """
    parts = urlsplit(base_url)
    path, found, _ = parts.path.rpartition("/api/")
    return f"{parts.scheme}://{parts.netloc}{path if found else ''}/api/"


def _render_host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        is_usable = _is_address(host) and ":" in host
    elif _NUMBERS.match(host):
        is_usable = _is_address(host)
    else:
        is_usable = len(host) <= _LONGEST_HOST and _HOST_NAME.match(host) is not None
    if not is_usable:
        raise InvalidSettingError(
            f"base_url has no usable host: {_shown(host)} is neither a name in ASCII (xn--... for others) nor an IP "
            f"address. {_EXAMPLE}"
        )
    return f"[{host}]" if ":" in host else host


def _render_port(parts: SplitResult) -> str:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise InvalidSettingError(f"base_url has no usable port: it is a number from 1 to 65535. {_EXAMPLE}")
    return "" if port is None else f":{port}"


def _shown(text: str) -> str:
    """Return the text in quotes, as a message has it."""
    return repr(one_line(text, _LONGEST_SHOWN))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def parse_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies that an environment names: scheme -> URL, and `no` -> the hosts that bypass them.

    The rules are those of urllib.request.getproxies_environment: lower-case names win, and an empty one takes the proxy
    away; under CGI, HTTP_PROXY could come from a request's header and is not believed.
    """
    names = [name for name in environ if name.lower().endswith("_proxy")]
    if "REQUEST_METHOD" in environ:
        names = [name for name in names if name != "HTTP_PROXY"]
    ordered = sorted(names, key=str.islower)
    proxies = {name.lower().removesuffix("_proxy"): environ[name] for name in ordered}
    return {scheme: proxy for scheme, proxy in proxies.items() if proxy}


@lru_cache(maxsize=64)
def keeps_keys_private(base_url: str) -> bool:
    """Return whether a key sent there stays encrypted or on this machine, whatever the proxies."""
    return base_url.startswith("https://") or is_loopback(urlsplit(base_url).hostname or "")


def check_cleartext(base_url: str, *, proxies: Mapping[str, str]) -> None:
    """Refuse a base URL over which a key would cross a network unencrypted.

    Plain http is fine to this machine, and through a proxy on this machine. `proxies` are those of `parse_proxies`.

    Raises:
        InvalidSettingError: http to another machine.
    """
    host = urlsplit(base_url).hostname or ""
    has_local_proxy = _has_local_proxy(proxies) and not _bypasses(host, proxies.get("no", ""))
    if keeps_keys_private(base_url) or has_local_proxy:
        return
    raise InvalidSettingError(
        f"base_url {base_url!r} would send the API key to {host} unencrypted. "
        "Use https://; plain http is accepted for this machine only."
    )


def _has_local_proxy(proxies: Mapping[str, str]) -> bool:
    proxy = proxies.get("http") or proxies.get("all") or ""
    try:
        return is_loopback(urlsplit(proxy if "://" in proxy else f"http://{proxy}").hostname or "")
    except ValueError:
        return False


def _bypasses(host: str, no_proxy: str) -> bool:
    """Return whether any reading of NO_PROXY, with port, scheme, dot, star or mask, sends this host past the proxy."""
    for entry in no_proxy.lower().split(","):
        bare = entry.strip().rpartition("://")[2].partition("/")[0]
        if bare == "*":
            return True
        if bare.startswith("["):
            bare = bare[1:].partition("]")[0]
        elif bare.count(":") == 1:
            bare = bare.partition(":")[0]
        name = bare.lstrip("*.")
        if name and (host == name or host.endswith(f".{name}")):
            return True
    return False


def is_loopback(host: str) -> bool:
    """Return whether the host is this machine, judged by its name alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # Python 3.13 looks at it itself
    return bool((mapped or address).is_loopback)
