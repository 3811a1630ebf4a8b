"""JSON schemas of tools and answers, as most models take them. Never changes what it is given.

Providers that hold an answer to its schema, `strict`, take closed schemas only: every object names all its properties
as required and allows no others, and nothing has a default. So strictness is asked for where the caller wants it, and
unasked only where the closed schema says the same: where whatever may be left out may be null instead, and is null by
default. Any other schema goes as it is, without `strict`, which every model takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "definitions")
_SINGLES = ("items", "not")

_FORMS = frozenset({"type", "anyOf", "$ref", "enum", "const", "allOf"})
"""Keys of which one says what a value may be; a schema without any allows everything."""
_NOT_STRICT = frozenset({"oneOf", "discriminator", "patternProperties", "prefixItems", "not"})
"""Keys that strictness has no form of."""

_LONGEST_NAME = 64
"""Characters of the name of a schema."""


def render_answer_format(
    name: str, schema: Mapping[str, Any], *, description: str | None = None, strict: bool | None = None
) -> dict[str, Any]:
    """Return the `response_format` that asks for an object of the schema."""
    is_strict = is_same_when_closed(schema) if strict is None else strict
    wanted: dict[str, Any] = {
        "name": re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST_NAME] or "answer",
        "schema": close_schema(schema) if is_strict else schema,
    }
    if description:
        wanted["description"] = description
    if is_strict or strict is not None:
        wanted["strict"] = is_strict
    return {"type": "json_schema", "json_schema": wanted}


def render_function(function: Mapping[str, Any], *, strict: bool | None) -> dict[str, Any]:
    """Return the function of a tool with `strict` as asked for: the parameters are closed where it is True."""
    if strict is None:
        return dict(function)
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return {**function, "strict": strict, "parameters": close_schema(parameters) if strict else parameters}


def object_schema(cls: type[BaseModel]) -> dict[str, Any] | None:
    """Return the schema of a class with an object at its root; None for any other root, which cannot be asked for."""
    schema = cls.model_json_schema()
    root = schema.get("$ref")
    if isinstance(root, str):  # a class that refers to itself
        schema = {**schema["$defs"][root.rpartition("/")[2]], "$defs": schema["$defs"]}
    return schema if schema.get("type") == "object" else None


def recursive_schema(cls: Any) -> dict[str, Any] | None:
    """Return the schema of a pydantic class in which a type holds itself; None for any other thing.

    Both frameworks lose what is in such a type when they write a schema by their own rules.
    """
    if not (isinstance(cls, type) and hasattr(cls, "model_json_schema")):
        return None
    schema = object_schema(cls)
    held = {} if schema is None else {name: _names_in(inner) for name, inner in (schema.get("$defs") or {}).items()}
    return schema if any(_is_within(name, names, held) for name, names in held.items()) else None


def _names_in(schema: Any) -> set[str]:
    """Return the names of the types to which a schema refers."""
    if isinstance(schema, Mapping):
        own = {ref.rpartition("/")[2]} if isinstance(ref := schema.get("$ref"), str) else set()
        return own.union(*map(_names_in, schema.values()))
    return set().union(*map(_names_in, schema)) if isinstance(schema, list) else set()


def _is_within(name: str, names: set[str], held: Mapping[str, set[str]]) -> bool:
    """Whether a type is among others, or among those that they hold."""
    seen: set[str] = set()
    while names - seen:
        if name in names:
            return True
        seen |= names
        names = set().union(*(held.get(one, set()) for one in names))
    return False


def close_schema(schema: Any) -> Any:
    """Return the schema with every object closed, all its properties required, and no defaults."""
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:  # strictness takes no key beside it
        return {key: _close_inner(key, value) for key, value in schema.items() if key in ("$ref", "$defs")}
    closed = {key: _close_inner(key, value) for key, value in schema.items() if key != "default"}
    if _is_object(closed):
        closed.setdefault("properties", {})
        closed |= {"required": list(closed["properties"]), "additionalProperties": False}
    return closed


def _close_inner(key: str, value: Any) -> Any:
    if key in _MAPS and isinstance(value, Mapping):
        return {name: close_schema(inner) for name, inner in value.items()}
    if key in _LISTS and isinstance(value, list):
        return [close_schema(inner) for inner in value]
    return close_schema(value) if key in _SINGLES else value


def is_same_when_closed(schema: Any) -> bool:
    """Return whether the schema, made closed, has the same meaning."""
    if not isinstance(schema, Mapping) or _FORMS.isdisjoint(schema) or not _NOT_STRICT.isdisjoint(schema):
        return False
    if _is_object(schema):
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties or schema.get("additionalProperties"):
            return False
        optional = properties.keys() - set(schema.get("required") or ())
        if not all(_is_null_by_default(properties[name]) for name in optional):
            return False
    return all(is_same_when_closed(inner) for inner in _inner_schemas(schema))


def _inner_schemas(schema: Mapping[str, Any]) -> list[Any]:
    found = [schema[key] for key in _SINGLES if key in schema]
    for key in _MAPS:
        if isinstance(schema.get(key), Mapping):
            found.extend(schema[key].values())
    for key in _LISTS:
        if isinstance(schema.get(key), list):
            found.extend(schema[key])
    return found


def _is_null_by_default(schema: Any) -> bool:
    if not isinstance(schema, Mapping) or schema.get("default", ...) is not None:
        return False
    kind = schema.get("type")
    choices = schema.get("anyOf")
    is_null = kind == "null" or (isinstance(kind, list) and "null" in kind)
    return is_null or (isinstance(choices, list) and {"type": "null"} in choices)


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema
