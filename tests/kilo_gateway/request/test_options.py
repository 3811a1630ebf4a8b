"""Options: their names, what their values must be, and the help that a wrong one gets."""

from __future__ import annotations

import types
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, KiloClient
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.request.option_checks import check_options, unknown_option
from kilo_gateway.request.options import EMBEDDING_OPTIONS, OPTIONS, SHAPED, EmbeddingOptions, RequestOptions

USABLE: dict[str, list[Any]] = {
    "a number": [0, 1, 0.5, -1],
    "a whole number": [0, 1, 2**36],
    "true or false": [True, False],
    "text": ["", "x"],
    "a mapping": [{}, {"a": 1}, types.MappingProxyType({})],
    "a list": [[], [1], (1, 2)],
    "anything": [0, "x", [], {}, False],
}
UNUSABLE: dict[str, list[Any]] = {
    "a number": [True, "1", [], {}, b"1", 1j],
    "a whole number": [True, 1.0, 1.5, "1", []],
    "true or false": [0, 1, "true", []],
    "text": [5, True, b"x", ["x"]],
    "a mapping": ["{}", [], 5, True, [("a", 1)]],
    "a list": ["x", {}, 5, True, {1}],
    "anything": [],
}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_that_the_gateway_takes_for_an_outage_is_refused(name: str) -> None:
    """More than 99999999999 tokens would be answered with 503, as if the gateway were out of order."""
    assert check_options({name: 99_999_999_999}) == {name: 99_999_999_999}
    with pytest.raises(InvalidRequestError, match=f"{name}=100000000000 is more than"):
        check_options({name: 100_000_000_000})


@pytest.mark.parametrize("name", OPTIONS)
def test_usable_values_are_kept(name: str) -> None:
    """Every option takes the values of its kind, falsy ones too, as they are."""
    for value in USABLE[OPTIONS[name]]:
        given = check_options({name: value})
        assert given == {name: value}
        assert given[name] is value


@pytest.mark.parametrize("name", OPTIONS)
def test_values_of_the_wrong_kind_are_refused(name: str) -> None:
    """A value of another kind is refused by a message with the name, the value and the kind."""
    for value in UNUSABLE[OPTIONS[name]]:
        with pytest.raises(InvalidRequestError, match=rf"^{name}=.* it must be {OPTIONS[name]}\.") as caught:
            check_options({name: value}, model="m/x")
        assert caught.value.model == "m/x"
        assert isinstance(caught.value, ValueError)


def test_none_means_not_given() -> None:
    """An option of None is left out, whatever its name; the input stays as it was."""
    options = types.MappingProxyType({**dict.fromkeys(OPTIONS), "temprature": None, "seed": 0})
    assert check_options(options) == {"seed": 0}


def test_a_long_value_is_shortened() -> None:
    """A refused value is quoted in a few words, however long it is."""
    with pytest.raises(InvalidRequestError) as caught:
        check_options({"temperature": "x" * 10_000_000})
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("temprature", "temperature"),
        ("max_token", "max_tokens"),
        ("max_completion_token", "max_completion_tokens"),
        ("topp", "top_p"),
        ("toolchoice", "tool_choice"),
        ("responseformat", "response_format"),
        ("reasoning_efort", "reasoning_effort"),
        ("extrabody", "extra_body"),
        ("providerOptions", "provider"),
        ("functions", "tools"),
        ("function_call", "tool_choice"),
        ("stop_sequences", "stop"),
        ("max_output_tokens", "max_tokens"),
        ("thinking", "reasoning"),
        ("stream_options", "extra_body"),
    ],
)
def test_unknown_option_names_the_nearest(name: str, nearest: str) -> None:
    """A misspelt or foreign name is refused, never dropped; the message has the nearest name and the way out."""
    with pytest.raises(InvalidRequestError) as caught:
        check_options({name: 1}, also=("reasoning", "reasoning_effort", "extra_body"), model="m/x")
    text = str(caught.value)
    assert text.startswith(f"There is no option {name!r}. Did you mean {nearest!r}?")
    assert text.endswith("goes into extra_body.")
    assert caught.value.model == "m/x"


@pytest.mark.parametrize("name", ["zzzzzz", "", "q" * 100_000, "\ud800", 5])
def test_unknown_option_without_a_neighbour(name: Any) -> None:
    """A name like no other gets no guess, and a short message."""
    with pytest.raises(InvalidRequestError) as caught:
        check_options({name: 1})
    assert "Did you mean" not in str(caught.value)
    assert len(str(caught.value)) < 200


def test_only_known_names_are_suggested() -> None:
    """The suggestion comes from the names that are given."""
    assert "Did you mean 'alpha'?" in unknown_option("alpa", ["alpha", "beta"])
    assert "Did you mean" not in unknown_option("temprature", [])


@pytest.mark.parametrize("name", ["model", "messages", "stream", "reasoning", "reasoning_effort", "extra_body"])
def test_what_has_its_own_rule_is_no_plain_option(name: str) -> None:
    """Names that are shaped by a rule, or are arguments, are not in the table."""
    assert name not in OPTIONS


def test_options_that_a_rule_shapes_stand_in_the_table_of_types_alone() -> None:
    """Reasoning and `extra_body` are options to whoever types them, and no plain ones to who checks values."""
    assert SHAPED == ("reasoning", "reasoning_effort", "extra_body")
    assert {*OPTIONS, *SHAPED} == set(RequestOptions.__annotations__)
    assert {*EMBEDDING_OPTIONS, "extra_body"} == set(EmbeddingOptions.__annotations__)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("temperature", "a number"),
        ("max_tokens", "a whole number"),
        ("logprobs", "true or false"),
        ("verbosity", "text"),
        ("metadata", "a mapping"),
        ("tools", "a list"),
        ("stop", "anything"),
        ("tool_choice", "anything"),
    ],
)
def test_what_a_value_must_be_follows_from_its_type(name: str, kind: str) -> None:
    """The type of a row says what is refused at run time, so that neither can differ from the other."""
    assert OPTIONS[name] == kind


@pytest.mark.parametrize("method", [KiloClient.complete, KiloClient.stream, AsyncKiloClient.complete])
def test_calls_take_the_options_of_the_table(method: Any) -> None:
    """What type checkers know of a call's options is the table itself; embeddings have their own."""
    assert method.__annotations__["options"] == "Unpack[RequestOptions]"
    assert KiloClient.embed.__annotations__["options"] == "Unpack[EmbeddingOptions]"
