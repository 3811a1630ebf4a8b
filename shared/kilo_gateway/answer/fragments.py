"""One streamed fragment of a tool call, read tolerantly. Knows nothing of the calls that fragments belong to."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import orjson

FRAGMENT_KEYS = frozenset({"index", "id", "type", "function"})
_NO_IDS = frozenset({"null", "none", "nil", "undefined"})
"""What a server writes that turned an absent id into text."""
_MARKS = re.compile(r'\\.|[\\"{}]', re.DOTALL)
FUNCTION_KEYS = frozenset({"name", "arguments"})
_HOLDERS = ("function", "custom", "function_call")
"""Where a call's name and arguments stand; some servers write them beside the id."""
_ARGUMENT_KEYS = ("arguments", "parameters", "input", "args")


@dataclass(slots=True)
class ToolCallFragment:
    """What one item of `tool_calls` says; "" and None where it says nothing."""

    index: int | None
    id: str | None
    type: str
    name: str
    arguments: str
    extra: dict[str, Any] | None
    """Keys beside `index`, `id`, `type` and `function`."""
    function_extra: dict[str, Any] | None
    """Keys of `function` beside `name` and `arguments`."""


def parse_fragment(item: Any) -> ToolCallFragment | None:
    """Return what the item says; None when it says nothing."""
    if not isinstance(item, dict):
        return None
    function, known = item.get("function"), FRAGMENT_KEYS
    if not isinstance(function, dict):
        function, known = _find_function(item)
    if not isinstance(function.get("arguments"), str):
        function = _with_arguments(function)
    type_, name = item.get("type"), function.get("name")
    fragment = ToolCallFragment(
        index=parse_index(item.get("index")),
        id=_parse_id(item.get("id")),
        type=type_ if isinstance(type_, str) else "",
        name=name if isinstance(name, str) else "",
        arguments=_render_arguments(function.get("arguments")),
        extra=None if item.keys() <= known else _unknown(item, known),
        function_extra=None if function.keys() <= FUNCTION_KEYS else _unknown(function, FUNCTION_KEYS),
    )
    says_something = fragment.id or fragment.name or fragment.arguments or fragment.extra or fragment.function_extra
    return fragment if says_something else None


def _find_function(item: dict[str, Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """Return the function of a call in another server's spelling, and the keys of the call that are understood."""
    for key in _HOLDERS:
        if isinstance(function := item.get(key), dict):
            return function, FRAGMENT_KEYS | {key}
    own = {key: item[key] for key in ("name", *_ARGUMENT_KEYS) if key in item}
    return own, FRAGMENT_KEYS | own.keys()


def _with_arguments(function: dict[str, Any]) -> dict[str, Any]:
    """Return the function with its arguments under the wire's key."""
    if function.get("arguments") is not None:
        return function
    key = next((key for key in _ARGUMENT_KEYS if isinstance(function.get(key), (dict, str))), None)
    if key is None:
        return function
    return {
        "arguments": function[key],
        **{name: value for name, value in function.items() if name not in (key, "arguments")},
    }


def _unknown(item: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in known and value is not None}


def parse_index(value: Any) -> int | None:
    """Return an index, also from a whole float or from text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) < 10 and value.isdecimal():  # noqa: PLR2004 - no answer has 10**9 calls
        return int(value)
    return None


def _parse_id(value: Any) -> str | None:
    """Return an id, a number as its digits; None for null, "", the word for it, and anything else."""
    if isinstance(value, str):
        return value if value and value.lower() not in _NO_IDS else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _render_arguments(value: Any) -> str:
    """Return arguments as JSON text: text as it is, null as "", an object encoded."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, half a surrogate pair, or nesting deeper than orjson goes
        return _render_slowly(value)


def _render_slowly(value: Any) -> str:
    try:
        return json.dumps(value, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return str(type(value))  # no JSON, so that the call counts as invalid and is never run with other arguments


class ObjectScanner:
    """Tells from pieces of JSON text, reading each once, whether they are one closed object."""

    __slots__ = ("_depth", "_has_ended", "_in_string", "_rest", "is_closed", "pieces")

    def __init__(self) -> None:
        self.pieces = 0
        """How many pieces were read."""
        self.is_closed = False
        """Whether the object is closed and nothing but blanks follows."""
        self._has_ended = False
        self._depth = 0
        self._in_string = False
        self._rest = ""  # a backslash whose character comes with the next piece

    @property
    def is_open(self) -> bool:
        """Whether an object has begun and not ended."""
        return self._depth > 0

    def feed(self, piece: str) -> None:
        """Read the next piece."""
        self.pieces += 1
        if self._has_ended:
            self.is_closed = self.is_closed and not piece.strip()
            return
        marks = _MARKS.findall(self._rest + piece)
        self._rest = "\\" if marks and marks[-1] == "\\" else ""
        for mark in marks:
            if mark == '"':
                self._in_string = not self._in_string
            elif not self._in_string and mark in "{}":
                self._depth += 1 if mark == "{" else -1
        self.is_closed = self._has_ended = self._depth == 0 and "}" in marks and not self._in_string
