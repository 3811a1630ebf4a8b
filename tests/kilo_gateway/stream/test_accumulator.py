"""Streams put together: deltas as they come, and a whole answer equal to the unstreamed one."""

from __future__ import annotations

import copy
import json
import random
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, cast

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.answer.metadata import render_metadata
from kilo_gateway.answer.tool_calls import ToolCallDelta
from kilo_gateway.stream.accumulator import Accumulator
from kilo_gateway.stream.delta import Delta
from kilo_gateway.stream.sse import SseDecoder
from kilo_gateway.wire import Chunk

from ..odd_json import odd_object  # noqa: TID252 - test folders are no packages

SAMPLES = {path.stem: path for path in (Path(__file__).parents[2] / "data" / "samples").rglob("*.sse")}
FACTS = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "provider": "P"}


def chunk(delta: Any = None, **choice: Any) -> dict[str, Any]:
    """Return an ordinary chunk with one choice."""
    return {**FACTS, "choices": [{"index": 0, "delta": delta, "finish_reason": None, **choice}]}


def accumulate(chunks: list[dict[str, Any]]) -> tuple[Accumulator, list[Delta]]:
    """Return the state after these chunks and all deltas; the chunks must come out of it as they went in."""
    accumulator = Accumulator(requested_model="asked")
    sent = copy.deepcopy(chunks)
    deltas = [delta for event in chunks for delta in accumulator.add(event)]
    deltas += accumulator.finish()
    assert chunks == sent
    return accumulator, deltas


def message_of(*deltas: Any) -> Any:
    """Return the message that the deltas of one choice make."""
    accumulator, _ = accumulate([chunk(delta) for delta in deltas])
    return accumulator.body()["choices"][0]["message"]


def play(body: bytes, points: list[int]) -> tuple[list[Delta], Any]:
    """Return the deltas and the body of a recorded stream that arrives in pieces."""
    decoder, accumulator, deltas = SseDecoder(), Accumulator(), []
    places = [0, *points, len(body)]
    for start, end in pairwise(places):
        for payload in decoder.feed(body[start:end]):
            if payload != b"[DONE]":
                deltas += accumulator.add(orjson.loads(payload))
    assert decoder.finish() is None
    return deltas + accumulator.finish(), accumulator.body()


@pytest.mark.parametrize("name", SAMPLES)
def test_recorded_streams_are_the_same_in_any_pieces(name: str) -> None:
    """A recorded stream cut at every byte, or at one of many, gives the same deltas and the same answer."""
    body = SAMPLES[name].read_bytes()
    whole = play(body, [])
    assert play(body, list(range(1, len(body)))) == whole
    rng = random.Random(name)
    for cut in rng.sample(range(1, len(body)), 40):
        assert play(body, [cut]) == whole


