"""What other servers call the parts of a message is read as what it is, whole and streamed."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway.answer.completion import Completion, parse_completion
from kilo_gateway.answer.metadata import render_metadata
from kilo_gateway.stream.accumulator import Accumulator


def both(message: dict[str, Any]) -> list[Completion]:
    """Return the answer that holds the message, once whole and once out of a stream of one delta."""
    whole = {"id": "gen-1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    accumulator = Accumulator()
    accumulator.add({"id": "gen-1", "choices": [{"index": 0, "delta": message, "finish_reason": "stop"}]})
    accumulator.finish()
    return [parse_completion(whole), accumulator.completion()]


def calls(completion: Completion) -> list[tuple[str, str]]:
    """Return name and arguments of each call."""
    return [(call["function"]["name"], call["function"]["arguments"]) for call in completion.tool_calls]


@pytest.mark.parametrize(
    "message",
    [
        {"content": None, "function_call": {"name": "f", "arguments": '{"x":1}'}},
        {"content": None, "function_call": {"name": "f", "arguments": {"x": 1}}},
        {
            "content": None,
            "function_call": {"name": "f", "arguments": '{"x":1}'},
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
        },
        {"content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}]},
    ],
)
def test_calls_in_other_spellings_are_calls(message: dict[str, Any]) -> None:
    """A call as `function_call`, or among the parts of the content, is one call, and stands nowhere else."""
    for completion in both(message):
        assert calls(completion) == [("f", '{"x":1}')]
        assert "extra" not in render_metadata(completion)
        assert completion.text == ""


def test_function_call_in_pieces_is_one_call() -> None:
    """The pieces of a streamed `function_call` make one call with an id."""
    accumulator = Accumulator()
    for piece in ({"name": "f", "arguments": ""}, {"arguments": '{"x"'}, {"arguments": ":1}"}):
        accumulator.add({"id": "gen-1", "choices": [{"index": 0, "delta": {"function_call": piece}}]})
    assert [delta.tool_calls[0].id for delta in accumulator.finish()] == ["call_gen-1_0"]
    assert calls(accumulator.completion()) == [("f", '{"x":1}')]


@pytest.mark.parametrize(
    "fields",
    [
        {"reasoning": {"content": "R"}},
        {"reasoning": ["R"]},
        {"reasoning": {"summary": [{"type": "summary_text", "text": "R"}]}},
        {"reasoning_content": [{"type": "text", "text": "R"}]},
        {"thinking": "R"},
        {"thoughts": ["R"]},
        {"thought": "R", "reasoning": "R"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "R"}], "reasoning_content": "R"},
    ],
)
def test_reasoning_in_other_spellings_is_reasoning(fields: dict[str, Any]) -> None:
    """Reasoning under another name, as an object or as a list is the reasoning, once."""
    for completion in both({"content": "z", **fields}):
        assert (completion.reasoning, completion.text) == ("R", "z")
        assert completion.reasoning_details == []
        assert "extra" not in render_metadata(completion)


def test_signed_reasoning_goes_back_to_the_model() -> None:
    """Reasoning with a signature becomes an entry of the details, which are sent back."""
    for fields in (
        {"thinking": {"thinking": "R", "signature": "c2ln"}},
        {"thinking_blocks": [{"type": "thinking", "thinking": "R", "signature": "c2ln"}]},
    ):
        for completion in both({"content": "z", **fields}):
            assert completion.reasoning == "R"
            assert completion.reasoning_details == [{"type": "reasoning.text", "text": "R", "signature": "c2ln"}]


def test_words_that_are_no_reasoning_stay_as_they_are() -> None:
    """A flag or a level under the name of reasoning is kept as sent."""
    for completion in both({"content": "z", "thought": True, "reasoning": {"effort": "high"}}):
        assert completion.reasoning == ""
        assert render_metadata(completion)["extra"] == {"thought": True, "reasoning": {"effort": "high"}}


def test_details_of_other_types_are_read_and_kept() -> None:
    """Entries of types that are not known here go back as they came, and what can be read of them is the reasoning."""
    details = [{"type": "thinking", "thinking": "R"}]
    for completion in both({"content": "z", "reasoning_details": details}):
        assert completion.reasoning == "R"
        assert completion.reasoning_details == details


def test_signed_blocks_in_pieces_are_one_block() -> None:
    """The signature of a streamed block of thoughts signs all its text, as in the answer that was not streamed."""
    deltas = [
        {"reasoning_content": "Hm", "thinking_blocks": [{"type": "thinking", "thinking": "Hm"}]},
        {"reasoning_content": "m.", "thinking_blocks": [{"type": "thinking", "thinking": "m."}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "", "signature": "c2ln"}]},
        {"content": "z"},
    ]
    accumulator = Accumulator()
    for delta in deltas:
        accumulator.add({"choices": [{"index": 0, "delta": delta}]})
    completion = accumulator.completion()
    assert (completion.reasoning, completion.text) == ("Hmm.", "z")
    assert completion.reasoning_details == [{"type": "reasoning.text", "text": "Hmm.", "signature": "c2ln"}]


def test_a_part_that_is_a_thought_is_reasoning() -> None:
    """Gemini marks the parts of its thoughts."""
    for completion in both({"content": [{"text": "R", "thought": True}, {"type": "text", "text": "z"}]}):
        assert (completion.reasoning, completion.text) == ("R", "z")


def test_a_finish_reason_in_other_letters_ends_an_answer() -> None:
    """`finishReason` is the finish reason."""
    for key in ("delta", "message"):
        accumulator = Accumulator()
        choice = {"index": 0, key: {"content": "z"}, "finishReason": "length"}
        accumulator.add({"choices": [choice]})
        assert accumulator.is_complete
        for completion in (accumulator.completion(), parse_completion({"choices": [choice]})):
            assert (completion.finish_reason, completion.text) == ("length", "z")
            assert "extra" not in render_metadata(completion)


COUNTS = {"prompt_tokens": 7, "completion_tokens": 8, "total_tokens": 15}


@pytest.mark.parametrize(
    "fields",
    [
        {"x_groq": {"id": "req", "usage": COUNTS}},
        {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 3, "thoughtsTokenCount": 5}},
        {"usage": [COUNTS]},
        {"usage": None, "prompt_eval_count": 7, "eval_count": 8},
    ],
)
def test_tokens_that_are_counted_elsewhere_are_the_usage(fields: dict[str, Any]) -> None:
    """Groq, Gemini and Ollama count the tokens of an answer under names of their own."""
    accumulator = Accumulator()
    accumulator.add({"choices": [{"index": 0, "delta": {"content": "z"}}]})
    accumulator.add({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **fields})
    choice = {"index": 0, "message": {"content": "z"}, "finish_reason": "stop"}
    for completion in (accumulator.completion(), parse_completion({"choices": [choice], **fields})):
        usage = completion.usage
        assert usage is not None
        assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (7, 8, 15)


def test_usage_inside_the_message_is_the_usage() -> None:
    """Some servers count the tokens of each choice in its message."""
    for completion in both({"content": "z", "usage": COUNTS}):
        assert completion.usage is not None
        assert completion.usage.total_tokens == 15


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"city": "Oslo", "tags": ["a"]}, '{"city":"Oslo","tags":["a"]}'),
        ({"count": 2**70}, '{"count": 1180591620717411303424}'),
        ({"text": "I like it", "label": "good"}, '{"text":"I like it","label":"good"}'),
        ({"type": "person", "name": "Ann"}, '{"type":"person","name":"Ann"}'),
        ({"type": "text", "text": "A"}, "A"),
        ({"text": "A"}, "A"),
        ({"parts": [{"text": "A"}, {"text": "B"}]}, "AB"),
        ([{"type": "output_text", "text": "A", "annotations": []}], "A"),
        ([{"type": "text", "text": {"value": "A", "annotations": []}}], "A"),
    ],
)
def test_texts_in_other_spellings_are_text(content: Any, text: str) -> None:
    """Content that is one part, and text parts of other interfaces, are the text."""
    for completion in both({"content": content}):
        assert completion.text == text


@pytest.mark.parametrize(
    "part", [{"type": "weird", "x": 1}, {"type": "audio", "audio": {"data": "QQ=="}}, {"city": "Oslo"}]
)
def test_parts_that_are_not_understood_are_kept(part: dict[str, Any]) -> None:
    """A part of a kind that is not known here stands in the metadata, with the parts around it."""
    for completion in both({"content": [part, {"type": "text", "text": "z"}]}):
        assert completion.text == "z"
        assert render_metadata(completion)["extra"] == {"content": [part, {"type": "text", "text": "z"}]}


def test_a_refusal_among_the_parts_is_the_refusal() -> None:
    """A part of type `refusal` says why the model refused."""
    for completion in both({"content": [{"type": "refusal", "refusal": "No."}]}):
        assert (completion.refusal, completion.text) == ("No.", "")


def test_a_stream_of_text_completions_is_read() -> None:
    """A choice that holds `text` and no delta adds that text."""
    accumulator = Accumulator()
    for text in ("Hel", "lo"):
        accumulator.add({"choices": [{"index": 0, "text": text, "finish_reason": None}]})
    accumulator.add({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    completion = accumulator.completion()
    assert (completion.text, completion.finish_reason) == ("Hello", "stop")
    assert "extra" not in render_metadata(completion)


def test_a_citation_that_one_chunk_states_twice_stays_twice() -> None:
    """What one chunk says is kept as a whole answer keeps it; what a later chunk repeats is not."""
    accumulator = Accumulator()
    for _ in range(2):
        accumulator.add({"choices": [{"index": 0, "delta": {"annotations": [{"type": "a"}, {"type": "a"}]}}]})
    assert accumulator.completion().annotations == [{"type": "a"}] * 2


def test_content_that_is_a_number_is_kept_as_sent() -> None:
    """A number is no text; it stands in the metadata."""
    for completion in both({"content": 5}):
        assert completion.text == ""
        assert render_metadata(completion)["extra"] == {"content": 5}


def test_parts_in_pieces_are_the_parts() -> None:
    """Anthropic's names for pieces of parts are read as the parts that they make."""
    parts: list[dict[str, Any]] = [
        {"type": "thinking_delta", "thinking": "Hm"},
        {"type": "thinking_delta", "thinking": "m."},
        {"type": "signature_delta", "signature": "c2ln"},
        {"type": "text_delta", "text": "Y"},
        {"type": "text_delta", "text": "es"},
    ]
    accumulator = Accumulator()
    for part in parts:
        accumulator.add({"choices": [{"index": 0, "delta": {"content": [part]}}]})
    completion = accumulator.completion()
    assert (completion.reasoning, completion.text) == ("Hmm.", "Yes")
    assert completion.reasoning_details == [{"type": "reasoning.text", "text": "Hmm.", "signature": "c2ln"}]
    assert "extra" not in render_metadata(completion)


def test_arguments_in_pieces_among_the_parts_are_those_of_the_call() -> None:
    """A call that begins without arguments is not run without those that follow."""
    parts: list[dict[str, Any]] = [
        {"type": "tool_use", "id": "a", "name": "f", "input": {}},
        {"type": "input_json_delta", "partial_json": '{"x"'},
        {"type": "input_json_delta", "partial_json": ":1}"},
    ]
    accumulator = Accumulator()
    for part in parts:
        accumulator.add({"choices": [{"index": 0, "delta": {"content": [part]}}]})
    completion = accumulator.completion()
    assert calls(completion) == [("f", '{"x":1}')]
    assert "extra" not in render_metadata(completion)
