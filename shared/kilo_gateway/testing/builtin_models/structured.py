"""Answers as JSON, for `response_format`. Returns JSON text."""

from __future__ import annotations

from typing import Any

import orjson

from kilo_gateway.testing.builtin_models.schema import fill_schema
from kilo_gateway.testing.builtin_models.values import Finder

_ANY_OBJECT = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
"""What is filled where JSON without a schema is asked for."""
_MAX_TEXT = 20_000


def schema_of_format(response_format: Any) -> dict[str, Any] | None:
    """Return the schema that a `response_format` asks for; empty for any object, None when JSON is not asked for."""
    if not isinstance(response_format, dict):
        return None
    if response_format.get("type") == "json_object":
        return {}
    if response_format.get("type") != "json_schema":
        return None
    wrapper = response_format.get("json_schema")
    schema = wrapper.get("schema") if isinstance(wrapper, dict) else None
    return schema if isinstance(schema, dict) else {}


def answer_json(schema: dict[str, Any], text: str, answer: str) -> str:
    """Return JSON text that is valid against the schema, with the text's values; `answer` fills what asks for prose."""
    value = fill_schema(schema or _ANY_OBJECT, Finder(text[-_MAX_TEXT:]), fallback=answer)
    return orjson.dumps(value).decode()