RECORDED = {
    # name: (text, reasoning, finish reason, native finish reason, model, cost, is complete)
    "cache_streaming_e2e": ("Hello!", "", "stop", "stop", "anthropic/claude-4.6-sonnet-20260217", 0.000837, True),
    "streaming_reasoning": (
        "2 + 2 = 4",
        "This is a simple arithmetic question. 2+2 equals 4.",
        "stop",
        "stop",
        "anthropic/claude-sonnet-4.5",
        0.000669,
        True,
    ),
    "stream_error": (
        "",
        "We need to respond to a greeting. The user",
        "length",
        "length",
        "minimax/minimax-m2:free",
        0.0,
        True,
    ),
    "newest-midstream-gateway-timeout": (
        "partial answer",
        "",
        None,
        None,
        "anthropic/claude-4.6-sonnet-20260217",
        None,
        False,
    ),
    "newest-midstream-provider-error": ("partial", "", "error", "error", "x-ai/grok-4", None, True),
    "newest-free-model-no-cost": ("pong", "", "stop", "stop", "stepfun/step-3.7-flash:free", None, True),
    "newest-tools-claude": (
        "",
        "I need two lookups.",
        "tool_calls",
        "tool_use",
        "anthropic/claude-4.6-sonnet-20260217",
        0.00096,
        True,
    ),
    "feb-custom-llm": ("Hi", "hm", "tool_calls", None, "kilo/acme-model", None, True),
    "reasoning-after-content": ("Answer.", "because", "stop", "stop", "minimax/minimax-m2.5", 0.00096, True),
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_streams_are_read(name: str) -> None:
    """What each recorded stream says is said once, also when it was sent twice."""
    deltas, _ = play(SAMPLES[name].read_bytes(), [])
    payloads = [line[6:] for line in SAMPLES[name].read_bytes().split(b"\n") if line.startswith(b"data: {")]
    accumulator, again = accumulate([orjson.loads(payload) for payload in payloads])
    assert again == deltas
    read = accumulator.completion()
    cost = read.usage.cost if read.usage else None
    facts = (read.text, read.reasoning, read.finish_reason, read.native_finish_reason, read.model, cost)
    assert (*facts, accumulator.is_complete) == RECORDED[name]
    assert "".join(delta.text for delta in deltas) == read.text
    assert "".join(delta.reasoning for delta in deltas) == read.reasoning
    assert accumulator.has_content


def test_recorded_reasoning_goes_back_byte_for_byte() -> None:
    """Signatures and encrypted reasoning come out as they came in."""
    claude = play(SAMPLES["streaming_reasoning"].read_bytes(), [])[1]["choices"][0]["message"]["reasoning_details"]
    raw = SAMPLES["streaming_reasoning"].read_text()
    assert [set(entry) for entry in claude] == [{"type", "text", "signature", "format", "index"}]
    assert len(claude[0]["signature"]) > 100
    assert f'"signature":"{claude[0]["signature"]}"' in raw
    secret = play(SAMPLES["stream_with_reasoning"].read_bytes(), [])[1]["choices"][0]["message"]["reasoning_details"]
    raw = SAMPLES["stream_with_reasoning"].read_text()
    assert [entry["type"] for entry in secret] == ["reasoning.encrypted"]
    assert orjson.dumps(secret[0]).decode() in raw


def test_recorded_tool_calls_are_whole() -> None:
    """Two parallel calls of a stream come out with their ids, names and arguments."""
    deltas, body = play(SAMPLES["newest-tools-claude"].read_bytes(), [])
    calls = body["choices"][0]["message"]["tool_calls"]
    assert [call["function"] for call in calls] == [
        {"name": "get_weather", "arguments": '{"city": "Paris"}'},
        {"name": "get_weather", "arguments": '{"city": "Rome"}'},
    ]
    assert [call["id"] for call in calls] == ["toolu_bdrk_01A", "toolu_bdrk_01B"]
    named = [call for delta in deltas for call in delta.tool_calls if call.id or call.name]
    assert [(call.position, call.id, call.name) for call in named] == [
        (0, "toolu_bdrk_01A", "get_weather"),
        (1, "toolu_bdrk_01B", "get_weather"),
    ]


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "a"}, finish_reason="stop"), {**FACTS, "choices": [], "usage": {"prompt_tokens": 7}}],
        [chunk({"content": "a"}, finish_reason="stop"), {**chunk({"content": ""}), "usage": {"prompt_tokens": 7}}],
        [
            chunk({"content": "a"}, finish_reason="stop"),
            {**chunk({"content": ""}, finish_reason="stop"), "usage": {"prompt_tokens": 7}},
        ],
        [chunk({"content": "a"}), chunk({}, finish_reason="stop", usage={"prompt_tokens": 7})],
        [
            {**chunk({"content": "a"}), "usage": {"prompt_tokens": 3}},
            {**chunk({}, finish_reason="stop"), "usage": {"prompt_tokens": 7}},
            {**FACTS, "choices": None, "usage": None},
        ],
        [chunk({"content": "a"}, finish_reason="stop"), {"usage": {"prompt_tokens": 7}}, {"usage": {}}, {"usage": "x"}],
    ],
    ids=["no choice", "a silent choice", "a second finish", "in the choice", "on every chunk", "alone"],
)
def test_usage_counts_once(chunks: list[dict[str, Any]]) -> None:
    """Wherever usage stands, the last one is the answer's; nothing is summed or doubled."""
    accumulator, deltas = accumulate(chunks)
    assert accumulator.body() == {
        **FACTS,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7},
    }
    assert accumulator.is_complete
    assert [delta.text for delta in deltas] == ["a"]


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": {}},
        {"choices": [None, "x", 3]},
        {"choices": [{}]},
        {"choices": [{"delta": None}]},
        {"choices": [{"index": None, "delta": []}]},
        {"choices": [{"index": [], "delta": "x", "message": 3, "logprobs": [], "finish_reason": {}}]},
        {"choices": [{"index": 0, "delta": {"content": None, "tool_calls": None, "reasoning_details": None}}]},
        {"choices": [{"index": 0, "delta": {"content": [], "tool_calls": {}, "annotations": [], "audio": None}}]},
        {"choices": [{"index": 0, "delta": {"role": ["x"], "refusal": "", "images": None}}], "usage": None},
        {"id": None, "model": "", "created": None, "provider": None, "usage": []},
    ],
)
def test_odd_chunks_change_nothing(odd: dict[str, Any]) -> None:
    """Nulls, gaps and wrong types between good chunks are survived without a trace."""
    good = [chunk({"role": "assistant", "content": "a"}), chunk({"content": "b"}, finish_reason="stop")]
    expected, expected_deltas = accumulate(good)
    accumulator, deltas = accumulate([odd, good[0], odd, good[1], odd])
    assert accumulator.body() == expected.body()
    assert deltas == expected_deltas


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        ({"delta": {"reasoning_details": "x"}}, {"reasoning_details": "x"}),
        ({"delta": {"reasoning": {"steps": 2}}}, {"reasoning": {"steps": 2}}),
        ({"delta": {"tool_calls": "f()"}}, {"tool_calls": "f()"}),
        ({"delta": {"refusal": {"why": 1}}}, {"refusal": {"why": 1}}),
        ({"delta": {}, "logprobs": -1.8e-06}, {"logprobs": -1.8e-06}),
        ({"delta": {}, "native_finish_reason": 3}, {"native_finish_reason": 3}),
    ],
)
def test_values_of_other_types_are_kept(choice: dict[str, Any], kept: dict[str, Any]) -> None:
    """What is not understood is under `extra` as sent, from a stream as from a whole answer."""
    good = [chunk({"role": "assistant", "content": "a"}), chunk({"content": "b"}, finish_reason="stop")]
    accumulator, _ = accumulate([good[0], {"choices": [{"index": 0, **choice}]}, good[1]])
    streamed = render_metadata(accumulator.completion())
    message = {"role": "assistant", "content": "ab", **choice["delta"]}
    whole = {**FACTS, "choices": [{"finish_reason": "stop", **choice, "delta": None, "message": message}]}
    assert streamed["extra"] == kept
    assert streamed == render_metadata(parse_completion(whole, requested_model="asked"))


