"""What may be typed as `--schema`, and which answers fit it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kilo_gateway.cli.schema_text import find_misfit, parse_schema


def test_the_concise_form() -> None:
    """Fields by comma, each with a type, a description and a mark for optional ones; none is added."""
    assert parse_schema("name, age int, nick? str, tags str[]: what it is about") == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "nick": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}, "description": "what it is about"},
        },
        "required": ["name", "age", "tags"],
        "additionalProperties": False,
    }


def test_fields_by_line() -> None:
    """Where there are lines, a comma is part of a description, and blank lines do not matter."""
    schema = parse_schema("name: first, then last\n\nscore float\nok bool\n")
    assert schema["properties"]["name"] == {"type": "string", "description": "first, then last"}
    assert [field["type"] for field in schema["properties"].values()] == ["string", "number", "boolean"]


def test_files_and_json(tmp_path: Path) -> None:
    """A file that is there is read whatever its name, and JSON is taken as it is."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    path = tmp_path / "label"
    path.write_text(json.dumps(schema))
    assert parse_schema(str(path)) == parse_schema(json.dumps(schema)) == schema


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no field"),
        (" , ", "names no field"),
        ("a, a int", "'a' is there twice"),
        ("a text", "'text' is no type"),
        ("a int b", "is no field"),
        (": nothing", "is no field"),
        ("a []", "'' is no type"),
        ("none.json", "No such file"),
        ("{", "not JSON"),
        ('{"type": "thing"}', "no JSON Schema"),
        ('{"properties": []}', "no JSON Schema"),
        ('{"type": "string", "pattern": "("}', "no JSON Schema"),
        ('{"$ref": "#/$defs/none"}', "leads to nothing"),
        ('{"$ref": "http://127.0.0.1:9/schema"}', "leads to nothing"),
        ("5 int", "is no field"),
        ("[] int", "is no field"),
    ],
)
def test_what_is_no_schema(text: str, said: str) -> None:
    """What cannot be used is said in a sentence."""
    with pytest.raises(ValueError, match=r".") as refused:
        parse_schema(text)
    assert said in str(refused.value)


def test_answers_that_fit_and_that_do_not() -> None:
    """An answer fits with a fence around it, too; one that does not says where and why."""
    schema = parse_schema("age int")
    assert find_misfit(schema, '{"age": 4}') is None
    assert find_misfit(schema, '```json\n{"age": 4}\n```\n') is None
    assert find_misfit(schema, '{"age": "4"}') == "$.age: '4' is not of type 'integer'"
    assert find_misfit(schema, "{}") == "$: 'age' is a required property"
    assert find_misfit(schema, '{"age": 4') == "it is not JSON"
