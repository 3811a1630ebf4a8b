"""Types that a structured answer may have besides classes of pydantic: their schema, and what is read of an answer.

Models and providers answer with a JSON object, so a type of another form is asked for inside of one, under one key.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import typing
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticUserError

from kilo_gateway.adapters.objects import find_object, find_value
from kilo_gateway.adapters.schemas import object_schema

KEY = "answer"
"""Where a value stands that is no object."""

_PLAIN_MODULES = frozenset({"builtins", "datetime", "decimal", "uuid"})
"""Modules whose classes pydantic reads from JSON."""
_UNUSABLE = (PydanticUserError, TypeError, ValueError, NameError)
_ROOT_KEYS = ("anyOf", "oneOf", "enum", "const")


@dataclass(frozen=True, slots=True)
class AnswerType:
    """A type that an answer is to have."""

    name: str
    schema: dict[str, Any]
    """Of the object that is asked for."""
    is_inside: bool
    """Whether the value stands under the key inside of that object."""
    adapter: TypeAdapter[Any] | None
    """Makes the value; None for plain JSON."""

    def accept(self, found: Any) -> Any:
        """Return the value in what was found.

        Raises:
            ValueError: it is not of the type; pydantic's is one.
        """
        is_wrapped = self.is_inside and isinstance(found, dict) and found.keys() == {KEY}
        value = found[KEY] if is_wrapped else found
        return value if self.adapter is None else self.adapter.validate_json(json.dumps(value))

    def find(self, text: str) -> Any:
        """Return the JSON value in a text that may be of this type; None when there is none."""
        found = find_value(text) if self.is_inside else None
        return find_object(text) if found is None else found


def parse_answer_type(wanted: Any) -> AnswerType | None:
    """Return the type of an answer; None for what LangChain's own conversion reads, and for what is none.

    These are unions, lists, literals and other annotations, dataclasses, named tuples, enums, plain types, pydantic
    classes whose root is no object, and JSON schemas of such a form.
    """
    if isinstance(wanted, dict):
        return _parse_schema(wanted)
    if not _is_annotation(wanted):
        return None
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(wanted)
        schema = adapter.json_schema()
    except _UNUSABLE:
        return None
    return _make(_name(wanted), schema, adapter)


def _is_annotation(wanted: Any) -> bool:
    if typing.get_origin(wanted) is not None:
        return True
    if not inspect.isclass(wanted):
        return isinstance(wanted, typing.TypeAliasType) if hasattr(typing, "TypeAliasType") else False
    if issubclass(wanted, BaseModel):
        return object_schema(wanted) is None
    is_named_tuple = issubclass(wanted, tuple) and hasattr(wanted, "_fields")
    return (
        dataclasses.is_dataclass(wanted)
        or is_named_tuple
        or issubclass(wanted, Enum)
        or wanted.__module__ in _PLAIN_MODULES
    )


def _parse_schema(schema: dict[str, Any]) -> AnswerType | None:
    kind = schema.get("type")
    has_other_root = kind not in (None, "object", "function", "json_schema") if isinstance(kind, str) else bool(kind)
    if "properties" in schema or "name" in schema or not (has_other_root or any(key in schema for key in _ROOT_KEYS)):
        return None
    return _make(str(schema.get("title") or KEY), schema, None)


def _make(name: str, schema: dict[str, Any], adapter: TypeAdapter[Any] | None) -> AnswerType:
    definitions = schema.get("$defs") or {}
    bare = {key: value for key, value in schema.items() if key != "$defs"}
    root = bare.get("$ref")
    if isinstance(root, str) and root.rpartition("/")[2] in definitions:
        bare = definitions[root.rpartition("/")[2]]
    if bare.get("type") == "object":
        return AnswerType(name, {**bare, **({"$defs": definitions} if definitions else {})}, False, adapter)
    inside: dict[str, Any] = {"type": "object", "properties": {KEY: bare}, "required": [KEY]}
    return AnswerType(name, {**inside, **({"$defs": definitions} if definitions else {})}, True, adapter)


def _name(wanted: Any) -> str:
    return wanted.__name__ if inspect.isclass(wanted) and typing.get_origin(wanted) is None else KEY
