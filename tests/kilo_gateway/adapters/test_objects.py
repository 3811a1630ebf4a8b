"""The JSON object in what a model wrote: one reader for both adapters."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from kilo_gateway.adapters.objects import find_object, find_partial_object, make_instance, render_arguments
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.testing import EmbeddedGateway, Reply
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM

TEXTS = [
    '{"name": "Ann"}',
    ' \n{"name": "Ann"}\n',
    '```json\n{"name": "Ann"}\n```',
    'Here it is:\n```\n{"name": "Ann"}\n```\nBye {all}.',
    '{"name": "Ann"} (see {1})',
    'In {braces} and {x: 1}: {"name": "Ann"} and {"name": "Bob"}',
    'f() { return } {\n "name": "Ann" }',
    '<think>{"name": "no"}</think>{"name": "Ann"}',
    '\n<thinking>Say {"name": "no"}.</thinking>\n\n```json\n{"name": "Ann"}\n```',
    'Perhaps {"name": "no"}.\n</think>\n{"name": "Ann"}',
    '"{\\"name\\": \\"Ann\\"}"',
    '{"name": "Ann",}',
    'Here: {"name": "Ann" , } and {more,}',
    '```json\n{\n  "name": "Ann",\n}\n```',
    '[{"name": "Ann"}]',
    'Here: [{"name": "Ann",},]',
]


@pytest.mark.parametrize("text", TEXTS)
def test_found_among_other_words(text: str) -> None:
    """The first object is found alone, in a fence, or among other words and braces."""
    assert find_object(text) == {"name": "Ann"}


def test_words_of_thought_inside_the_answer_are_the_answer() -> None:
    """What looks like the end of thoughts within an object is text of it."""
    assert find_object('{"a": "x</think>y"}') == {"a": "x</think>y"}


@pytest.mark.parametrize(
    "text",
    [
        '<think>{"a": 1}',
        '"{\\"a\\": 1"',
        "",
        "no",
        "[1]",
        '{"a": {"b": 1}, "c',
        '["a", {"b": 1}]',
        "{x}",
        '{"a" 1}',
        '{"a": 1,',
        '{"a": 1,,}',
        "[{}, {}]",
    ],
)
def test_nothing_is_completed(text: str) -> None:
    """No object, a cut-off one, and one inside a list are none; an inner object never stands for its outer one."""
    assert find_object(text) is None


def test_commas_in_strings_are_text() -> None:
    """Only a comma outside of strings is left out."""
    assert find_object('{"a": ",}", "b": ["\\",]",],}') == {"a": ",}", "b": ['",]']}


def test_line_breaks_in_strings() -> None:
    """A bare line break within a string, which JSON forbids and models write, is read."""
    assert find_object('{"a": "x\ny"}') == {"a": "x\ny"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Sure", None),
        ("Sure: {", None),
        ('Sure: {"na', {}),
        ('```json\n{"name": "An', {"name": "An"}),
        ('{"name": "Ann"} and', {"name": "Ann"}),
        ('<think>{"name": "no"}', None),
        ('<think>{"name": "no"}</think>{"name": "An', {"name": "An"}),
    ],
)
def test_what_has_arrived(text: str, found: dict[str, Any] | None) -> None:
    """Of an object that is still arriving there is what can be read so far."""
    assert find_partial_object(text) == found


class Strict(BaseModel):
    """Takes no text for a date, unless it comes from JSON."""

    model_config = ConfigDict(strict=True)

    day: date


def test_a_strict_class_reads_json() -> None:
    """What JSON has no type for is read from its JSON form, also by a strict class."""
    assert make_instance(Strict, {"day": "2026-01-02"}).day == date(2026, 1, 2)


class Person(BaseModel):
    """A person."""

    name: str


@pytest.mark.parametrize("text", TEXTS[3:5])
def test_both_adapters_read_alike(text: str) -> None:
    """The same text is the same instance in both adapters."""
    from llama_index.core.prompts import PromptTemplate

    with EmbeddedGateway() as gateway:
        gateway.enqueue(Reply(text=text, times=2))
        facts: dict[str, Any] = {"api_key": gateway.api_key, "base_url": gateway.base_url, "model": "openai/gpt-5.2"}
        chain = ChatKilo(**facts).with_structured_output(Person, method="json_schema")
        assert chain.invoke("x") == Person(name="Ann")
        assert KiloLLM(**facts).structured_predict(Person, PromptTemplate("x")) == Person(name="Ann")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [({"a": 1}, '{"a":1}'), ({}, "{}"), (None, "{}"), ("", "{}"), ("  ", "{}"), ('{"a": 1}', '{"a": 1}'), ("{", "{")],
)
def test_arguments_of_a_history_are_json_text(arguments: Any, text: str) -> None:
    """Objects become JSON, nothing an empty object, and text stays to the letter."""
    assert render_arguments(arguments, name="f") == text


@pytest.mark.parametrize("arguments", [{"a": float("nan")}, {"a": [1, {"b": float("inf")}]}])
def test_arguments_that_json_cannot_carry(arguments: Any) -> None:
    """NaN and infinity are refused with the tool's name; they would arrive as null."""
    with pytest.raises(InvalidRequestError, match=r"The arguments of 'f' cannot be sent: .*finite numbers only"):
        render_arguments(arguments, name="f")


def test_a_long_string_that_was_cut_off_is_looked_through_once() -> None:
    """Code that was cut off within JSON is full of escaped quotes, none of which takes a look of its own."""
    text = '{"code": "' + r"say \"a\", " * 8_000
    began = time.process_time()
    assert find_object(text) is None
    assert time.process_time() - began < 5  # of 50 and more where every quote is tried
