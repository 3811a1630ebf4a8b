"""Whole answers: read tolerantly, equal to what a stream of the same answer adds up to, and their metadata."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.answer.choice import CompletionChoice
from kilo_gateway.answer.completion import Completion, parse_completion
from kilo_gateway.answer.metadata import render_metadata
from kilo_gateway.answer.usage import parse_usage
from kilo_gateway.stream.accumulator import Accumulator

SAMPLES = Path(__file__).parents[2] / "data" / "samples"


def load(name: str) -> Any:
    """Return a recorded answer."""
    return json.loads((SAMPLES / name).read_text())


def read(message: Any, **choice: Any) -> Completion:
    """Return the answer that holds this message."""
    return parse_completion({"id": "gen", "choices": [{"index": 0, "message": message, **choice}]})


def test_a_recorded_tool_call_is_read() -> None:
    """A recorded answer with a tool call and empty content is read field by field and kept as received."""
    body = load("recorded/tool_calling.200.json")
    completion = parse_completion(body, requested_model="mistralai/mistral-small:latest")
    assert completion.body == load("recorded/tool_calling.200.json")
    assert (completion.id, completion.created) == ("gen-1762047030-dJUcJW4ildNGqK4UV6iJ", 1762047030)
    assert (completion.model, completion.provider) == ("mistralai/mistral-small", "Mistral")
    assert (completion.text, completion.reasoning, completion.refusal) == ("", "", None)
    assert completion.finish_reason == completion.native_finish_reason == "tool_calls"
    assert completion.tool_calls == [
        {
            "id": "3sniiMddS",
            "type": "function",
            "function": {
                "name": "divide",
                "arguments": '{"numerator": 123, "denominator": 456, "on_inf": "infinity"}',
            },
        }
    ]
    assert completion.usage == parse_usage(body["usage"])


def test_recorded_reasoning_and_annotations_pass_unchanged() -> None:
    """Reasoning details and a parsed file come out as the recording has them."""
    message = load("recorded/file_annotation.200.json")["choices"][0]["message"]
    completion = parse_completion(load("recorded/file_annotation.200.json"))
    assert completion.reasoning == "**Assessing dummy PDF file**"
    assert completion.reasoning_details == message["reasoning_details"]
    assert completion.annotations == message["annotations"]
    assert completion.message == message


def test_recorded_cost_under_the_gateways_own_key() -> None:
    """A recorded answer with is_byok is billed at the upstream cost."""
    metadata = render_metadata(parse_completion(load("recorded/google_nested_schema.0.200.json")))
    assert (metadata["cost"], metadata["billed_cost"], metadata["is_byok"]) == (0, 0.0003253, True)
    assert metadata["native_finish_reason"] == "STOP"
    assert metadata["cost_details"]["upstream_inference_prompt_cost"] == 9.78e-05


def test_the_provider_of_an_answer_through_vercel() -> None:
    """An answer without a provider names it inside its message."""
    completion = parse_completion(load("synthetic/vercel-routed.json"))
    assert completion.provider == "zai"
    assert (
        render_metadata(completion)["extra"]["provider_metadata"]["gateway"]["routing"]["canonicalSlug"] == "zai/glm-5"
    )


def test_empty_values_are_left_out_and_zeros_are_not() -> None:
    """Metadata, named or not, have no null and no empty text, list or object; 0 and False are facts."""
    empty = {"new_null": None, "new_text": "", "new_list": [], "new_object": {}}
    facts = {"new_zero": 0, "new_fraction": 0.0, "new_no": False, "new_word": "x", "new_nulls": [None]}
    usage = {"cost": 0, "is_byok": False, "prompt_tokens": 1}
    body = {"usage": usage, "service_tier": "", "system_fingerprint": None, **empty, **facts, "choices": [{**facts}]}
    assert render_metadata(parse_completion(body)) == {
        "cost": 0,
        "billed_cost": 0,
        "is_byok": False,
        "usage": usage,
        "extra": facts,
    }


@pytest.mark.parametrize(
    "body",
    [
        None, [], "x", 3, {}, {"choices": None}, {"choices": {}}, {"choices": [None, 3, "x"]},
        {"id": 3, "model": [], "provider": {}, "created": "never", "usage": [], "choices": []},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_an_empty_one(body: Any) -> None:
    """Wrong types at the top never raise, and every property has its empty value."""
    completion = parse_completion(body)
    assert completion.choices == ()
    empty = (completion.id, completion.model, completion.provider, completion.created, completion.usage)
    assert empty == (None,) * 5
    facts = (completion.finish_reason, completion.native_finish_reason, completion.logprobs, completion.refusal)
    assert (*facts, completion.audio) == (None,) * 5
    assert (completion.text, completion.reasoning) == ("", "")
    lists = (completion.tool_calls, completion.reasoning_details, completion.annotations, completion.images)
    assert lists == ([],) * 4
    assert completion.message == {}
    assert render_metadata(completion).keys() <= {"extra"}


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "text",
        {},
        {"content": 3, "reasoning": [], "reasoning_details": "x", "tool_calls": "x", "annotations": {}, "images": 3},
        {"content": None, "reasoning_details": ["x", None], "tool_calls": [None], "refusal": [], "audio": "x"},
        {"content": [None, 3, {}, {"type": "text", "text": None}, {"type": []}]},
    ],
)
def test_odd_messages_are_empty(message: Any) -> None:
    """Wrong types in a message are absent values."""
    completion = read(message, finish_reason=3, native_finish_reason={}, logprobs="x", index="x")
    choice = completion.choices[0]
    assert (choice.index, choice.text, choice.reasoning, choice.refusal, choice.audio) == (0, "", "", None, None)
    assert (choice.finish_reason, choice.native_finish_reason, choice.logprobs) == (None, None, None)
    assert [choice.tool_calls, choice.reasoning_details, choice.annotations, choice.images] == [[]] * 4


def test_parts_of_content_are_read() -> None:
    """Of content that is a list, texts are joined and pictures are images."""
    picture = {"type": "image_url", "image_url": {"url": "data:,x"}}
    completion = read({"content": [{"type": "text", "text": "a"}, picture, "b", {"text": "c"}], "images": [picture]})
    assert completion.text == "abc"
    assert completion.images == [picture, picture]


def test_calls_are_made_regular_without_touching_the_body() -> None:
    """Arguments become JSON text and ids are made up in the message; the body stays as received."""
    body = {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}, {"id": "b", "function": None}]}}]}  # fmt: skip # noqa: E501
    sent = copy.deepcopy(body)
    completion = parse_completion(body)
    assert completion.tool_calls == [
        {"id": "call_kilo_0", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}},
        {"id": "b", "type": "function", "function": {"name": "", "arguments": ""}},
    ]
    assert completion.message["tool_calls"] == completion.tool_calls
    assert body == completion.body == sent


def test_the_first_choice_speaks_for_the_answer() -> None:
    """Properties of the answer are those of its first choice, in the order in which they came."""
    choices = [
        {"index": 1, "message": {"content": "b"}, "finish_reason": "length"},
        {"index": 0, "message": {"content": "a"}},
    ]
    completion = parse_completion({"choices": choices})
    assert (completion.text, completion.finish_reason) == ("b", "length")
    assert [choice.index for choice in completion.choices] == [1, 0]
    assert render_metadata(completion, 1) == {}
    assert render_metadata(completion, 2) == render_metadata(completion, -1) == {}


@pytest.mark.parametrize("choice", [{"text": "a"}, {"delta": {"content": "a"}}, {"message": None, "text": "a"}])
def test_text_in_other_places_is_found(choice: dict[str, Any]) -> None:
    """A choice with plain text, or with a delta in a whole answer, is read."""
    assert parse_completion({"choices": [choice]}).text == "a"


def test_usage_inside_a_choice_is_found() -> None:
    """Usage that stands in a choice counts when the answer has none."""
    completion = parse_completion({"usage": None, "choices": [{"usage": {"prompt_tokens": 2}}, {"usage": None}]})
    assert completion.usage is not None
    assert completion.usage.input_tokens == 2


def test_metadata_holds_every_fact_once() -> None:
    """Each known fact has its key, what is unknown comes under extra, and empty values stay out."""
    detail = {"type": "reasoning.text", "text": "r"}
    body = {
        "id": "gen", "object": "chat.completion", "created": 5.0, "model": "m-1", "provider": "P",
        "system_fingerprint": None, "service_tier": "default", "user_id": "u", "empty": [],
        "choices": [{
            "index": 0, "finish_reason": "stop", "native_finish_reason": "end", "logprobs": {"content": []}, "note": 1,
            "message": {
                "role": "assistant", "content": "t", "reasoning": "r", "reasoning_details": [detail], "refusal": "no",
                "annotations": [{"type": "x"}], "images": [], "audio": {"id": "a"}, "odd": "o", "none": None,
            },
        }],
        "usage": {"prompt_tokens": 1, "cost": 0, "is_byok": False, "cost_details": {"upstream_inference_cost": None}},
    }  # fmt: skip
    metadata = render_metadata(parse_completion(body, requested_model="m"))
    assert metadata == {
        "id": "gen", "model": "m-1", "requested_model": "m", "provider": "P", "created": 5, "service_tier": "default",
        "finish_reason": "stop", "native_finish_reason": "end", "logprobs": {"content": []}, "cost": 0.0,
        "billed_cost": 0.0, "cost_details": {"upstream_inference_cost": None}, "is_byok": False, "usage": body["usage"],
        "reasoning": "r", "reasoning_details": [detail], "annotations": [{"type": "x"}], "refusal": "no",
        "audio": {"id": "a"}, "extra": {"odd": "o", "note": 1, "user_id": "u"},
    }  # fmt: skip
    assert json.loads(json.dumps(metadata)) == metadata
    assert "requested_model" not in render_metadata(parse_completion(body, requested_model="m-1"))


def test_answers_can_be_compared_and_made_by_hand() -> None:
    """Completions are plain values: equal when their parts are, and usable without a gateway."""
    made = Completion(choices=(CompletionChoice(message={"role": "assistant", "content": "a"}),))
    assert made.text == "a"
    assert made == Completion(choices=(CompletionChoice(message={"role": "assistant", "content": "a"}),))


def cut(draw: st.DrawFn, text: str) -> list[str]:
    """Draw pieces of a text."""
    points = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *points], [*points, len(text)], strict=True)]


def stream_reasoning(draw: st.DrawFn, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return deltas that carry the reasoning of a message, each signature after its text."""
    deltas: list[dict[str, Any]] = []
    for detail in message.get("reasoning_details", []):
        rest = {key: value for key, value in detail.items() if key not in {"text", "signature"}}
        if "text" not in detail:
            deltas.append({"reasoning_details": [detail]})
            continue
        deltas += [
            {"content": "", "reasoning": piece, "reasoning_details": [{**rest, "text": piece}]}
            for piece in cut(draw, detail["text"])
        ]
        if "signature" in detail:
            deltas.append({"reasoning": None, "reasoning_details": [{**rest, "signature": detail["signature"]}]})
    return deltas


