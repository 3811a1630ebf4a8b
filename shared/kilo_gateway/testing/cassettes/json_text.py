"""JSON text as a structure that gives the same text back, byte for byte; None where a structure cannot."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Self

_BLANK = " \t\r\n"
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JsonNumber(float):
    """A number whose own spelling (`1.50`, `1E-7`, `-0`) is kept in `text`."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Make the number of its text."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def parse_number(text: str) -> int | float:
    """Return the number; a `JsonNumber` where Python would spell it differently.

    Raises:
        ValueError: more digits than Python converts.
    """
    plain: int | float = int(text) if text.lstrip("-").isdigit() else float(text)
    return plain if repr(plain) == text else JsonNumber(text)


@dataclass(frozen=True)
class _Layout:
    between: str
    after_key: str
    ascii_only: bool


LAYOUTS = {
    "compact": _Layout(",", ":", ascii_only=False),
    "compact ascii": _Layout(",", ":", ascii_only=True),
    "spaced": _Layout(", ", ": ", ascii_only=False),
    "spaced ascii": _Layout(", ", ": ", ascii_only=True),
}
"""How writers of JSON space and escape it: JavaScript and orjson write `compact`, Python's json `spaced ascii`."""


@dataclass
class JsonText:
    """A JSON object or array with all that is needed to write it again exactly."""

    value: Any
    layout: str = "compact"
    before: str = ""
    """Blank characters before it."""
    after: str = ""

    def render(self) -> str:
        """Return the text."""
        return f"{self.before}{render_value(self.value, LAYOUTS[self.layout])}{self.after}"


def render_value(value: Any, layout: _Layout) -> str:
    """Return the JSON of a value, numbers in their own spelling."""
    if isinstance(value, JsonNumber):
        return value.text
    if isinstance(value, dict):
        pairs = [
            json.dumps(key, ensure_ascii=layout.ascii_only) + layout.after_key + render_value(item, layout)
            for key, item in value.items()
        ]
        return "{" + layout.between.join(pairs) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + layout.between.join([render_value(item, layout) for item in value]) + "]"
    return json.dumps(value, ensure_ascii=layout.ascii_only)


def parse_loosely(text: str) -> Any:
    """Return the JSON object or array, spellings kept, or None when the text is none."""
    try:
        value = json.loads(text, parse_float=parse_number, parse_int=parse_number, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def parse_exactly(text: str) -> JsonText | None:
    """Return the JSON object or array when it can be written again character by character, else None."""
    core = text.strip(_BLANK)
    value = parse_loosely(core) if core[:1] in {"{", "["} else None
    if value is None:
        return None
    start = text.index(core)
    for name, layout in LAYOUTS.items():
        if _is_written(value, layout, core):
            return JsonText(value, name, text[:start], text[start + len(core) :])
    return None


def _is_written(value: Any, layout: _Layout, text: str) -> bool:
    """Whether the layout gives the text; half a surrogate pair cannot be kept as a character, so it never does."""
    try:
        if render_value(value, layout) != text:
            return False
        if _LONE_SURROGATE.search(text):
            render_value(value, LAYOUTS["compact"]).encode()
    except (RecursionError, UnicodeEncodeError):
        return False
    return True


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
