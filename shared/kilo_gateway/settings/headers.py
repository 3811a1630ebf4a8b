"""HTTP header names and values that are safe to send. A value that could forge a header is refused, never repaired."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kilo_gateway.errors import InvalidSettingError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[\t\x20-\x7e]*\Z")
"""ASCII, because that is all on which every HTTP library and proxy agrees (RFC 9110, 5.5)."""
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""Written by the HTTP layer alone: a second opinion on where a body ends lets requests be smuggled."""
_SECRET_NAME = re.compile(r"authori[sz]|auth\b|key|token|secret|cookie|passw|credential", re.IGNORECASE)

MASK = "***"
"""Stands for a value that is not shown."""


class HeaderList(list[tuple[str, str]]):
    """Header pairs in the order they are sent; its repr masks what may be a secret."""

    def __repr__(self) -> str:
        shown = ", ".join(f"({name!r}, {mask_header(name, value)!r})" for name, value in self)
        return f"HeaderList([{shown}])"


def mask_header(name: str, value: str) -> str:
    """Return the value, or `***` when the header's name sounds like a secret."""
    return MASK if _SECRET_NAME.search(name) else value


def check_header(name: object, value: object, *, origin: str) -> tuple[str, str]:
    """Return the pair, trimmed, when it can be sent as one header.

    Raises:
        InvalidSettingError: a control character, a character outside ASCII, not a string, or a header that says how
            long the body is. The value is not quoted.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidSettingError(f"{origin}: {name!r} is not an HTTP header name; use letters, digits and hyphens.")
    if name.lower() in _FRAMING:
        raise InvalidSettingError(f"{origin}: header {name} is written by the HTTP layer; remove it.")
    if not isinstance(value, str):
        raise InvalidSettingError(f"{origin}: the value of header {name} must be a string, not {type(value).__name__}.")
    value = value.strip(" \t")
    if not _VALUE.match(value):
        raise InvalidSettingError(
            f"{origin}: the value of header {name} holds a line break, another control character or one outside "
            "ASCII; remove it."
        )
    return name, value


def parse_headers(value: object, *, origin: str) -> dict[str, str]:
    """Return the headers of a mapping, each checked and trimmed.

    Raises:
        InvalidSettingError: not a mapping, or a header that cannot be sent.
    """
    if not isinstance(value, Mapping):
        raise InvalidSettingError(f"{origin} must map header names to values, not be a {type(value).__name__}.")
    return dict(check_header(name, text, origin=origin) for name, text in value.items())


def merge_headers(*layers: Mapping[str, str]) -> HeaderList:
    """Return one header per name, compared without case: a later layer wins, with its own spelling."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in layer.items():
            merged.pop(name.lower(), None)
            merged[name.lower()] = (name, value)
    return HeaderList(merged.values())
