"""HTTP header names and values that are safe to send. A value that could forge a header is refused, never repaired."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*\Z")
_SECRET_WORDS = ("authorization", "key", "token", "secret", "cookie", "password")


class HeaderList(list[tuple[str, str]]):
    """Header pairs in the order they are sent; its repr masks what may be a secret."""

    def __repr__(self) -> str:
        shown = ", ".join(f"({name!r}, {mask_header(name, value)!r})" for name, value in self)
        return f"HeaderList([{shown}])"


def mask_header(name: str, value: str) -> str:
    """Return the value, or `***` when the header's name sounds like a secret."""
    lowered = name.lower()
    return "***" if any(word in lowered for word in _SECRET_WORDS) else value


def check_header(name: object, value: object, *, origin: str) -> tuple[str, str]:
    """Return the pair, trimmed, when it can be sent as one header.

    Raises:
        InvalidSettingError: a control character, a character outside latin-1, or not a string. The value is not quoted.
    """
    if not isinstance(name, str) or not _NAME.match(name):
        raise InvalidSettingError(f"{origin}: {name!r} is not an HTTP header name.")
    if not isinstance(value, str):
        raise InvalidSettingError(f"{origin}: the value of header {name} must be a string, not {type(value).__name__}.")
    value = value.strip(" \t")
    if not _VALUE.match(value):
        raise InvalidSettingError(
            f"{origin}: the value of header {name} holds a control character or one that HTTP cannot carry; remove it."
        )
    return name, value


def merge_headers(*layers: Mapping[str, str]) -> HeaderList:
    """Return one header per name, compared without case: a later layer wins, with its own spelling."""
    merged: dict[str, tuple[str, str]] = {}
    for layer in layers:
        for name, value in layer.items():
            merged.pop(name.lower(), None)
            merged[name.lower()] = (name, value)
    return HeaderList(merged.values())
