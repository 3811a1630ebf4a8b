"""The arguments of a tool call: what is whole, what is none, and what is wrong with the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.tool_arguments import ArgumentText, describe_flaw, parse_arguments

DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, {}),
        ("", {}),
        (" \n", {}),
        ("{}", {}),
        (' {"a": [1, null]} ', {"a": [1, None]}),
        ({"a": 1}, {"a": 1}),
        ('{"id": 12345678901234567890123}', {"id": 12345678901234567890123}),
        ('{"a": "x\\ud83d"}', {"a": "x\ufffd"}),
        ('{"a": "\\ude00\\ud83d\\ude00"}', {"a": "\ufffd\U0001f600"}),
        ('{"a": "\\\\ud83d"}', {"a": "\\ud83d"}),
        ('{"a": "\ud83d"}', {"a": "\ufffd"}),
        (" null ", {}),
        ('""', {}),
        ("[]", {}),
        ('{"path": "/data/x", "mode": "del', None),
        ('{"a": 1}{"a": 1}', None),
        ('{"a": NaN}', None),
        ("[1]", None),
        ('"{}"', {}),
        ("None", {}),
        ("undefined", {}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"a": "x\ny\t"}', {"a": "x\ny\t"}),
        ('"text"', None),
        ("3", None),
        (DEEP, None),
        (3, None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_arguments_are_an_object_or_nothing(text: Any, expected: dict[str, Any] | None) -> None:
    """No arguments are {}; text that is cut off or no object is None, never completed by guess."""
    assert parse_arguments(text) == expected


@given(
    st.recursive(
        st.text(st.characters(codec="utf-8"), max_size=20),
        lambda values: st.dictionaries(st.text(max_size=9), values, max_size=4),
        max_leaves=9,
    ),
    st.data(),
)
def test_any_cut_of_escapes_gives_the_same_text(value: Any, data: st.DataObject) -> None:
    """However the text is cut, what is handed on joins to what stands there, and whole characters stay."""
    text = json.dumps({"value": value})
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    arguments = ArgumentText()
    handed_on = [arguments.add(text[start:end]) for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    handed_on.append(arguments.flush())
    assert "".join(handed_on) == str(arguments)
    assert parse_arguments(str(arguments)) == {"value": value}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"city": "Os', "cut off"),
        ('{"city": "Oslo"', "cut off"),
        ('{"a": [1, 2', "cut off"),
        ('{"a":', "cut off"),
        ('{"a": 1}}', "not JSON: Extra data at character 8"),
        ("{'a': 1}", "not JSON"),
        ("Oslo", "not JSON"),
        ("[1]", "a list and not an object"),
        ('"Oslo"', "a str and not an object"),
        ('{"a": NaN}', "NaN is no value"),
        ("[" * 100_000, "nested too deeply"),
        (7, "a int, not the text"),
        ('{"a": 1}', None),
        ("", None),
        (None, None),
    ],
)
def test_what_is_wrong_with_arguments_is_said(arguments: object, said: str | None) -> None:
    """Whoever reads an invalid call is told why it is one; whole arguments have no flaw."""
    flaw = describe_flaw(arguments)

    assert (flaw is None) if said is None else (said in (flaw or ""))
