"""Arguments of model objects and calls: spellings, hints for names that people bring along, one value over another."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway.adapters.arguments import check_option_values, merge_options, options_of, rename_arguments
from kilo_gateway.adapters.secrets import hide_key
from kilo_gateway.errors import InvalidRequestError

KNOWN = ("model", "temperature", "tools", "tool_choice", "stop", "api_key", "base_url", "timeout", "extra_body")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("model_name", "model"),
        ("stop_sequences", "stop"),
        ("model_kwargs", "extra_body"),
        ("kilo_api_key", "api_key"),
        ("api_base", "base_url"),
        ("temperature", "temperature"),
    ],
)
def test_other_spellings_mean_the_same(given: str, name: str) -> None:
    """Names that other integrations use are taken for ours."""
    assert rename_arguments({given: 1}, KNOWN, owner="Model") == {name: 1}


def test_a_field_of_that_name_is_itself() -> None:
    """Where a class has a field of another integration's name, the name means the field; its own aliases win."""
    assert rename_arguments({"model_name": "a"}, ["model_name"], owner="Model") == {"model_name": "a"}
    assert rename_arguments({"model": "a"}, ["model_name"], owner="Model", aliases={"model": "model_name"}) == {
        "model_name": "a"
    }


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("temprature", "temperature"),
        ("functions", "tools"),
        ("function_call", "tool_choice"),
        ("openai_api_key", "api_key"),
        ("openai_api_base", "base_url"),
        ("request_timeout", "timeout"),
        ("stream_options", "extra_body"),
        ("modelname", "model_name"),
        ("modle", "model"),
        ("baseUrl", "base_url"),
        ("TEMPERATURE", "temperature"),
    ],
)
def test_an_unknown_name_is_refused_with_what_was_meant(given: str, meant: str) -> None:
    """A misspelt or foreign name is refused by a message with the class, the name and the one that was meant."""
    with pytest.raises(InvalidRequestError, match=f"^Model has no argument '{given}'. Did you mean '{meant}'"):
        rename_arguments({given: 1}, KNOWN, owner="Model")


@pytest.mark.parametrize("given", ["zzzz", "q" * 100_000, "thinking"])
def test_only_names_that_there_are_are_suggested(given: str) -> None:
    """A name like no other, or that means what the class does not have, gets no guess, and a short message."""
    with pytest.raises(InvalidRequestError) as caught:
        rename_arguments({given: 1}, KNOWN, owner="Model")
    assert "Did you mean" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_two_names_of_one_argument() -> None:
    """Two names with two values are refused, in the order they were given; with one value, or None, they are one."""
    with pytest.raises(InvalidRequestError, match=r"^model_name and model are two names of one argument"):
        rename_arguments({"model_name": "a", "model": "b"}, KNOWN, owner="Model")
    assert rename_arguments({"model_name": "a", "model": "a"}, KNOWN, owner="Model") == {"model": "a"}
    assert rename_arguments({"model_name": None, "model": "b"}, KNOWN, owner="Model") == {"model": "b"}
    assert rename_arguments({"model": "b", "model_name": None}, KNOWN, owner="Model") == {"model": "b"}
    assert rename_arguments({"model": None}, KNOWN, owner="Model") == {"model": None}


def test_options_are_read_from_fields_by_their_wire_names() -> None:
    """The field `request_metadata` holds the option `metadata`; what is None or no option is left out."""
    fields = {"request_metadata": {"a": "b"}, "metadata": {"x": "y"}, "seed": 0, "top_p": None, "model": "m"}
    assert options_of(fields) == {"metadata": {"a": "b"}, "seed": 0}


@pytest.mark.parametrize(
    ("own", "said", "expected"),
    [
        ({"seed": 1}, {}, {"seed": 1}),
        ({"seed": 1}, {"seed": 2, "top_k": 3}, {"seed": 2, "top_k": 3}),
        ({"seed": 1}, {"seed": None}, {"seed": None}),
        ({"max_tokens": 5}, {"max_completion_tokens": 6}, {"max_completion_tokens": 6}),
        ({"max_tokens": 5}, {"max_completion_tokens": None}, {"max_tokens": 5, "max_completion_tokens": None}),
        ({"reasoning": "low"}, {"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({"extra_body": {"a": 1, "b": 1}}, {"extra_body": {"b": 2}}, {"extra_body": {"a": 1, "b": 2}}),
        ({"metadata": {"a": "b"}}, {"request_metadata": {"c": "d"}}, {"metadata": {"c": "d"}}),
        ({}, {"timeout": 5, "temprature": 1}, {}),
    ],
)
def test_what_a_call_says_stands_over_the_object(own: Any, said: Any, expected: Any) -> None:
    """A call's option wins, also under its other spelling; `extra_body` of both is merged; None takes one away."""
    before = dict(own)
    assert merge_options(own, said) == expected
    assert own == before


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"temperature": "hot"}, "temperature='hot' is not usable"),
        ({"temprature": 1}, "Did you mean 'temperature'"),
        ({"temperature": float("nan")}, "temperature=nan cannot be sent"),
        ({"reasoning": "hgih"}, "Unknown reasoning level"),
        ({"reasoning": "low", "reasoning_effort": "high"}, "give only one"),
        ({"extra_body": [1]}, "extra_body must be a mapping"),
    ],
)
def test_values_that_the_wire_cannot_take(options: dict[str, Any], text: str) -> None:
    """A value of the wrong kind is refused before pydantic would bend it."""
    with pytest.raises(InvalidRequestError, match=text):
        check_option_values(options)


def test_keys_are_wrapped() -> None:
    """A key does not show in the arguments that a traceback prints; another value stays as it is."""
    hidden = hide_key({"api_key": "very-secret", "kilo_api_key": "very-secret", "model": "m", "timeout": 3})
    assert "very-secret" not in repr(hidden)
    assert (hidden["model"], hidden["timeout"]) == ("m", 3)
