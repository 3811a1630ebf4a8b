"""Rules of families: which ids are automatic, take no reasoning, are Gemini, are free."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from kilo_gateway.refs import DEFAULT_MODEL, parse_model_id
from kilo_gateway.request.families import AUTO_MODEL, SUCCESSORS, FamilyRules, is_free_id, rules_for

AUTO = FamilyRules(is_auto=True, injects_reasoning=False)
FROM_XAI = FamilyRules(injects_reasoning=False)
GEMINI = FamilyRules(signature_rule="base64")
ORDINARY = FamilyRules()


@pytest.mark.parametrize(
    ("model_id", "rules"),
    [
        ("kilo/auto", AUTO),
        ("kilo-auto/free", AUTO),
        ("kilo-auto/balanced", AUTO),
        ("kilo-auto/efficient", AUTO),
        ("kilo-auto/frontier", AUTO),
        ("kilo-auto/small", AUTO),
        ("kilo-auto/org", AUTO),
        ("Kilo-Auto/Balanced", AUTO),
        ("KILO/AUTO", ORDINARY),
        (" kilo/auto", ORDINARY),
        ("kilo/auto2", ORDINARY),
        ("kilo/other", ORDINARY),
        ("kilo-auto", ORDINARY),
        ("kilo-autos/x", ORDINARY),
        ("x/kilo-auto/free", ORDINARY),
        ("auto", ORDINARY),
        ("openrouter/auto", ORDINARY),
        ("x-ai/grok-4", FROM_XAI),
        ("X-AI/Grok", FROM_XAI),
        (" x-ai/g", FROM_XAI),
        ("x-ai /g", FROM_XAI),
        ("x-ai/", FROM_XAI),
        ("x-ai", ORDINARY),
        ("/x-ai", ORDINARY),
        ("~x-ai/g", ORDINARY),
        ("xai/grok", ORDINARY),
        ("lab/x-ai/grok", ORDINARY),
        ("google/gemini-3-pro-preview", GEMINI),
        ("gemini-2.5-pro", GEMINI),
        ("x/My-GEMINI-tune", GEMINI),
        ("google/gemma-3-27b-it", ORDINARY),
        ("google/palm-2", ORDINARY),
        ("anthropic/claude-sonnet-4", ORDINARY),
        ("openai/gpt-5.4", ORDINARY),
        ("", ORDINARY),
        ("x-ai/gemini-like", FamilyRules(injects_reasoning=False, signature_rule="base64")),
        ("kilo-auto/gemini", FamilyRules(is_auto=True, injects_reasoning=False, signature_rule="base64")),
    ],
)
def test_rules_of_an_id(model_id: str, rules: FamilyRules) -> None:
    """Each family gets its own row, rows add up, and every other id is ordinary."""
    assert rules_for(model_id) == rules


def test_ordinary_rules_state_the_defaults() -> None:
    """A model of no known family is asked to reason, and only Claude ids leave its history."""
    assert dataclasses.asdict(FamilyRules()) == {
        "is_auto": False,
        "injects_reasoning": True,
        "signature_rule": "msg_prefix",
    }


def test_rules_cannot_be_changed() -> None:
    """Cached rules are shared, so that they refuse assignment."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        rules_for("kilo/auto").is_auto = False  # type: ignore[misc]


def test_lookup_is_cached_within_bounds() -> None:
    """Looking up an id again gives the same object, and odd ids cannot fill the memory."""
    assert rules_for("anthropic/claude-sonnet-4") is rules_for("anthropic/claude-sonnet-4")
    assert rules_for.cache_parameters()["maxsize"] is not None


def test_every_field_has_its_docstring() -> None:
    """Each field says its default and its source right below it."""
    lines = inspect.getsource(FamilyRules).splitlines()
    for field in dataclasses.fields(FamilyRules):
        below = next(n for n, line in enumerate(lines) if line.startswith(f"    {field.name}:")) + 1
        assert lines[below].startswith('    """')
        assert "Default:" in lines[below]


def test_successors_are_automatic_ids_other_than_the_default() -> None:
    """The default ref and what may stand in for it are all routes of the gateway."""
    assert parse_model_id(DEFAULT_MODEL) == AUTO_MODEL == "kilo/auto"
    assert SUCCESSORS == ("kilo-auto/balanced", "kilo-auto/efficient")
    assert all(rules_for(model_id).is_auto for model_id in (AUTO_MODEL, *SUCCESSORS))


@pytest.mark.parametrize(
    ("model_id", "free"),
    [
        ("z-ai/glm-5:free", True),
        ("z-ai/glm-5:FREE", True),
        ("corethink:free", True),
        ("kilo-auto/free", True),
        ("Kilo-Auto/Free", True),
        ("openrouter/free", True),
        ("openrouter/polaris-alpha", True),
        ("openrouter/Sherlock-Dash-Beta", True),
        ("kilo/auto", False),
        ("kilo-auto/balanced", False),
        ("kilo-auto/freedom", False),
        ("lab/kilo-auto/free", False),
        ("lab/openrouter/free", False),
        ("openrouter/auto", False),
        ("openrouter/alpha", False),
        ("openrouter/polaris-alpha-2", False),
        ("lab/model-alpha", False),
        ("z-ai/glm-5:free2", False),
        ("z-ai/free", False),
        ("lab/[free]", False),
        ("anthropic/claude-sonnet-4", False),
        ("", False),
    ],
)
def test_free_ids(model_id: str, free: bool) -> None:
    """An id is free by its ending or its name, whatever its case."""
    assert is_free_id(model_id) is free