@pytest.mark.parametrize(
    ("name", "value"), [("usage", [3]), ("id", 7), ("provider", {"name": "x"}), ("created", "now")]
)
def test_facts_of_other_types_are_kept(name: str, value: Any) -> None:
    """So is a fact of the whole answer."""
    event = {**FACTS, **chunk({"content": "a"}, finish_reason="stop"), name: value}
    accumulator, _ = accumulate([event])
    assert render_metadata(accumulator.completion())["extra"] == {name: value}


WORDS = [{"reasoning": "Let me "}, {"reasoning": "think."}]
DETAIL = {"type": "reasoning.text", "text": "Let me think.", "index": 0, "signature": "sig"}


@pytest.mark.parametrize(
    ("deltas", "details"),
    [
        ([*WORDS, {"reasoning_details": [DETAIL]}], [DETAIL]),
        ([*WORDS, {"reasoning": "Let me think.", "reasoning_details": [DETAIL]}], [DETAIL]),
        ([*WORDS, {"reasoning_content": "Let me think.\n"}], []),
        ([*WORDS, {"reasoning_details": [{"type": "reasoning.summary", "summary": "Let me think."}]}], None),
        (
            [
                {"reasoning_details": [{"type": "reasoning.text", "text": "Let me ", "index": 0}]},
                {"reasoning_details": [{"type": "reasoning.text", "text": "think.", "index": 0}]},
                {"reasoning_details": [DETAIL]},
            ],
            [DETAIL],
        ),
    ],
    ids=["details", "text and details", "another key", "a summary", "the details themselves"],
)
@pytest.mark.parametrize("is_last_word", [True, False])
def test_reasoning_that_is_repeated_counts_once(
    deltas: list[dict[str, Any]], details: list[dict[str, Any]] | None, is_last_word: bool
) -> None:
    """All the reasoning once more, with the finish reason or behind it, is the reasoning and not its continuation."""
    end = (
        [chunk(deltas[-1], finish_reason="stop")]
        if is_last_word
        else [chunk({}, finish_reason="stop"), chunk(deltas[-1])]
    )
    accumulator, given = accumulate([*map(chunk, deltas[:-1]), *end])
    assert "".join(delta.reasoning for delta in given) == accumulator.completion().reasoning == "Let me think."
    if details is not None:
        assert accumulator.completion().reasoning_details == details


