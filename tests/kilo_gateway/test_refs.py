"""Model refs: every row of the ref table, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import InvalidModelError
from kilo_gateway.refs import DEFAULT_MODEL, PROVIDER, parse_model_id, render_ref

REFS = [
    ("kilocode/kilo/auto", "kilo/auto"),
    ("kilocode/anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4"),
    ("kilocode/z-ai/glm-5:free", "z-ai/glm-5:free"),
    ("  KiloCode/Anthropic/X  ", "Anthropic/X"),
    ("KILOCODE/x/y", "x/y"),
    ("kilocode / x/y", "x/y"),
    ("kilo/auto", "kilo/auto"),
    ("kilo/anthropic/claude-sonnet-4.6", "anthropic/claude-sonnet-4.6"),
    ("Kilo/Anthropic/X", "Anthropic/X"),
    ("kilocode/kilo/anthropic/x", "anthropic/x"),
    ("kilo/kilo/auto", "kilo/auto"),
    ("kilo/kilo-auto/balanced", "kilo-auto/balanced"),
    ("kilo/x", "kilo/x"),
    ("kilo//x", "kilo//x"),
    ("auto", "auto"),
    ("giga-potato", "giga-potato"),
    ("anthropic/claude-sonnet-4", "anthropic/claude-sonnet-4"),
    ("~x-ai/g", "~x-ai/g"),
    ("x-ai/", "x-ai/"),
    ("\tkilocode/x/y\n", "x/y"),
    ("kilocode", "kilocode"),
    ("kilocode-pro/x", "kilocode-pro/x"),
    ("x/kilocode/y", "x/kilocode/y"),
    ("kilocode/auto", "auto"),
    ("kilocode/kilocode/x", "kilocode/x"),
    ("google/gemini-3-pro-preview", "google/gemini-3-pro-preview"),
    ("kilocode/google/gemini-3-pro", "google/gemini-3-pro"),
    ("lab/a model", "lab/a model"),
    ("lab/模型", "lab/模型"),
]

UNNAMED = ["", "   ", "\n", "/", "/x", " /x", "kilocode/", "kilocode/  ", "KiloCode/", "kilocode//x", "kilocode/ /x"]
UNPRINTABLE = [
    "a\nb",
    "kilocode/a\x00b",
    "a\x7fb",
    "a\tb",
    "a\r\nX-Evil: 1",
    "a\x1bb",
    "a\ud800",
    "\ufeffkilo/auto",
    "a\u200bb",
]
NOT_STRINGS: list[Any] = [None, 5, True, b"kilo/auto", ["kilo/auto"], {"id": "kilo/auto"}]


@pytest.mark.parametrize(("ref", "model_id"), REFS)
def test_ref_names_the_id_of_the_wire(ref: str, model_id: str) -> None:
    """A ref or a bare id gives the id that is sent, with its case kept."""
    assert parse_model_id(ref) == model_id


@pytest.mark.parametrize("ref", UNNAMED)
def test_ref_without_a_model_is_refused_with_its_shape(ref: str) -> None:
    """What names no model is refused before anything is sent, saying what a ref looks like."""
    with pytest.raises(InvalidModelError, match=r"names no model.*kilocode/<model-id>.*kilocode/kilo/auto") as caught:
        parse_model_id(ref)
    assert caught.value.model == ref


@pytest.mark.parametrize("ref", UNPRINTABLE)
def test_ref_with_an_unprintable_character_is_refused(ref: str) -> None:
    """Controls, lone surrogates and invisible characters inside an id are refused, and the message prints none."""
    with pytest.raises(InvalidModelError, match="cannot be printed") as caught:
        parse_model_id(ref)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("ref", NOT_STRINGS)
def test_ref_that_is_not_a_string_is_refused(ref: Any) -> None:
    """Anything but a string is refused with the name of its type."""
    with pytest.raises(InvalidModelError, match=f"must be a string, not {type(ref).__name__}: .*kilocode/<model-id>"):
        parse_model_id(ref)


def test_refusal_quotes_only_the_start_and_the_end_of_a_long_ref() -> None:
    """A refused ref of any length gives a short message, and the error survives pickling."""
    with pytest.raises(InvalidModelError) as caught:
        parse_model_id("a\n" * 50_000)
    assert len(str(caught.value)) < 300
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("model_id", "ref"),
    [
        ("kilo/auto", "kilocode/kilo/auto"),
        ("anthropic/claude-sonnet-4", "kilocode/anthropic/claude-sonnet-4"),
        ("Anthropic/X", "kilocode/Anthropic/X"),
        (" x/y ", "kilocode/x/y"),
        ("auto", "kilocode/auto"),
        ("kilocode/x/y", "kilocode/x/y"),
        ("KiloCode/x/Y", "kilocode/x/Y"),
        ("kilo/x/y", "kilocode/x/y"),
    ],
)
def test_rendered_ref_has_the_prefix_once(model_id: str, ref: str) -> None:
    """An id gets the prefix, and a ref in any case keeps its one."""
    assert render_ref(model_id) == ref


@pytest.mark.parametrize("model_id", ["", "kilocode/", "/x", "a\nb"])
def test_no_ref_is_rendered_for_a_bad_id(model_id: str) -> None:
    """Rendering refuses what parsing refuses."""
    with pytest.raises(InvalidModelError):
        render_ref(model_id)


def test_default_ref_is_the_auto_route() -> None:
    """The default is the gateway's own route under our prefix."""
    assert DEFAULT_MODEL == "kilocode/kilo/auto"
    assert render_ref(parse_model_id(DEFAULT_MODEL)) == DEFAULT_MODEL
    assert DEFAULT_MODEL.partition("/")[0] == PROVIDER


@given(st.text(alphabet=st.sampled_from("kilocodeKILO/ :-.x\t\n\x00é"), max_size=24) | st.text(max_size=24))
def test_any_text_gives_an_id_or_the_typed_error(text: str) -> None:
    """Whatever is typed, the id is clean and its ref is stable, or the typed error is raised."""
    try:
        model_id = parse_model_id(text)
    except InvalidModelError:
        return
    assert model_id
    assert model_id == model_id.strip()
    assert model_id.isprintable()
    assert not model_id.startswith("/")
    ref = render_ref(text)
    assert ref == f"kilocode/{model_id}"
    assert parse_model_id(ref) == model_id
    assert render_ref(ref) == ref


class _Unhashable(str):
    __hash__ = None  # type: ignore[assignment] # as a class with an `__eq__` of its own


@given(st.text())
def test_ref_read_before_is_read_alike(text: str) -> None:
    """A text gives the same id, or a refusal, when it comes again, and in a class of its own."""

    def read(ref: str) -> str | None:
        try:
            return parse_model_id(ref)
        except InvalidModelError:
            return None

    assert read(text) == read(text) == read(_Unhashable(text))
