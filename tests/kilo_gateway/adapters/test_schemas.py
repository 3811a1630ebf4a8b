"""Schemas of tools and answers: one rule for strictness, required properties and defaults."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

import pytest
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from kilo_gateway.adapters.schemas import close_schema, is_same_when_closed, render_answer_format
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM
from llama_index_kilo.structured import options_for_instance

MODEL = "openai/gpt-5.2"
T = TypeVar("T")


class Whole(BaseModel):
    """All required."""

    name: str
    kind: Literal["a", "b"]


class Nullable(BaseModel):
    """What may be left out may be null."""

    name: str
    note: str | None = None


class Tree(BaseModel):
    """Holds itself."""

    value: int
    children: list[Tree]


class Defaults(BaseModel):
    """Has defaults that null cannot say."""

    name: str
    count: int = 3
    tags: list[str] = Field(default_factory=list)


class Open(BaseModel):
    """Any keys."""

    table: dict[str, int]


class Anything(BaseModel):
    """Any value."""

    value: Any


class Box(BaseModel, Generic[T]):
    """A generic."""

    value: T


CLASSES = [(Whole, True), (Nullable, True), (Tree, True), (Defaults, False), (Open, False), (Anything, False)]


@pytest.mark.parametrize(("output_cls", "is_strict"), CLASSES)
def test_strictness_unasked(output_cls: type[BaseModel], is_strict: bool) -> None:
    """Unasked, strictness is asked for only where the closed schema says the same; others go as they are."""
    schema = output_cls.model_json_schema()
    assert is_same_when_closed(schema) is is_strict
    wanted = render_answer_format("x", schema)["json_schema"]
    assert wanted.get("strict", False) is is_strict
    assert (wanted["schema"] == schema) is not is_strict


@pytest.mark.parametrize(("output_cls", "is_strict"), CLASSES)
def test_both_adapters_ask_for_an_answer_alike(output_cls: type[BaseModel], is_strict: bool) -> None:
    """The same class has the same strictness, the same required properties and the same defaults in both adapters."""
    langchain: Any = ChatKilo(api_key="k", model=MODEL).with_structured_output(output_cls, method="json_schema")
    one = langchain.first.kwargs["response_format"]["json_schema"]
    request: Any = options_for_instance(KiloLLM(api_key="k", model=MODEL), output_cls, None)
    other = request["response_format"]["json_schema"]
    assert one == other
    assert one.get("strict") == (True if is_strict else None)


def _look(place: str, depth: int = 1) -> str:
    """Look at a place."""
    return f"{place}{depth}"


@pytest.mark.parametrize("strict", [True, False])
def test_both_adapters_render_a_tool_alike(strict: bool) -> None:
    """A strict tool has a closed schema without defaults; another keeps its own."""
    bound: Any = ChatKilo(api_key="k", model=MODEL).bind_tools([_look], strict=strict or None)
    one = bound.kwargs["tools"][0]["function"]
    tool = FunctionTool.from_defaults(_look, name="_look")
    prepared = KiloLLM(api_key="k", model=MODEL)._prepare_chat_with_tools([tool], "x", strict=strict)
    other = prepared["tools"][0]["function"]
    for function in (one, other):
        assert function.get("strict") == (True if strict else None)
        assert function["parameters"]["required"] == (["place", "depth"] if strict else ["place"])
        assert ("default" in function["parameters"]["properties"]["depth"]) is not strict
        assert (function["parameters"].get("additionalProperties") is False) is strict


def test_closing_reaches_every_object() -> None:
    """Asked for, every object is closed, also one that allowed anything; the caller's schema stays as it was."""
    inner = {"anyOf": [{"type": "object", "properties": {"c": {"type": "string"}}}, {"type": "null"}], "default": None}
    schema = {"type": "object", "properties": {"a": {"type": "object"}, "b": inner}}
    closed = close_schema(schema)
    assert closed["required"] == ["a", "b"]
    assert closed["properties"]["a"] == {
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    assert closed["properties"]["b"]["anyOf"][0]["required"] == ["c"]
    assert "default" not in closed["properties"]["b"]
    assert "default" in schema["properties"]["b"]


def test_asked_strictness_is_said() -> None:
    """What the caller says of strictness is sent: True with a closed schema, False with the schema as it is."""
    schema = Defaults.model_json_schema()
    strict = render_answer_format("x", schema, strict=True)["json_schema"]
    assert (strict["strict"], strict["schema"]["required"]) == (True, ["name", "count", "tags"])
    loose = render_answer_format("x", schema, strict=False)["json_schema"]
    assert (loose["strict"], loose["schema"]) == (False, schema)


def test_names_are_made_fit() -> None:
    """The name of a generic class is sent without its brackets, at the most 64 characters of it."""
    schema = Box[int].model_json_schema()
    assert render_answer_format(Box[int].__name__, schema)["json_schema"]["name"] == "Box_int_"
    assert len(render_answer_format("x" * 100, schema)["json_schema"]["name"]) == 64
