"""Calls that cannot be made as they are: refused before the network, each with a ValueError that says why."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, InvalidSettingError, KiloClient, Settings, SetupError
from kilo_gateway.settings.settings import ROWS

ASK = [{"role": "user", "content": "Hello"}]
BOTH = pytest.mark.parametrize("cls", [KiloClient, AsyncKiloClient])
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    ([], {}, "message"),
    ("Hello", {}, "message"),
    ([7], {}, r"messages\[0\]"),
    ([{"content": "no role"}], {}, r"messages\[0\]"),
    (ASK, {"temperature": math.nan}, "temperature"),
    (ASK, {"temperature": math.inf}, "temperature"),
    (ASK, {"extra_body": {"nested": [{"x": -math.inf}]}}, "nested"),
    (ASK, {"temprature": 0}, "temperature"),
    (ASK, {"max_tokens": "many"}, "max_tokens"),
    (ASK, {"model": ""}, "model"),
    (ASK, {"model": "  "}, "model"),
    (ASK, {"model": "kilocode/"}, "model"),
    (ASK, {"model": 7}, "model"),
    (ASK, {"extra_body": {"stream": True}}, "stream"),
    (ASK, {"extra_headers": {"Content-Length": "3"}}, "Content-Length"),
    (ASK, {"extra_headers": ["X-A: b"]}, "extra_headers"),
    ([{"role": "user", "content": {1, 2}}], {}, "set"),
]


@SHAPES
def test_refused_before_the_network(connect: Any, gateway: Any, stream: bool) -> None:
    """What cannot be sent is a SetupError, which is a ValueError, and no request is made."""
    session = connect()
    for messages, options, said in REFUSED:
        with pytest.raises(SetupError, match=said):
            session.client.stream(messages, **options) if stream else session.complete(messages, **options)
    assert gateway.requests == []


@BOTH
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temprature": 0}, "temprature"),
        ({"temperature": 0}, r"write complete\(messages, temperature=...\)"),
        ({"modle": "a/b"}, "Did you mean 'model'"),
        ({"apikey": "k"}, "api_key"),
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": "many"}, "max_retries"),
        ({"model": " "}, "model"),
        ({"discover": "sometimes"}, "discover"),
        ({"default_headers": "X: y"}, "default_headers"),
    ],
    ids=repr,
)
def test_arguments_of_a_client(cls: Any, arguments: Any, said: str) -> None:
    """A misspelt or impossible argument is refused when the client is made, and named."""
    with pytest.raises(SetupError, match=said):
        cls(**{"api_key": "k" * 20, **arguments})


@BOTH
def test_a_model_without_its_name_says_what_to_write(cls: Any) -> None:
    """`KiloClient("x")` is told how arguments are given; what may be a key is not shown."""
    with pytest.raises(InvalidSettingError, match=rf"^{cls.__name__} takes settings or named arguments"):
        cls("openai/gpt-5-mini")


@BOTH
def test_the_signature_names_every_setting(cls: Any) -> None:
    """`?` and completion show each setting by name, with its type."""
    parameters = inspect.signature(cls).parameters
    assert [*parameters] == ["settings", "http_client", *ROWS]
    assert parameters["max_retries"].annotation == "int | None"


@BOTH
def test_settings_are_given_one_way(cls: Any) -> None:
    """Settings made before and arguments beside them are refused, not silently dropped."""
    with pytest.raises(InvalidSettingError, match="max_retries"):
        cls(Settings(api_key="k" * 20), max_retries=0)


@pytest.mark.parametrize("variable", ["KILOCODE_TIMEOUT", "KILOCODE_MAX_RETRIES", "KILOCODE_BASE_URL"])
@BOTH
def test_variables_are_checked_like_arguments(cls: Any, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with an impossible value is refused under its own name."""
    monkeypatch.setenv(variable, "abc")
    with pytest.raises(InvalidSettingError, match=variable.removeprefix("KILOCODE_").lower() + f"|{variable}"):
        cls(api_key="k" * 20)


def test_messages_are_not_changed(connect: Any) -> None:
    """The caller's messages and options come out of a call as they went in."""
    messages = [{"role": "developer", "content": [{"type": "text", "text": "Hi"}]}, *ASK]
    tools: list[Any] = []
    connect().complete(messages, tools=tools, stop="x")
    assert messages == [{"role": "developer", "content": [{"type": "text", "text": "Hi"}]}, *ASK]
    assert tools == []


def test_lone_surrogates_do_not_break_a_call(connect: Any, gateway: Any) -> None:
    """Half of a surrogate pair in the prompt is left out, for UTF-8 cannot carry it."""
    connect().complete([{"role": "user", "content": "a\ud83db"}])
    assert gateway.requests[0].body["messages"][0]["content"] == "ab"
