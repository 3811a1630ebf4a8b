"""Takes secrets out of texts and errors: as they are, URL-encoded, in base64, in JSON, and cut off halfway."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from kilo_gateway.errors import KiloError
from kilo_gateway.errors.text import CUT

REDACTED = "[redacted]"
_SHORTEST_SECRET = 8
"""A shorter one would take ordinary words out of messages, and protects nothing."""
_NOT_SECRET = frozenset({"anonymous"})
_MAX_DEPTH = 100
_MAX_CHAIN = 20
_KEPT = frozenset({"partial", "response"})
"""Attributes that are not ours to rewrite: the answer so far, and an adapter's HTTP response."""


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return the text without the secrets. Those shorter than 8 characters and `anonymous` are not secrets."""
    return _without(text, spellings_of(secrets))


def redact_error(error: KiloError, secrets: Iterable[str]) -> None:
    """Take the secrets out of all that the error holds, and out of the arguments of the errors that caused it.

    `partial`, the answer so far, stays as it is.
    """
    spellings = spellings_of(secrets)
    if not spellings:
        return
    for link in _chain(error):
        link.args = tuple(clean(argument, spellings) for argument in link.args)
        if isinstance(link, KiloError):
            attributes = {name: value for name, value in vars(link).items() if name not in _KEPT}
            vars(link).update({name: clean(value, spellings) for name, value in attributes.items()})


def _chain(error: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting and len(links) < _MAX_CHAIN:
        link = waiting.pop(0)
        if link is not None and not any(link is known for known in links):
            links.append(link)
            waiting += [link.__cause__, link.__context__]
    return links


def spellings_of(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return every way in which a secret may be written, the longest first; none for one that is not a secret."""
    spellings: set[str] = set()
    for secret in {secret.strip() for secret in secrets} - _NOT_SECRET:
        if len(secret) >= _SHORTEST_SECRET:
            spellings |= {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
            spellings |= _base64_spellings(secret.encode("utf-8", "replace"))
    return tuple(sorted(spellings, key=len, reverse=True))


def _base64_spellings(secret: bytes) -> set[str]:
    """Return the characters that depend on the secret alone, for each of its three positions within a longer text."""
    spellings = set()
    for offset, leading in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * offset + secret)
        trailing = (0, 3, 2)[(offset + len(secret)) % 3]
        core = encoded[leading : len(encoded) - trailing].decode()
        spellings |= {core, core.translate(str.maketrans("+/", "-_"))}
    return {spelling for spelling in spellings if len(spelling) >= _SHORTEST_SECRET}


def _without(text: str, spellings: tuple[str, ...]) -> str:
    for spelling in spellings:
        text = text.replace(spelling, REDACTED)
    if CUT not in text:
        return text
    *before, last = text.split(CUT)
    return CUT.join([*(_without_beginning(piece, spellings) for piece in before), last])


def _without_beginning(text: str, spellings: tuple[str, ...]) -> str:
    """Return the text without the beginning of a secret at its end, where it was cut."""
    for spelling in spellings:
        for length in range(min(len(spelling), len(text)), _SHORTEST_SECRET - 1, -1):
            if text.endswith(spelling[:length]):
                return text[:-length] + REDACTED
    return text


def clean(value: Any, spellings: tuple[str, ...], depth: int = 0) -> Any:
    """Return the value without the secrets, in new containers; what is nested too deep to look into is dropped."""
    if isinstance(value, str):
        return _without(value, spellings)
    if isinstance(value, bytes):
        return _without(value.decode("utf-8", "surrogateescape"), spellings).encode("utf-8", "surrogateescape")
    if depth > _MAX_DEPTH:
        return CUT
    if isinstance(value, Mapping):
        return {clean(key, spellings): clean(item, spellings, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [clean(item, spellings, depth + 1) for item in value]
        return items if isinstance(value, list) else tuple(items)
    return value
