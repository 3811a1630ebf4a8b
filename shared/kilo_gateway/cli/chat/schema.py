"""The schema of an answer: a file, JSON, or the short form `name, age int`. Checked before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.statuses import wrong_usage
from kilo_gateway.jsontext import loads

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_FIELD: Final = re.compile(r"(?P<name>[^\s:?]+)(?P<optional>\?)?(?:\s+(?P<type>[^\s:]+))?\s*(?::\s*(?P<said>.*))?")
_NAME: Final = re.compile(r"[^\W\d][\w-]*")
_HELP: Final = "Write fields as name, name type or name type: description, with types str, int, float, bool."


def read_schema(text: str, *, is_multi: bool = False) -> dict[str, Any]:
    """Return the JSON Schema that a text means; `is_multi` makes it one of a list, `{"items": [...]}`.

    Raises:
        CommandError: it means none; says why.
    """
    schema = _read(text)
    _check(schema)
    return _listed(schema) if is_multi else schema


def render_format(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `response_format` that asks for it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _read(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        return _parse(text, "The schema")
    if text.endswith(".json") or (text.strip() and _is_file(text)):
        try:
            return _parse(Path(text).read_text(encoding="utf-8-sig"), f"The schema in {text}")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise wrong_usage(f"The schema {text} cannot be read: {reason}. Check the path.") from None
    return parse_fields(text)


def _is_file(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # too long for a path, or with a NUL
        return False


def _parse(text: str, what: str) -> dict[str, Any]:
    try:
        schema = loads(text)
    except ValueError as error:
        raise wrong_usage(f"{what} is not JSON: {error}. {_HELP}") from None
    if not isinstance(schema, dict):
        raise wrong_usage(f"{what} is no JSON object. {_HELP}")
    return schema


def parse_fields(text: str) -> dict[str, Any]:
    """Return the schema of the short form: fields by line, or by comma on one line.

    Raises:
        CommandError: a field without a name, a name twice, an unknown type.
    """
    lines = [line for line in text.splitlines() if line.strip()] if "\n" in text.strip() else text.split(",")
    properties: dict[str, Any] = {}
    required: list[str] = []
    for name, is_optional, schema in (_parse_field(line.strip().rstrip(",")) for line in lines):
        if name in properties:
            raise wrong_usage(f"The schema names {name!r} twice. {_HELP}")
        properties[name] = schema
        if not is_optional:
            required.append(name)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _parse_field(text: str) -> tuple[str, bool, dict[str, Any]]:
    found = _FIELD.fullmatch(text)
    if found is None or not _NAME.fullmatch(found["name"]):
        raise wrong_usage(f"The schema's field {text!r} has no usable name. {_HELP}")
    word = found["type"] or "str"
    kind = _TYPES.get(word.removesuffix("[]"))
    if kind is None:
        raise wrong_usage(f"The schema's type {word!r} is unknown. {_HELP}")
    schema: dict[str, Any] = {"type": kind}
    if word.endswith("[]"):
        schema = {"type": "array", "items": schema}
    if found["said"]:
        schema["description"] = found["said"].strip()
    return found["name"], found["optional"] is not None, schema


def _check(schema: dict[str, Any]) -> None:
    from jsonschema import (  # type: ignore[import-untyped] # noqa: PLC0415 - for schemas only
        Draft202012Validator,
        SchemaError,
    )
    from referencing.exceptions import Unresolvable  # noqa: PLC0415

    try:
        Draft202012Validator.check_schema(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        resolver = _registry().resolver_with_root(_resource(schema))
        for reference in _references(schema):
            resolver.lookup(reference)
    except SchemaError as error:
        place = "/".join(map(str, error.absolute_path))
        raise wrong_usage(
            f"This is no JSON Schema: {error.message}{f' (at {place})' if place else ''}. Mend it."
        ) from None
    except Unresolvable as error:
        raise wrong_usage(f"The schema refers to {error.ref}, which is not in it. Mend the $ref.") from None
    except RecursionError:
        raise wrong_usage("The schema is nested too deep. Make it flatter.") from None


def _registry() -> Any:
    from referencing import Registry  # noqa: PLC0415 - for schemas only

    return Registry()


def _resource(schema: dict[str, Any]) -> Any:
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415 - for schemas only

    return DRAFT202012.create_resource(schema)


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _listed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list of such objects; what `$ref` leads to stays at the root."""
    shared: dict[str, Any] = {key: schema[key] for key in ("$defs", "definitions", "$schema") if key in schema}
    item = {key: value for key, value in schema.items() if key not in shared}
    items = {"type": "array", "items": _moved(item)}
    moved = {key: value if key == "$schema" else _moved(value) for key, value in shared.items()}
    return {
        **moved,
        "type": "object",
        "properties": {"items": items},
        "required": ["items"],
        "additionalProperties": False,
    }


def _moved(value: Any) -> Any:
    """Return the value with references to the old root leading to where it is now."""
    if isinstance(value, dict):
        return {key: _moved_reference(inner) if key == "$ref" else _moved(inner) for key, inner in value.items()}
    return [_moved(inner) for inner in value] if isinstance(value, list) else value


def _moved_reference(reference: Any) -> Any:
    stays = not isinstance(reference, str) or not reference.startswith("#")
    if stays or reference.startswith(("#/$defs/", "#/definitions/")):
        return reference
    return f"#/properties/items/items{reference[1:]}"


def fit_answer(text: str, schema: dict[str, Any]) -> tuple[str, Any]:
    """Return the JSON in an answer, without a fence around it, as text and as a value.

    Raises:
        ValueError: there is none, or it does not fit; says why.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - for schemas only
    from jsonschema.exceptions import best_match  # type: ignore[import-untyped] # noqa: PLC0415

    from kilo_gateway.cli.chat.fences import fenced_blocks  # noqa: PLC0415

    for candidate in (text.strip(), *fenced_blocks(text)):
        try:
            value = loads(candidate)
        except ValueError:
            continue
        validator = Draft202012Validator(schema, registry=_registry())
        flaw = best_match(validator.iter_errors(value))
        if flaw is None:
            return candidate.strip(), value
        place = "/".join(map(str, flaw.absolute_path))
        raise ValueError(f"does not fit the schema: {flaw.message}{f' (at {place})' if place else ''}")
    raise ValueError("is not JSON")