def stream_calls(draw: st.DrawFn, message: dict[str, Any]) -> list[dict[str, Any]]:
    """Return deltas that carry the tool calls of a message."""
    deltas: list[dict[str, Any]] = []
    for index, call in enumerate(message.get("tool_calls", [])):
        function = call["function"]
        head, *tail = cut(draw, function["arguments"])
        first = {**call, "index": index, "function": {**function, "arguments": head}}
        deltas.append({"content": None, "tool_calls": [first]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": piece}}]} for piece in tail]
    return deltas


texts = st.text(max_size=12)
details = st.lists(
    st.fixed_dictionaries(
        {"type": st.just("reasoning.text"), "text": texts.filter(bool), "format": st.just("anthropic-claude-v1")},
        optional={"signature": texts.filter(bool)},
    )
    | st.fixed_dictionaries(
        {"type": st.just("reasoning.encrypted"), "data": texts.filter(bool), "format": st.just("google-gemini-v1")},
        optional={"id": texts.filter(bool)},
    ),
    max_size=3,
)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("function"),
            "function": st.fixed_dictionaries({"name": st.sampled_from(["f", "g"]), "arguments": texts}),
        },
        optional={"id": texts.filter(bool), "extra_content": st.just({"google": {"thought_signature": "s"}})},
    ),
    max_size=3,
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Draw an answer and one of the ways to stream it: chunks in wire order, scalars and usage repeated."""
    message: dict[str, Any] = {"role": "assistant", "content": draw(texts)}
    if drawn := draw(details):
        message["reasoning_details"] = [{**detail, "index": i} for i, detail in enumerate(drawn)]
        message["reasoning"] = "".join(detail.get("text", "") for detail in drawn) or None
    if drawn_calls := draw(calls):
        message["tool_calls"] = drawn_calls
    if draw(st.booleans()):
        message["annotations"] = [{"type": "url_citation", "url_citation": {"url": "u", "title": ""}}]
        message["refusal"] = draw(st.none() | texts.filter(bool))
    facts = {"id": "gen-1", "model": "m", "provider": "P", "created": 1, "system_fingerprint": None}
    ending = {"finish_reason": "stop", "native_finish_reason": draw(st.sampled_from(["STOP", "end_turn"]))}
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.1}
    deltas = stream_reasoning(draw, message) + [{"content": piece} for piece in cut(draw, message["content"])]
    deltas += stream_calls(draw, message)
    deltas += [{key: message[key]} for key in ("annotations", "refusal") if key in message]
    chunks = [{**facts, "choices": [{"index": 0, "delta": {"role": "assistant", **delta}}]} for delta in deltas]
    last = {"index": 0, "delta": {"role": "assistant", "content": ""}, **ending}
    chunks += [{**facts, "choices": [last]}, {**facts, "choices": draw(st.sampled_from([[], [last]])), "usage": usage}]
    body = {
        **facts,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "logprobs": None, **ending}],
    }
    return {**body, "usage": usage}, chunks


@given(answers())
def test_a_stream_adds_up_to_the_unstreamed_answer(case: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """An answer that was streamed equals the same answer sent whole, field by field, metadata included."""
    body, chunks = case
    accumulator = Accumulator(requested_model="asked")
    for event in chunks:
        accumulator.add(orjson.loads(orjson.dumps(event)))
    accumulator.finish()
    streamed, whole = accumulator.completion(), parse_completion(body, requested_model="asked")
    assert streamed.usage == whole.usage
    assert (streamed.text, streamed.reasoning, streamed.tool_calls) == (whole.text, whole.reasoning, whole.tool_calls)
    assert streamed.reasoning_details == whole.reasoning_details
    assert render_metadata(streamed) == render_metadata(whole)
    assert parse_completion(streamed.body, requested_model="asked") == streamed
