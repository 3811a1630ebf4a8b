"""The bytes of a request. Checks them again, whatever was checked before: no name or value can forge a second one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kilo_gateway.transport.body import offered_codings
from kilo_gateway.transport.decoding import ACCEPT_ENCODING, OFFERED
from kilo_gateway.transport.lazy_httpx import httpx
from kilo_gateway.transport.urls import parse_url

if TYPE_CHECKING:
    from kilo_gateway.transport.outgoing import Outgoing

JOINED_BYTES = 64 * 1024
"""Up to this length a body goes out in one write with the head; a longer one is not copied."""

_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""What is the engine's alone to say."""
_WORD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[\t\x20-\x7e]*\Z")
_TARGET = re.compile(r"/[\x21-\x7e]*\Z")


class Origin(NamedTuple):
    """What connections are shared by."""

    is_tls: bool
    host: str
    """Without brackets, in the alphabet of DNS."""
    port: int


class RenderedRequest(NamedTuple):
    """A request as it goes out."""

    origin: Origin
    head: bytes
    body: bytes
    """Empty where it stands in `head` already."""
    offered: tuple[str, ...]
    """The codings in which an answer may be compressed."""
    is_last: bool
    """Whether it says itself that its connection is closed behind the answer."""

    def __repr__(self) -> str:
        """Return no byte of it: the head holds the key."""
        return f"<Request to {self.origin.host}>"


@lru_cache(maxsize=64)
def _parse(url: str) -> tuple[Origin, str, str]:
    """Return the origin, the target and the value of the Host field. URLs are few, parsing one is slow."""
    parsed = parse_url(url)
    if parsed.scheme not in {"http", "https"}:
        raise httpx.UnsupportedProtocol(f"the protocol {parsed.scheme!r} is not spoken here")
    if not _TARGET.match(parsed.target):
        raise httpx.LocalProtocolError("the path of the URL holds a blank or a control character")
    is_tls = parsed.scheme == "https"
    port = parsed.port or (443 if is_tls else 80)
    return Origin(is_tls, parsed.host, port), parsed.target, parsed.netloc


@lru_cache(maxsize=256)
def _is_name(name: str) -> bool:
    return _WORD.match(name) is not None and name.lower() not in _FRAMING


def render_http_request(outgoing: Outgoing) -> RenderedRequest:
    """Return the request in origin form, with one Host and one Content-Length.

    Raises:
        httpx.LocalProtocolError: a name or value that cannot be sent as one field. The value is not quoted.
    """
    origin, target, host = _parse(outgoing.url)
    if not _WORD.match(outgoing.method) or outgoing.method in {"HEAD", "CONNECT"}:
        raise httpx.LocalProtocolError(f"the method {outgoing.method!r} is not sent")
    lines: list[str] = []
    named: dict[str, str] = {}
    for name, value in outgoing.headers:
        if not _is_name(name) or not _VALUE.match(value):
            raise httpx.LocalProtocolError(f"the header {name!r} cannot be sent")
        named[name.lower()] = value
        lines.append(f"{name}: {value}")
    own = [f"{outgoing.method} {target} HTTP/1.1"]
    if "host" not in named:
        own.append(f"Host: {host}")
    offered: tuple[str, ...] | None = OFFERED
    if "accept-encoding" in named:
        offered = offered_codings(outgoing.headers)
    else:
        own.append(f"Accept-Encoding: {ACCEPT_ENCODING}")
    if "connection" not in named:
        own.append("Connection: keep-alive")
    is_last = "close" in named.get("connection", "").lower()
    content = outgoing.content
    if content is not None:
        own.append(f"Content-Length: {len(content)}")
    head = "\r\n".join([*own, *lines, "", ""]).encode("ascii")
    if not content or len(content) > JOINED_BYTES:
        return RenderedRequest(origin, head, content or b"", offered or (), is_last)
    return RenderedRequest(origin, head + content, b"", offered or (), is_last)
