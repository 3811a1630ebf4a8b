"""The schema of an answer: as typed, alone or for a list, and whether the answer fits it."""

from __future__ import annotations

from typing import Any

from kilo_gateway.cli.chat.fences import fenced_blocks
from kilo_gateway.cli.schema_text import find_misfit, parse_schema
from kilo_gateway.cli.statuses import wrong_usage
from kilo_gateway.jsontext import loads, without_fence


def read_schema(text: str, *, is_multi: bool = False) -> dict[str, Any]:
    """Return the JSON Schema that a text means; `is_multi` makes it one of a list, `{"items": [...]}`.

    Raises:
        CommandError: it means none; says why.
    """
    try:
        schema = parse_schema(text)
    except ValueError as flaw:
        raise wrong_usage(f'The schema cannot be used: {flaw}. Write fields as "name, age int", or JSON.') from None
    return _listed(schema) if is_multi else schema


def render_format(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `response_format` that asks for it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


def _listed(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list of such answers; what `$ref` leads to stays at the root."""
    shared: dict[str, Any] = {key: schema[key] for key in ("$defs", "definitions", "$schema") if key in schema}
    item = {key: value for key, value in schema.items() if key not in shared}
    return {
        **_moved(shared),
        "type": "object",
        "properties": {"items": {"type": "array", "items": _moved(item)}},
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
    for candidate in (without_fence(text), *fenced_blocks(text)):
        try:
            value = loads(candidate)
        except ValueError:
            continue
        misfit = find_misfit(schema, candidate)
        if misfit is not None:
            raise ValueError(f"does not fit the schema: {misfit}")
        return candidate.strip(), value
    raise ValueError("is not JSON")
