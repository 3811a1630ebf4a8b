"""Reasoning: the gate, the levels, the payload table, and what may be typed."""

from __future__ import annotations

import copy
import types
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.request.families import rules_for
from kilo_gateway.request.reasoning import LEVELS, Level, apply_reasoning, effective_level, parse_level, split_reasoning

EFFORTS: list[tuple[Level, str]] = [
    ("minimal", "minimal"),
    ("low", "low"),
    ("medium", "medium"),
    ("high", "high"),
    ("xhigh", "xhigh"),
    ("adaptive", "medium"),
    ("max", "xhigh"),
]


def shape(model_id: str, level: Level | None, body: dict[str, Any]) -> dict[str, Any]:
    """Apply the gate of the model and the level to a body, checking that the body stays as it was."""
    before = copy.deepcopy(body)
    injects = rules_for(model_id).injects_reasoning
    shaped = apply_reasoning(body, level=level, injects=injects)
    assert body == before
    assert shaped is not body
    assert apply_reasoning(body, level=effective_level(model_id, level), injects=True) == shaped
    return shaped


@pytest.mark.parametrize(
    ("model_id", "level"),
    [
        ("kilo/auto", None),
        ("kilo-auto/free", None),
        ("kilo-auto/balanced", None),
        ("x-ai/grok-4", None),
        ("X-AI/Grok", None),
        (" x-ai/g", None),
        ("x-ai/", None),
        ("x-ai", "high"),
        ("/x-ai", "high"),
        ("~x-ai/g", "high"),
        ("xai/grok", "high"),
        ("openrouter/auto", "high"),
        ("KILO/AUTO", "high"),
        ("anthropic/claude-sonnet-4", "high"),
        ("google/gemini-3-pro-preview", "high"),
    ],
)
def test_gate_of_a_model(model_id: str, level: Level | None) -> None:
    """Automatic and x-ai ids ask for no level, every other id for the requested one."""
    assert effective_level(model_id, "high") == level
    assert effective_level(model_id, None) is None


def test_levels_are_the_eight_words() -> None:
    """The tuple and the type name the same levels, and `off` is one of them."""
    assert LEVELS == ("off", "minimal", "low", "medium", "high", "xhigh", "max", "adaptive")
    assert get_args(Level) == LEVELS
    assert {level for level, _ in EFFORTS} == set(LEVELS) - {"off"}


@pytest.mark.parametrize(("level", "effort"), EFFORTS)
def test_effort_of_a_level(level: Level, effort: str) -> None:
    """Each level becomes its word of the wire."""
    assert apply_reasoning({}, level=level, injects=True) == {"reasoning": {"effort": effort}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"effort": "high"}),
        (False, {"effort": "high"}),
        (0, {"effort": "high"}),
        (0.0, {"effort": "high"}),
        (-0.0, {"effort": "high"}),
        (float("nan"), {"effort": "high"}),
        ("", {"effort": "high"}),
        ({}, {"effort": "high"}),
        ({"enabled": True}, {"enabled": True, "effort": "high"}),
        ({"exclude": True}, {"exclude": True, "effort": "high"}),
        ({"summary": "auto"}, {"summary": "auto", "effort": "high"}),
        ({"max_tokens": 256}, {"max_tokens": 256}),
        ({"max_tokens": None}, {"max_tokens": None}),
        ({"effort": None}, {"effort": None}),
        ({"effort": "low", "summary": "auto"}, {"effort": "low", "summary": "auto"}),
        ([], []),
        ([{"effort": "low"}], [{"effort": "low"}]),
        ("high", "high"),
        ("0", "0"),
        (" ", " "),
        (True, True),
        (5, 5),
    ],
)
def test_existing_reasoning_decides_whether_effort_is_added(before: Any, after: Any) -> None:
    """An effort fills what JavaScript calls empty and objects that set no effort, and leaves the rest."""
    body = {"model": "m", "reasoning": before}
    printed = repr(before)
    shaped = apply_reasoning(body, level="high", injects=True)
    assert shaped == {"model": "m", "reasoning": after}
    assert type(shaped["reasoning"]) is type(after)
    assert body["reasoning"] is before
    assert repr(before) == printed


