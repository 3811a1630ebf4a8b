"""JSON text, strictly: what cannot be carried by JSON is refused with the place where it stands. Never sends NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from kilo_gateway.errors import InvalidRequestError

_DEPTH = 200


def dumps(value: Any, *, model: str | None = None) -> bytes:
    """Return the value as compact UTF-8 JSON.

    Unpaired surrogates, which UTF-8 cannot carry, are left out of the text; keys that are numbers become strings.

    Raises:
        InvalidRequestError: names the first place that JSON cannot carry, such as `tools[0].function`.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return _dumps_slowly(value, model)


def _dumps_slowly(value: Any, model: str | None) -> bytes:
    try:
        return orjson.dumps(_without_surrogates(value, 0), option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, RecursionError) as error:
        place = find_unserializable(value) or f"the request ({error})"
        raise InvalidRequestError(
            f"{place} cannot be sent as JSON; pass text, numbers, booleans, lists and mappings.", model=model
        ) from None


def find_unserializable(value: Any, place: str = "", depth: int = 0) -> str | None:
    """Return where the first value stands that JSON cannot carry, with its type; None when there is none."""
    if depth > _DEPTH:
        return f"{place[:80]}... (nested more than {_DEPTH} deep, or in a circle)"
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, (str, int, float, bool, type(None))):
                return f"{place or 'the request'} (a key of type {type(key).__name__})"
            if found := find_unserializable(item, f"{place}.{key}" if place else str(key), depth + 1):
                return found
        return None
    if isinstance(value, (list, tuple)):
        places = (find_unserializable(item, f"{place}[{i}]", depth + 1) for i, item in enumerate(value))
        return next(filter(None, places), None)
    try:
        orjson.dumps(_without_surrogates(value, depth))
    except TypeError:
        return f"{place or 'the value'} (of type {type(value).__name__})"
    return None


def find_non_finite(value: Any, place: str = "", depth: int = 0) -> str | None:
    """Return where the first NaN or infinity stands; None when every number is finite. JSON knows neither."""
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{place}={value!r}"
    if depth > _DEPTH:
        return None
    if isinstance(value, Mapping):
        items = ((f"{place}.{key}" if place else str(key), item) for key, item in value.items())
    elif isinstance(value, (list, tuple)):
        items = ((f"{place}[{i}]", item) for i, item in enumerate(value))
    else:
        return None
    return next(filter(None, (find_non_finite(item, where, depth + 1) for where, item in items)), None)


def _without_surrogates(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return drop_lone_surrogates(value)
    if depth > _DEPTH:
        return value
    if isinstance(value, Mapping):
        return {
            _without_surrogates(key, depth + 1): _without_surrogates(item, depth + 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(item, depth + 1) for item in value]
    return value


def drop_lone_surrogates(text: str) -> str:
    """Return the text without unpaired surrogates; a pair becomes the character it stands for."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def loads(text: bytes | str) -> Any:
    """Return the parsed JSON.

    Raises:
        ValueError: not JSON.
    """
    return orjson.loads(text)
