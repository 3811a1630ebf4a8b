"""Reasoning text, and the merge of streamed reasoning details."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.answer.reasoning_details import ReasoningDetails, reasoning_text

CLAUDE = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
TEXT = {"type": "reasoning.text", "index": 0}
SUMMARY = {"type": "reasoning.summary", "index": 0}
SECRET = {"type": "reasoning.encrypted", "index": 0}


def merge(items: list[Any]) -> list[dict[str, Any]]:
    """Return the entries that the items make, each item coming in a delta of its own."""
    details = ReasoningDetails()
    for item in items:
        details.add([item])
    return details.merged()


MERGES: dict[str, tuple[list[Any], list[Any]]] = {
    "late signature": (
        [
            {**CLAUDE, "text": "", "signature": ""},
            {**CLAUDE, "text": "I "},
            {**CLAUDE, "text": "see"},
            {**CLAUDE, "signature": "c2ln"},
        ],
        [{**CLAUDE, "text": "I see", "signature": "c2ln"}],
    ),
    "signature without text": ([{**TEXT, "signature": "s"}], [{**TEXT, "signature": "s"}]),
    "null text": ([{**TEXT, "text": None, "signature": "s"}], [{**TEXT, "text": None, "signature": "s"}]),
    "text after a signature": (
        [{**TEXT, "text": "a"}, {**TEXT, "signature": "s"}, {**TEXT, "text": "b"}, {**TEXT, "signature": "t"}],
        [{**TEXT, "text": "a", "signature": "s"}, {**TEXT, "text": "b", "signature": "t"}],
    ),
    "signature repeated": (
        [{**TEXT, "text": "a", "signature": "s"}, {**TEXT, "signature": "s"}, {**TEXT, "text": ""}],
        [{**TEXT, "text": "a", "signature": "s"}],
    ),
    "signature on every fragment": (
        [{**TEXT, "text": "a", "signature": "s"}, {**TEXT, "text": "b", "signature": "s"}],
        [{**TEXT, "text": "ab", "signature": "s"}],
    ),
    "another signature": (
        [{**TEXT, "text": "a", "signature": "s"}, {**TEXT, "signature": "t"}],
        [{**TEXT, "text": "a", "signature": "s"}, {**TEXT, "signature": "t"}],
    ),
    "types share an index": (
        [{**SUMMARY, "summary": "a"}, {**SECRET, "data": "x", "id": "rs"}, {**SUMMARY, "summary": "b"}],
        [{**SUMMARY, "summary": "ab"}, {**SECRET, "data": "x", "id": "rs"}],
    ),
    "indexes interleave": (
        [{**TEXT, "text": "a"}, {**TEXT, "index": 1, "text": "b"}, {**TEXT, "text": "c"}],
        [{**TEXT, "text": "ac"}, {**TEXT, "index": 1, "text": "b"}],
    ),
    "ids tell calls apart": (
        [{**SECRET, "id": "a", "data": "x"}, {**SECRET, "id": "b", "data": "x"}, {**SECRET, "id": "a", "data": "x"}],
        [{**SECRET, "id": "a", "data": "x"}, {**SECRET, "id": "b", "data": "x"}],
    ),
    "data differs": (
        [{**SECRET, "data": "x"}, {**SECRET, "data": "x"}, {**SECRET, "data": "y"}],
        [{**SECRET, "data": "x"}, {**SECRET, "data": "y"}],
    ),
    "id comes late": (
        [
            {**TEXT, "text": "a"},
            {**TEXT, "text": "b", "id": "i"},
            {**TEXT, "text": "c"},
            {**TEXT, "text": "d", "id": "j"},
        ],
        [{**TEXT, "text": "abc", "id": "i"}, {**TEXT, "text": "d", "id": "j"}],
    ),
    "back to an older id": (
        [{**TEXT, "text": "a", "id": "i"}, {**TEXT, "text": "b", "id": "j"}, {**TEXT, "text": "c", "id": "i"}],
        [{**TEXT, "text": "ac", "id": "i"}, {**TEXT, "text": "b", "id": "j"}],
    ),
    "no index": (
        [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b", "index": None}],
        [{"type": "reasoning.text", "text": "ab", "index": None}],
    ),
    "index missing later": (
        [{**TEXT, "text": "a", "id": "i"}, {"type": "reasoning.text", "text": "b", "id": "i"}],
        [{**TEXT, "text": "ab", "id": "i"}],
    ),
    "first format stays": (
        [
            {**TEXT, "format": None, "text": "a"},
            {**TEXT, "format": "x", "text": "b"},
            {**TEXT, "format": "y", "text": "c"},
        ],
        [{**TEXT, "format": "x", "text": "abc"}],
    ),
    "unknown keys": (
        [{**TEXT, "text": "a", "cache": {"k": 1}}, {**TEXT, "text": "b", "more": [2]}],
        [{**TEXT, "text": "ab", "cache": {"k": 1}, "more": [2]}],
    ),
    "unknown types": (
        [{"type": "reasoning.new", "index": 0, "x": 1}, {"type": "reasoning.new", "index": 0, "x": 1}, {"text": "a"}],
        [{"type": "reasoning.new", "index": 0, "x": 1}, {"type": "reasoning.new", "index": 0, "x": 1}, {"text": "a"}],
    ),
    "odd values": (
        ["text", None, 3, {**TEXT, "text": ["a"]}, {"type": ["x"]}, {**TEXT, "index": {}, "id": [], "text": "a"}],
        [{**TEXT, "text": ["a"]}, {"type": ["x"]}, {**TEXT, "index": {}, "id": [], "text": "a"}],
    ),
}


@pytest.mark.parametrize("name", MERGES)
def test_fragments_merge(name: str) -> None:
    """Each sequence of fragments gives its entries, one by one or all in one delta, and is left as it was."""
    items, expected = MERGES[name]
    sent = copy.deepcopy(items)
    assert merge(items) == expected
    at_once = ReasoningDetails()
    at_once.add(items)
    assert at_once.merged() == at_once.merged() == expected
    assert items == sent


@pytest.mark.parametrize("name", sorted(MERGES.keys() - {"odd values", "unknown types"}))
def test_merged_entries_are_final(name: str) -> None:
    """Whole entries pass through a second merge unchanged, so that replaying a stream of them loses nothing."""
    _, expected = MERGES[name]
    assert merge(expected) == expected


@pytest.mark.parametrize("items", [None, "text", {"type": "reasoning.text"}, 3, []])
def test_what_is_no_list_adds_nothing(items: Any) -> None:
    """A gateway answers 500 to reasoning details that are no list of objects, so none are made."""
    details = ReasoningDetails()
    details.add(items)
    assert details.merged() == []
    assert not details


@given(st.lists(st.tuples(st.integers(0, 2), st.text()), max_size=30))
def test_texts_are_concatenated_exactly(fragments: list[tuple[int, str]]) -> None:
    """Any interleaving of indexes gives each index its own pieces in order, to the last character."""
    merged = merge([{"type": "reasoning.text", "index": index, "text": text} for index, text in fragments])
    expected: dict[int, str] = {}
    for index, text in fragments:
        expected[index] = expected.get(index, "") + text
    assert [(entry["index"], entry["text"]) for entry in merged] == list(expected.items())


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ({}, ""),
        ({"reasoning": None, "reasoning_details": []}, ""),
        ({"reasoning": "a", "reasoning_details": [{**TEXT, "text": "a"}]}, "a"),
        ({"reasoning": "flat", "reasoning_details": [{**TEXT, "text": "a"}, {**TEXT, "text": "b"}]}, "ab"),
        ({"reasoning": "a", "reasoning_content": "a", "reasoning_text": "a"}, "a"),
        ({"reasoning": "", "reasoning_content": "b"}, "b"),
        ({"reasoning": None, "reasoning_text": "c"}, "c"),
        ({"reasoning": "a", "reasoning_details": [{**SUMMARY, "summary": "s"}]}, "a"),
        ({"reasoning_details": [{**SUMMARY, "summary": "s"}, {**SUMMARY, "summary": "t"}]}, "st"),
        ({"reasoning_details": [{**SECRET, "data": "x"}], "reasoning": "a"}, "a"),
        ({"reasoning_details": [{**TEXT, "signature": "s"}], "reasoning": "a"}, "a"),
        ({"reasoning_details": "text", "reasoning": ["a"], "reasoning_content": 3}, ""),
        ({"reasoning_details": ["x", None, {**TEXT, "text": None}, {**TEXT, "text": 3}, {"type": []}]}, ""),
    ],
)
def test_reasoning_is_read_from_one_source(delta: dict[str, Any], expected: str) -> None:
    """The same words in two places are shown once, whatever else is odd."""
    assert reasoning_text(delta) == expected