@pytest.mark.parametrize(
    "existing", [None, False, 0, "", {}, [], {"enabled": True}, {"effort": "low"}, "high", True, 5]
)
@pytest.mark.parametrize(
    ("level", "injects"), [(None, True), ("off", True), ("high", False), ("off", False), (None, False)]
)
def test_existing_reasoning_stays_when_nothing_is_injected(existing: Any, level: Level | None, injects: bool) -> None:
    """Without a level, with `off`, or behind the gate, only `reasoning_effort` goes."""
    body = {"reasoning": existing, "reasoning_effort": "high", "model": "m"}
    shaped = apply_reasoning(body, level=level, injects=injects)
    assert shaped == {"reasoning": existing, "model": "m"}
    assert shaped["reasoning"] is existing


CLAUDE, GPT, AUTO, GROK = "anthropic/claude-sonnet-4", "openai/gpt-5.4", "kilo/auto", "x-ai/grok-3"


@pytest.mark.parametrize(
    ("model_id", "level", "before", "after"),
    [
        (CLAUDE, "high", {}, {"reasoning": {"effort": "high"}}),
        (CLAUDE, "high", {"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}),
        (CLAUDE, "low", {"reasoning_effort": "high"}, {"reasoning": {"effort": "low"}}),
        (
            CLAUDE,
            "high",
            {"reasoning_effort": "high", "reasoning": {"max_tokens": 256}},
            {"reasoning": {"max_tokens": 256}},
        ),
        (
            CLAUDE,
            "high",
            {"reasoning_effort": "high", "reasoning": {"effort": "low", "summary": "auto"}},
            {"reasoning": {"effort": "low", "summary": "auto"}},
        ),
        (GPT, "adaptive", {}, {"reasoning": {"effort": "medium"}}),
        (GPT, "off", {"reasoning_effort": "high"}, {}),
        (GPT, None, {"reasoning_effort": "high"}, {}),
        (GPT, "off", {"reasoning": {"effort": "none"}}, {"reasoning": {"effort": "none"}}),
        (AUTO, "high", {"reasoning_effort": "high"}, {}),
        (AUTO, "high", {"reasoning": {"effort": "high"}}, {"reasoning": {"effort": "high"}}),
        (GROK, "high", {"reasoning_effort": "high"}, {}),
        (GROK, "high", {"reasoning": {"max_tokens": 100}}, {"reasoning": {"max_tokens": 100}}),
        ("kilo-auto/balanced", "high", {"reasoning": {"enabled": True}}, {"reasoning": {"enabled": True}}),
    ],
)
def test_whole_payload(model_id: str, level: Level | None, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Gate, level and existing values together give the payload of the rule, with other keys kept in order."""
    body = {"model": model_id, **before, "messages": []}
    shaped = shape(model_id, level, body)
    assert shaped == {"model": model_id, "messages": [], **after}
    assert [key for key in shaped if key != "reasoning"] == ["model", "messages"]


@pytest.mark.parametrize("model_id", [CLAUDE, GPT, AUTO, GROK])
@pytest.mark.parametrize("level", [None, *LEVELS])
def test_nothing_but_effort_is_ever_added(model_id: str, level: Level | None) -> None:
    """No level of any model adds another reasoning argument."""
    shaped = shape(model_id, level, {"model": model_id, "reasoning_effort": "low"})
    assert set(shaped) <= {"model", "reasoning"}
    assert set(shaped.get("reasoning", {})) <= {"effort"}


def test_own_object_may_be_any_mapping() -> None:
    """A read-only mapping is filled as an object is, into a plain dict."""
    own = types.MappingProxyType({"exclude": True})
    shaped = apply_reasoning({"reasoning": own}, level="low", injects=True)
    assert shaped == {"reasoning": {"exclude": True, "effort": "low"}}
    assert type(shaped["reasoning"]) is dict


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["effort", "max_tokens", "x"]), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["reasoning", "reasoning_effort", "model", "stop"]), JSON),
    st.sampled_from([None, *LEVELS]),
    st.booleans(),
)
def test_shaping_is_stable_for_any_body(body: dict[str, Any], level: Level | None, injects: bool) -> None:
    """Shaping never changes its input, never loses another key, and changes nothing the second time."""
    before = copy.deepcopy(body)
    shaped = apply_reasoning(body, level=level, injects=injects)
    assert body == before
    assert "reasoning_effort" not in shaped
    assert {k: v for k, v in shaped.items() if k != "reasoning"} == {
        k: v for k, v in body.items() if k not in {"reasoning", "reasoning_effort"}
    }
    assert apply_reasoning(shaped, level=level, injects=injects) == shaped


@pytest.mark.parametrize("level", LEVELS)
def test_level_words_are_read_without_blanks_and_case(level: Level) -> None:
    """Each word is read as it stands, in capitals, and with blanks around it."""
    assert parse_level(level) == level
    assert parse_level(f"  {level.upper()}\n") == level


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("hihg", "did you mean 'high'"),
        ("mediun", "did you mean 'medium'"),
        ("x-high", "did you mean 'xhigh'"),
        ("adaptative", "did you mean 'adaptive'"),
        ("none", "use one of"),
        ("think", "use one of"),
        ("", "use one of"),
        ("   ", "use one of"),
        ("auto", "one of"),
        ("ultra", "one of"),
        ("on", "one of"),
        ("9" * 100_000, "use one of"),
    ],
)
def test_unknown_level_word_is_refused_with_the_words(word: str, hint: str) -> None:
    """An unknown word is refused with the nearest level, if one is near, and all eight, in a short message."""
    with pytest.raises(InvalidRequestError, match=hint) as caught:
        parse_level(word)
    assert str(caught.value).endswith("one of off, minimal, low, medium, high, xhigh, max, adaptive.")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("word", [None, True, 3, ["high"], b"high", {"effort": "high"}])
def test_level_that_is_not_a_string_is_refused(word: Any) -> None:
    """Anything but a string is refused with the name of its type."""
    with pytest.raises(InvalidRequestError, match=f"must be a string, not {type(word).__name__}"):
        parse_level(word)


@pytest.mark.parametrize(
    ("reasoning", "reasoning_effort", "level", "own"),
    [
        (None, None, None, None),
        ("high", None, "high", None),
        (" Adaptive ", None, "adaptive", None),
        ("off", None, "off", None),
        (None, "low", "low", None),
        ("high", "HIGH", "high", None),
        ("off", "off", "off", None),
        ({}, None, None, {}),
        ({"max_tokens": 256}, None, None, {"max_tokens": 256}),
        ({"effort": "none"}, None, None, {"effort": "none"}),
        ({"effort": 7, "new": [1]}, None, None, {"effort": 7, "new": [1]}),
        ({"exclude": True}, "high", "high", {"exclude": True}),
        ({"effort": "low"}, "high", "high", {"effort": "low"}),
        (types.MappingProxyType({"enabled": False}), None, None, {"enabled": False}),
    ],
)
def test_what_was_typed_is_split(
    reasoning: Any, reasoning_effort: str | None, level: Level | None, own: dict[str, Any] | None
) -> None:
    """A word is a level, a mapping is the caller's own object as it is, and nothing is nothing."""
    assert split_reasoning(reasoning, reasoning_effort) == (level, own)


def test_own_object_is_a_copy() -> None:
    """What is returned may be changed without changing what was typed."""
    typed = {"exclude": True}
    _, own = split_reasoning(typed, None)
    assert own is not None
    own["effort"] = "low"
    assert typed == {"exclude": True}


@pytest.mark.parametrize(("reasoning", "reasoning_effort"), [("high", "low"), ("max", "xhigh"), ("off", "minimal")])
def test_two_levels_that_disagree_are_refused(reasoning: str, reasoning_effort: str) -> None:
    """Two words for different levels are refused, naming both."""
    with pytest.raises(InvalidRequestError, match=f"'{reasoning}'.*'{reasoning_effort}'"):
        split_reasoning(reasoning, reasoning_effort)


@pytest.mark.parametrize(
    ("reasoning", "reasoning_effort", "message"),
    [
        (True, None, "not bool"),
        (False, None, "not bool"),
        (0, None, "not int"),
        (2000, None, "not int"),
        (1.5, None, "not float"),
        ([], None, "not list"),
        (["high"], None, "not list"),
        (b"high", None, "not bytes"),
        (None, True, "not bool"),
        (None, 3, "not int"),
        (None, {"effort": "high"}, "not dict"),
        ("high", ["high"], "not list"),
        ({}, 3, "not int"),
        ({1: "x"}, None, "key.*not int"),
        ({None: "x"}, None, "key.*not NoneType"),
        ("hihg", None, "did you mean 'high'"),
        (None, "hihg", "did you mean 'high'"),
        ("", None, "use one of"),
        (None, "", "use one of"),
        ({}, "hihg", "did you mean 'high'"),
    ],
)
def test_what_cannot_be_split_is_refused(reasoning: Any, reasoning_effort: Any, message: str) -> None:
    """Other types and unknown words are refused in either argument, saying what is wrong."""
    with pytest.raises(InvalidRequestError, match=message):
        split_reasoning(reasoning, reasoning_effort)
