"""What `--schema` may be: a file, JSON, or the concise form `name, age int, tags str[]: what it says`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.jsontext import without_fence

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_FIELD: Final = re.compile(
    r"(?P<name>[^\s:?]+)(?P<optional>\?)?(?:\s+(?P<type>[^\s:]+))?\s*(?::\s*(?P<about>.*))?", re.DOTALL
)

_NAME: Final = re.compile(r"[^\W\d][\w-]*")


def parse_schema(text: str) -> dict[str, Any]:
    """Return the JSON Schema that a user means.

    Raises:
        ValueError: a sentence on what cannot be used, for the user.
    """
    stripped = text.strip()
    if stripped.startswith("{"):
        return _checked(_parse_json(stripped))
    path = Path(text)
    if text.endswith(".json") or _is_file(path):
        try:
            return _checked(_parse_json(path.read_text(encoding="utf-8-sig")))
        except OSError as error:
            raise ValueError(f"{text}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{text} is not UTF-8") from None
    return _parse_concise(stripped)


def find_misfit(schema: dict[str, Any], text: str) -> str | None:
    """Return why an answer does not fit a schema; None for one that fits. A fence around its JSON does not matter."""
    import jsonschema  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import

    try:
        value = json.loads(without_fence(text))
    except (ValueError, RecursionError):
        return "it is not JSON"
    found = next(jsonschema.validators.validator_for(schema)(schema).iter_errors(value), None)
    return None if found is None else f"{found.json_path}: {found.message}"


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def _checked(schema: Any) -> dict[str, Any]:
    import jsonschema  # noqa: PLC0415 - slow to import

    if not isinstance(schema, dict):
        raise ValueError("a JSON Schema is an object")  # noqa: TRY004 - the value is the user's
    validator = jsonschema.validators.validator_for(schema)
    try:
        validator.check_schema(schema, format_checker=validator.FORMAT_CHECKER)
        _check_references(schema)
    except jsonschema.SchemaError as error:
        raise ValueError(f"no JSON Schema: {error.message}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return schema


def _check_references(schema: dict[str, Any]) -> None:
    """Refuse what leads out of the schema: nothing is fetched, neither now nor for an answer."""
    from referencing import Registry  # noqa: PLC0415 - slow to import
    from referencing.exceptions import Unresolvable  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    empty: Registry[Any] = Registry()
    resolver = empty.resolver_with_root(DRAFT202012.create_resource(schema))
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise ValueError(f"its $ref {reference!r} leads to nothing in it") from None


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _parse_concise(text: str) -> dict[str, Any]:
    fields = [part.strip() for part in text.split("\n" if "\n" in text else ",")]
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field in filter(None, fields):
        found = _FIELD.fullmatch(field.rstrip(","))
        if found is None or not _NAME.fullmatch(found["name"]):
            raise ValueError(f"{field!r} is no field: write `name`, `name type` or `name type: description`")
        name = found["name"]
        if name in properties:
            raise ValueError(f"the field {name!r} is there twice")
        properties[name] = _render_type(found["type"] or "str")
        if found["about"]:
            properties[name]["description"] = found["about"].strip()
        if not found["optional"]:
            required.append(name)
    if not properties:
        raise ValueError("it names no field")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _render_type(word: str) -> dict[str, Any]:
    if word.endswith("[]"):
        return {"type": "array", "items": _render_type(word[:-2])}
    if word not in _TYPES:
        raise ValueError(f"{word!r} is no type: there are {', '.join(_TYPES)}, and `[]` behind one makes a list")
    return {"type": _TYPES[word]}
