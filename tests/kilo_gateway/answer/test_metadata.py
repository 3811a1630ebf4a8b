"""What is known of an answer whose message is one text is told the short way, and told the same."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway.answer.choice import CompletionChoice
from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.answer.metadata import render_metadata

TEXT = {"role": "assistant", "content": "Yes."}
ALONE: list[dict[str, Any]] = [
    TEXT,
    {"content": ""},
    {**TEXT, "refusal": None, "reasoning": "", "reasoning_details": [], "audio": None, "annotations": []},
    {**TEXT, "role": None, "unknown": None, "tool_calls": []},
]
WITH_MORE: list[dict[str, Any]] = [
    {**TEXT, "refusal": "No."},
    {**TEXT, "reasoning": "Hm.", "reasoning_details": [{"type": "reasoning.text", "text": "Hm."}]},
    {**TEXT, "annotations": [{"type": "url_citation"}]},
    {**TEXT, "audio": {"id": "a1"}},
    {**TEXT, "images": [{"type": "image_url", "image_url": {"url": "https://a/b"}}]},
    {**TEXT, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
    {**TEXT, "role": 7},
    {**TEXT, "score": 0},
    {**TEXT, "is_cached": False},
    {"role": "assistant", "content": None},
    {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]},
]


def metadata_of(message: dict[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Return whether the message of an answer is one text, and what is known about the answer."""
    choice = {"index": 0, "message": message, "finish_reason": "stop", "odd": 1}
    completion = parse_completion({"id": "gen-1", "choices": [choice], "usage": {"cost": 0.1}, "odder": [1]})
    return completion.choices[0].is_text_alone, render_metadata(completion)


def test_messages_of_one_text_are_known() -> None:
    """What has a value beside the text, be it zero, makes a message more than one text."""
    assert all(metadata_of(message)[0] for message in ALONE)
    assert not any(metadata_of(message)[0] for message in WITH_MORE)


def test_the_whole_answers_value_stands_over_the_messages() -> None:
    """Of two values under one name without a field here, that of the whole answer is told, then the choice's."""
    message = {"content": [{"type": "odd"}], "mood": "message"}
    choice = {"index": 0, "message": message, "mood": "choice"}
    completion = parse_completion({"choices": [choice], "content": "answer"})
    assert render_metadata(completion)["extra"] == {"content": "answer", "mood": "choice"}


def test_short_way_tells_what_the_long_way_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata of one text are those that looking at every key would find, in the same order."""
    short = [metadata_of(message)[1] for message in ALONE]
    monkeypatch.setattr(CompletionChoice, "is_text_alone", False)
    long = [metadata_of(message)[1] for message in ALONE]
    assert [list(one.items()) for one in short] == [list(one.items()) for one in long]


def test_what_calls_hold_beside_name_and_arguments_is_told() -> None:
    """A thought signature on a call is under `extra`, with the id of its call; a plain call is not."""
    signed = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    calls = [
        {"id": "a", "type": "function", **signed, "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}", "thought_signature": "c2ln"}},
    ]
    _, metadata = metadata_of({"content": None, "tool_calls": calls})
    assert metadata["extra"]["tool_calls"] == [
        {"id": "a", **signed},
        {"id": "c", "function": {"thought_signature": "c2ln"}},
    ]
