"""JSON text, strictly: what cannot be carried by JSON is refused with the place where it stands. Never sends NaN."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from kilo_gateway.errors import InvalidRequestError

_DEPTH = 200
_TOO_DEEP = f"(nested more than {_DEPTH} deep, or in a circle)"
_DEEPEST_READ = 500
_MARKS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
"""A string of JSON text, whole, or a bracket outside of strings."""
_LEAVES = frozenset({str, int, bool, type(None)})
"""Types that are never NaN and hold nothing: most of a request."""
_SMALLEST, _LARGEST = -(2**63), 2**64 - 1
_ESCAPE = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F]).)"
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}",
    re.DOTALL,
)
"""One escape of a JSON string; group 1 is empty for half of a surrogate pair."""
_FENCE = re.compile(r"\s*(?P<fence>`{3,}|~{3,})[^\n]*\n(?P<inside>.*?)\n?(?P=fence)\s*", re.DOTALL)


def dumps(value: Any, *, model: str | None = None) -> bytes:
    """Return the value as compact UTF-8 JSON.

    Unpaired surrogates, which UTF-8 cannot carry, are left out of the text; keys that are numbers become strings. NaN
    and infinity become null: refuse them before, with `find_non_finite`.

    Raises:
        InvalidRequestError: names the first place that JSON cannot carry, such as `tools[0].function`.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return _dumps_slowly(value, model)


def _dumps_slowly(value: Any, model: str | None) -> bytes:
    try:
        return orjson.dumps(_plain(value, 0), option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError) as error:
        place = find_unserializable(value) or f"the request ({error})"
        raise InvalidRequestError(
            f"{place} cannot be sent as JSON; pass text, numbers, booleans, lists and mappings.", model=model
        ) from None


def is_too_deep(text: str) -> bool:
    """Return whether JSON text is nested deeper than is read here: Pythons differ in where they give up."""
    if text.count("{") + text.count("[") <= _DEEPEST_READ:
        return False
    depth = 0
    for mark in _MARKS.findall(text):
        if mark in "{[":
            depth += 1
            if depth > _DEEPEST_READ:
                return True
        elif mark in "}]":
            depth -= 1
    return False


def is_object(text: Any) -> bool:
    """Return whether a text is a JSON object beyond doubt; False too for what `loads` would have to mend."""
    try:
        return isinstance(text, str) and isinstance(orjson.loads(text), dict)
    except ValueError:
        return False


def find_unserializable(value: Any, place: str = "", depth: int = 0) -> str | None:
    """Return where the first value stands that JSON cannot carry, with its type; None when there is none."""
    if depth > _DEPTH:
        return f"{place[:80]}... {_TOO_DEEP}"
    if not isinstance(value, (Mapping, list, tuple)):
        return _find_in_leaf(value, place or "the value")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"{place or 'the request'} (a key of type {type(key).__name__})"
    for key, item in _entries(value):
        if found := find_unserializable(item, _join(place, value, key), depth + 1):
            return found
    return None


def _find_in_leaf(value: Any, place: str) -> str | None:
    try:
        orjson.dumps(_plain(value, 0))
    except TypeError:
        return f"{place} (of type {type(value).__name__})"
    return None


def find_non_finite(value: Any) -> str | None:
    """Return where the first NaN or infinity stands, or where nesting is too deep to look; None when all is finite."""
    found = _find_non_finite(value, 0)
    if found is None:
        return None
    place = found.removeprefix(".")
    return f"{place[:80]}... {_TOO_DEEP}" if found.endswith(_TOO_DEEP) else place


def _find_non_finite(value: Any, depth: int) -> str | None:
    """Return the place as seen from the value; it is put together on the way back, which most requests never go."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f"={float(value)!r}"
    is_mapping = isinstance(value, (dict, Mapping))  # dict first: asking an abstract class costs more than the rest
    if not is_mapping and not isinstance(value, (list, tuple)):
        return None
    if _LEAVES.issuperset(map(type, value.values() if is_mapping else value)):
        return None
    if depth > _DEPTH:
        return _TOO_DEEP
    for key, item in _entries(value):
        kind = type(item)
        if kind in _LEAVES or (kind is dict and _LEAVES.issuperset(map(type, item.values()))):
            continue  # saves a call for nearly every message
        if (found := _find_non_finite(item, depth + 1)) is not None:
            return f".{key}{found}" if is_mapping else f"[{key}]{found}"
    return None


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, Mapping) else enumerate(value)


def _join(place: str, container: Any, key: Any) -> str:
    """Return the place of an item, such as `tools[0].function`."""
    if isinstance(container, Mapping):
        return f"{place}.{key}" if place else str(key)
    return f"{place}[{key}]"


def _plain(value: Any, depth: int) -> Any:
    """Return the value in plain dicts, lists, text without unpaired surrogates, and plain floats."""
    if isinstance(value, str):
        return drop_lone_surrogates(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool) and not _SMALLEST <= value <= _LARGEST:
        return orjson.Fragment(str(value))  # JSON carries any whole number, orjson 64 bits
    if depth > _DEPTH:
        raise RecursionError(_TOO_DEEP)
    if isinstance(value, Mapping):
        return {_plain(key, depth + 1): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    return value


def drop_lone_surrogates(text: str) -> str:
    """Return the text without unpaired surrogates; a pair becomes the character it stands for."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def mend_surrogates(text: str) -> str:
    """Return the text with pairs of surrogates as the character they stand for, and lone ones as U+FFFD."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


loads_fast = orjson.loads
"""Parse JSON; refuses some that `loads` takes, such as half a character. Raises ValueError."""


def loads(text: bytes | str) -> Any:
    """Return the parsed JSON. An escaped surrogate without its other half, as cut streams hold, becomes U+FFFD.

    Raises:
        ValueError: not JSON.
    """
    try:
        return orjson.loads(text)
    except ValueError:
        mended = _mend_halves(text)
    try:
        return orjson.loads(mended)
    except ValueError:
        return _loads_slowly(_decode(mended, "surrogatepass"), parse_constant=_refuse)


def loads_answer(text: bytes) -> Any:
    """Return the JSON that a server wrote: as `loads`, and NaN, infinity and bytes that are not UTF-8 are read too.

    Raises:
        ValueError: not even that.
    """
    try:
        return loads(text)
    except ValueError:
        return _loads_slowly(_decode(_mend_halves(text), "replace"))


def loads_leniently(text: bytes) -> Any:
    """Return JSON as Python reads it: escaped halves of a surrogate pair stay, NaN and infinity are numbers.

    Bytes that are not UTF-8 become U+FFFD.

    Raises:
        ValueError: not JSON.
    """
    try:
        return _loads_slowly(text)
    except UnicodeDecodeError:
        return _loads_slowly(text.decode("utf-8", "replace"))


def _mend_halves(text: bytes | str) -> bytes:
    data = text.encode() if isinstance(text, str) else bytes(text)
    return _ESCAPE.sub(lambda escape: escape[1] or rb"\ufffd", data)


def _decode(data: bytes, errors: str) -> str:
    """Return the text of JSON behind a byte order mark or none; the surrogate pairs of CESU-8 become characters."""
    return mend_surrogates(data.decode(json.detect_encoding(data), errors))


def _loads_slowly(text: bytes | str, parse_constant: Callable[[str], Any] | None = None) -> Any:
    try:
        return json.loads(text, parse_constant=parse_constant)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def without_fence(text: str) -> str:
    """Return what stands inside the fence (of backticks or tildes) that a text consists of; any other text as it is."""
    found = _FENCE.fullmatch(text)
    return found["inside"] if found else text
