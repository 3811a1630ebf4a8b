"""Keys and headers that must not show in tracebacks, traces, dumps or events. Names decide; nothing is guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from kilo_gateway.settings.headers import MASK, mask_header

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = ("api_key", "kilo_api_key")


def hide_key(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the key wrapped, so that a traceback that shows variables does not show it."""
    return {
        name: SecretStr(value) if name in _KEYS and isinstance(value, str) else value
        for name, value in arguments.items()
    }


def mask_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers with `***` in place of those that are secrets by their name."""
    return {str(name): mask_header(str(name), value) for name, value in headers.items()}


def is_secret_header(name: Any, value: Any) -> bool:
    """Return whether a header is a secret by its name."""
    return isinstance(name, str) and isinstance(value, str) and mask_header(name, value) == MASK


def open_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that are no secret by their name."""
    return {name: value for name, value in headers.items() if not is_secret_header(name, value)}