def test_words_that_come_twice_are_no_repeat() -> None:
    """A piece that equals what came before it, in the same key, is the model's own repetition."""
    accumulator, _ = accumulate(
        [chunk({"reasoning": "ha"}), chunk({"reasoning": "ha"}), chunk({}, finish_reason="stop")]
    )
    assert accumulator.completion().reasoning == "haha"


def test_a_last_message_repeats_what_was_streamed() -> None:
    """A final event that holds the whole message adds only what had not come."""
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    message = {"role": "assistant", "content": "Hello", "tool_calls": [call], "annotations": [{"type": "x"}]}
    last = {"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    accumulator, deltas = accumulate([chunk({"content": "Hel"}), chunk({"content": "lo", "tool_calls": [call]}), last])
    completion = accumulator.completion()
    assert "".join(delta.text for delta in deltas) == completion.text == "Hello"
    assert completion.tool_calls == [{key: value for key, value in call.items() if key != "index"}]
    assert completion.annotations == [{"type": "x"}]


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Two and "}]}


@pytest.mark.parametrize(
    ("parts", "reasoning", "details"),
    [
        ([THINKING, {**THINKING, "thinking": [{"type": "text", "text": "two."}]}], "Two and two.", []),
        ([{"type": "thinking", "thinking": "Two and two."}], "Two and two.", []),
        ([{"type": "reasoning", "text": "Two and two."}], "Two and two.", []),
        (
            [{"type": "thinking", "thinking": "Two."}, {"type": "thinking", "thinking": "", "signature": "s"}],
            "Two.",
            [{"type": "reasoning.text", "text": "Two.", "signature": "s"}],
        ),
        ([{"type": "redacted_thinking", "data": "x="}], "", [{"type": "reasoning.encrypted", "data": "x="}]),
    ],
)
def test_thinking_among_the_parts_is_reasoning(parts: list[Any], reasoning: str, details: list[Any]) -> None:
    """A server that puts the reasoning into the content is read like any other, and what is signed can go back."""
    text = {"type": "text", "text": "Four."}
    accumulator, deltas = accumulate(
        [*(chunk({"content": [part]}) for part in parts), chunk({"content": [text]}, finish_reason="stop")]
    )
    completion = accumulator.completion()
    assert "".join(delta.reasoning for delta in deltas) == completion.reasoning == reasoning
    assert (completion.text, completion.reasoning_details) == ("Four.", details)


def test_a_delta_shows_its_chunk() -> None:
    """Text, reasoning and tool calls of one chunk come in one delta with the chunk as sent."""
    event = chunk(
        {"content": "t", "reasoning": "r", "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]}
    )
    _, deltas = accumulate([event])
    assert deltas == [Delta(0, "t", "r", [ToolCallDelta(0, "a", "f", "")], cast("Chunk", event))]


def test_choices_are_kept_apart() -> None:
    """Several choices, with and without an index, make several messages in the order of their indexes."""
    accumulator, deltas = accumulate(
        [
            {"choices": [{"index": 1, "delta": {"content": "b"}}, {"index": 0, "delta": {"content": "a"}}]},
            {"choices": [{"delta": {"content": "A"}}, {"index": "1", "delta": {"content": "B"}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        ]
    )
    assert [(delta.choice, delta.text) for delta in deltas] == [(1, "b"), (0, "a"), (0, "A"), (1, "B")]
    assert [choice["message"]["content"] for choice in accumulator.body()["choices"]] == ["aA", "bB"]
    assert not accumulator.is_complete
    accumulator.add({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]})
    assert accumulator.is_complete


def test_an_empty_stream_holds_nothing() -> None:
    """Without a choice nothing is complete and nothing has arrived."""
    accumulator, deltas = accumulate([{"id": "gen-1"}, chunk({"role": "assistant", "content": ""})])
    assert deltas == []
    assert not accumulator.has_content
    assert not accumulator.is_complete
    assert Accumulator().body() == {"object": "chat.completion", "choices": []}
    assert not Accumulator().is_complete


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


@pytest.mark.parametrize(
    ("deltas", "expected"),
    [
        ([{"content": None}], {"content": None}),
        ([{"content": None}, {"content": ""}], {"content": ""}),
        ([{"content": [{"type": "text", "text": "a"}, "b"]}, {"content": "c"}], {"content": "abc"}),
        (
            [{"content": "a"}, {"content": ["b", PICTURE]}, {"content": "c"}],
            {"content": [{"type": "text", "text": "ab"}, PICTURE, {"type": "text", "text": "c"}]},
        ),
        ([{"images": [PICTURE]}, {"images": [PICTURE]}], {"content": None, "images": [PICTURE]}),
        ([{"annotations": [{"a": 1}]}, {"annotations": [{"a": 1}, {"a": 2}]}], {"annotations": [{"a": 1}, {"a": 2}]}),
        ([{"refusal": "ha"}, {"refusal": "ha"}, {"refusal": None}], {"refusal": "haha"}),
        (
            [{"audio": {"id": "i", "data": "AA", "transcript": "ha"}}] * 2,
            {"audio": {"id": "i", "data": "AAAA", "transcript": "haha"}},
        ),
        ([{"x": "a"}, {"x": "b"}, {"x": "ab"}, {"x": "c"}], {"x": "abc"}),
        ([{"x": [1]}, {"x": [1]}], {"x": [1, 1]}),
        ([{"x": {"a": "1", "b": [1], "c": 1}}, {"x": {"a": "2", "b": [2], "c": 2, "d": None}}],
         {"x": {"a": "12", "b": [1, 2], "c": 2, "d": None}}),
        ([{"x": 1}, {"x": 0}, {"x": None}], {"x": 0}),
        ([{"x": "a"}, {"x": {"b": 1}}], {"x": {"b": 1}}),
        ([{"reasoning_content": "a"}, {"reasoning": "b", "reasoning_content": "b"}], {"reasoning": "ab"}),
    ],
)  # fmt: skip
def test_keys_of_deltas_merge(deltas: list[Any], expected: dict[str, Any]) -> None:
    """Each key of a delta ends up in the message once and whole; nothing unknown is lost."""
    assert message_of(*deltas) == {"role": "assistant", "content": None, **expected}


def test_deeply_nested_unknown_values_do_no_harm() -> None:
    """Merging stops at a depth; a value below it is the last one sent."""
    deep: Any = {"end": 1}
    for _ in range(900):
        deep = {"a": deep}
    accumulator = Accumulator()
    for _ in range(2):
        accumulator.add(chunk({"x": deep}))
    assert accumulator.completion().message["x"]["a"]["a"]  # type: ignore[typeddict-item]


def test_facts_beside_the_delta_are_kept() -> None:
    """Log probabilities are extended; of any other fact the last that says something stays, errors included."""
    accumulator, _ = accumulate(
        [
            {**chunk({"content": "a"}, logprobs={"content": [1], "refusal": None}, flag=1), "system_fingerprint": "fp"},
            {**chunk({"content": "b"}, logprobs={"content": [2]}, flag=2), "system_fingerprint": None},
            {**chunk({}, logprobs=None, flag=None, error={"code": 1}), "error": {"code": 2}, "model": "n", "note": [1]},
        ]
    )
    assert accumulator.body() == {
        **FACTS,
        "object": "chat.completion",
        "model": "n",
        "system_fingerprint": "fp",
        "error": {"code": 2},
        "note": [1],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "ab"},
                "finish_reason": None,
                "logprobs": {"content": [1, 2], "refusal": None},
                "flag": 2,
                "error": {"code": 1},
            }
        ],
    }


def test_a_whole_message_in_place_of_a_delta_is_read() -> None:
    """A gateway that answers a streaming request with a whole answer is understood."""
    event = {
        **FACTS,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
    }
    accumulator, deltas = accumulate([event])
    assert [delta.text for delta in deltas] == ["a"]
    assert accumulator.completion().text == "a"


def test_an_id_made_up_at_the_end_is_the_id_in_the_answer() -> None:
    """A call without an id gets one from the answer's id, even when that comes last, in delta and body alike."""
    call = {"function": {"name": "f", "arguments": '{"x":1}'}}
    accumulator, deltas = accumulate(
        [{"choices": [{"delta": {"tool_calls": [call]}}]}, {"id": "msg_01", "choices": [{"delta": {}}]}]
    )
    assert deltas[-1] == Delta(0, "", "", [ToolCallDelta(0, "call_msg_01_0", None, "")], {})
    assert accumulator.completion().tool_calls[0]["id"] == "call_msg_01_0"


KEYS = [
    *("id", "index", "type", "text", "summary", "signature", "data", "name", "arguments", "function", "content"),
    *("tool_calls", "reasoning", "reasoning_details", "images", "audio", "logprobs", "usage", "finish_reason", "x"),
]
DELTA_KEYS = ["content", "tool_calls", "reasoning", "reasoning_details", "annotations", "refusal", "audio", "x"]
CHOICE_KEYS = ["index", "delta", "message", "usage", "finish_reason", "logprobs", "x"]
CHUNK_KEYS = ["id", "model", "provider", "created", "choices", "usage", "x"]


def odd_choice(random: Random) -> dict[str, Any]:
    """Return a choice whose deltas are mostly objects of the usual keys."""
    deltas = {key: odd_object(random, DELTA_KEYS + KEYS) for key in ("delta", "message") if random.random() < 0.6}
    return {**odd_object(random, CHOICE_KEYS), **deltas}


def odd_chunk(random: Random) -> dict[str, Any]:
    """Return a chunk whose choices are mostly lists of such choices."""
    choices = [odd_choice(random) for _ in range(random.randrange(4))]
    return {**odd_object(random, CHUNK_KEYS), **({"choices": choices} if random.random() < 0.7 else {})}


@given(st.randoms(use_true_random=True))
def test_no_json_makes_it_raise(random: Random) -> None:
    """Whatever JSON a stream is made of, it is accumulated and read without an error, and deltas add up to it."""
    for _ in range(2):
        accumulator, deltas = accumulate([odd_chunk(random) for _ in range(random.randrange(7))])
        completion = accumulator.completion()
        for choice in completion.choices:
            own = [delta for delta in deltas if delta.choice == choice.index]
            assert "".join(delta.text for delta in own) == choice.text
            names = [(call["id"], call["function"]["name"]) for call in choice.tool_calls]
            assert len({call.position for delta in own for call in delta.tool_calls}) == len(names) == len(set(names))
        json.dumps(render_metadata(completion))


def test_a_repeat_of_the_reasoning_with_details_of_another_shape_is_survived() -> None:
    """Details whose text is a list, beside reasoning that is stated once more, are kept as sent."""
    odd = {"type": "reasoning.text", "text": ["x"]}
    details = [{"type": "reasoning.text", "text": "Hm."}]
    accumulator, _ = accumulate(
        [chunk({"reasoning_details": details}), chunk({"reasoning": "Hm.", "reasoning_details": [odd]})]
    )
    assert accumulator.completion().reasoning_details == [*details, odd]


def test_usage_of_zeros_behind_another_is_a_filler() -> None:
    """A last chunk that counts nothing does not wipe out what was counted before."""
    accumulator, _ = accumulate(
        [
            chunk({"content": "a"}, finish_reason="stop") | {"usage": {"prompt_tokens": 3, "cost": 0.5}},
            {"id": "gen-1", "choices": [], "usage": {"prompt_tokens": 0, "completion_tokens": 0}},
        ]
    )
    assert accumulator.body()["usage"] == {"prompt_tokens": 3, "cost": 0.5}


@pytest.mark.parametrize(
    ("usages", "whole"),
    [
        (
            [{"prompt_tokens": 3, "total_tokens": 3}, {"completion_tokens": 2}],
            {"prompt_tokens": 3, "completion_tokens": 2},
        ),
        (
            [{"prompt_tokens": 3, "cost": 0.5}, {"prompt_tokens": None, "completion_tokens": 2, "total_tokens": 5}],
            {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "cost": 0.5},
        ),
    ],
    ids=["a sum so far", "null"],
)
def test_tokens_that_two_chunks_count_are_all_counted(usages: list[Any], whole: dict[str, Any]) -> None:
    """Where the input is counted at the beginning and the output at the end, the answer's usage has both."""
    chunks = [chunk({"content": "a"}, finish_reason="stop") | {"usage": usage} for usage in usages]
    completion = accumulate(chunks)[0].completion()
    assert completion.body["usage"] == whole
    assert completion.usage is not None
    assert (completion.usage.input_tokens, completion.usage.output_tokens, completion.usage.total_tokens) == (3, 2, 5)


def test_an_empty_value_behind_another_states_nothing() -> None:
    """The verdicts of a content filter outlast the empty object in the last chunk, as Azure sends it."""
    verdicts = {"hate": {"filtered": False}}
    filtered = [
        chunk({"content": "a"}, content_filter_results=verdicts) | {"prompt_filter_results": [verdicts]},
        chunk({}, finish_reason="stop", content_filter_results={}) | {"prompt_filter_results": []},
    ]
    body: Any = accumulate(filtered)[0].body()
    assert body["choices"][0]["content_filter_results"] == verdicts
    assert body["prompt_filter_results"] == [verdicts]
