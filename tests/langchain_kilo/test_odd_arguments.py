"""Arguments that pydantic alone would refuse: None counts as not given, the rest is an error of this package."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from kilo_gateway.errors import InvalidModelError, InvalidSettingError, KiloError
from langchain_kilo import ChatKilo, KiloEmbeddings

KEY = "sk-very-secret-0123456789"
BOTH = pytest.mark.parametrize("kind", [ChatKilo, KiloEmbeddings])


@BOTH
@pytest.mark.parametrize("name", ["model", "base_url", "max_retries", "discover", "timeout", "default_headers"])
def test_none_counts_as_not_given(kind: Any, name: str) -> None:
    """An argument of None gives what leaving it out gives."""
    assert getattr(kind(api_key=KEY, **{name: None}), name) == getattr(kind(api_key=KEY), name)


@pytest.mark.parametrize(
    ("kind", "arguments", "field"),
    [
        (ChatKilo, {"stop": 5}, "stop"),
        (ChatKilo, {"stop": ["private", 5]}, "stop"),
        (ChatKilo, {"extra_body": {1: "private"}}, "extra_body"),
        (ChatKilo, {"streaming": "private"}, "streaming"),
        (ChatKilo, {"rate_limiter": "private"}, "rate_limiter"),
        (KiloEmbeddings, {"batch_size": 0}, "batch_size"),
        (KiloEmbeddings, {"extra_body": {1: "private"}}, "extra_body"),
    ],
)
def test_what_pydantic_finds_is_a_typed_error(kind: Any, arguments: dict[str, Any], field: str) -> None:
    """The error is InvalidSettingError or another of this package; it names the field and no value."""
    with pytest.raises(KiloError, match=field) as caught:
        kind(api_key=KEY, **arguments)
    assert isinstance(caught.value, (InvalidSettingError, ValueError))
    assert "private" not in str(caught.value)


@BOTH
def test_an_empty_model_is_not_the_default_model(kind: Any) -> None:
    """An empty name is refused."""
    with pytest.raises(InvalidModelError):
        kind(api_key=KEY, model="")


@BOTH
@pytest.mark.parametrize("name", ["api_key", "kilo_api_key"])
@pytest.mark.parametrize("wrong", [{"temprature": 1}, {"timeout": -1}, {"extra_body": {1: 2}}, {"model": ""}])
def test_a_refusal_keeps_the_key_out_of_its_frames(kind: Any, name: str, wrong: dict[str, Any]) -> None:
    """A traceback that shows local variables shows no key in the frames of this package."""
    with pytest.raises(KiloError) as caught:
        kind(**{name: KEY}, **wrong)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if "langchain_kilo" in frame.filename]
    assert frames
    assert KEY not in "".join(repr(frame.locals) for frame in frames)
