"""JSON schemas in the form that strict providers accept: all properties required, no others allowed. Never mutates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions")


def make_strict(schema: Any) -> Any:
    """Return the schema with every object closed and all its properties required."""
    if not isinstance(schema, Mapping):
        return schema
    made = {key: _make_inner(key, value) for key, value in schema.items()}
    if _is_object(made):
        made["additionalProperties"] = False
        made["required"] = list(made.get("properties") or {})
        made.setdefault("properties", {})
    if made.get("default", ...) is None:
        del made["default"]
    return made


def _make_inner(key: str, value: Any) -> Any:
    if key in _MAPS and isinstance(value, Mapping):
        return {name: make_strict(inner) for name, inner in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [make_strict(inner) for inner in value]
    return make_strict(value) if key in ("items", "not") else value


def is_strict(schema: Any) -> bool:
    """Return whether closing the objects is all that a schema lacks: whether it means the same when made strict."""
    if not isinstance(schema, Mapping):
        return True
    if _is_object(schema):
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties or schema.get("additionalProperties"):
            return False
        if set(schema.get("required") or ()) != set(properties):
            return False
    if "patternProperties" in schema or "default" in schema:
        return False
    return all(is_strict(inner) for inner in _inner(schema))


def _inner(schema: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = [schema[key] for key in ("items", "not") if key in schema]
    for key in _MAPS:
        if isinstance(schema.get(key), Mapping):
            found.extend(schema[key].values())
    for key in _LISTS:
        if isinstance(schema.get(key), list):
            found.extend(schema[key])
    return found


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema
