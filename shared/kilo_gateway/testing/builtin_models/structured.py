"""Answers as JSON: for `response_format`, and for prompts that hold a JSON schema. Returns JSON text."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import orjson

from kilo_gateway.testing.builtin_models.schema import fill_schema
from kilo_gateway.testing.builtin_models.values import Finder

_ASKS_FOR_SCHEMA = re.compile(r"\b(?:json schema|output schema|schema to follow|conforms to the)\b", re.IGNORECASE)
_KEYS = re.compile(r"\b(?:keys?|fields?|propert(?:y|ies))\b[^\n]{0,40}", re.IGNORECASE)
_KEY_NAME = re.compile(r"[\"'`“]([A-Za-z_]\w*)[\"'`”]")
_DECODER = json.JSONDecoder()
_SCALAR = {"type": "string"}
_MAX_TEXT = 20_000
_MAX_PROMPT = 200_000


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


def schema_in_text(text: str) -> tuple[dict[str, Any], str] | None:
    """Return (schema, the text without it) when a prompt holds a JSON schema to follow; the last one counts."""
    if len(text) > _MAX_PROMPT or not _ASKS_FOR_SCHEMA.search(text):
        return None
    found = None
    at = text.find("{")
    while at >= 0:
        end = at + 1
        with contextlib.suppress(ValueError, RecursionError):
            value, end = _DECODER.raw_decode(text, at)
            if isinstance(value.get("properties"), dict):
                found = value, text[:at] + text[end:]
        at = text.find("{", end)
    return found


def answer_json(schema: dict[str, Any], text: str, answer: str) -> str:
    """Return JSON text that is valid against the schema, with the text's values; `answer` fills what asks for prose."""
    if not schema:
        keys = [name for part in _KEYS.findall(text) for name in _KEY_NAME.findall(part)]
        names = list(dict.fromkeys(keys)) or ["answer"]
        schema = {"type": "object", "properties": dict.fromkeys(names, _SCALAR), "required": names}
    value = fill_schema(schema, Finder(text[-_MAX_TEXT:]), fallback=answer)
    return orjson.dumps(value).decode()
