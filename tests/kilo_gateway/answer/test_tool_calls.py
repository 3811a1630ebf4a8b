"""Tool calls from fragments of every shape seen on gateways, and their arguments."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.answer.tool_calls import ToolCallAssembler, ToolCallDelta, parse_tool_calls
from kilo_gateway.tool_arguments import parse_arguments


def part(index: Any = None, id_: Any = None, name: Any = None, arguments: Any = None, **more: Any) -> dict[str, Any]:
    """Return a fragment that holds only the keys that are not None."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    keys = {"index": index, "id": id_, "function": function or None, **more}
    return {key: value for key, value in keys.items() if value is not None}


def assemble(fragments: list[Any]) -> list[tuple[str, str, str]]:
    """Return (id, name, arguments) of each call, once read from the calls and once from the deltas."""
    assembler = ToolCallAssembler()
    sent = copy.deepcopy(fragments)
    deltas = [delta for fragment in fragments for delta in assembler.add([fragment])]
    calls = assembler.calls("gen")
    deltas += assembler.finish("gen")
    assert assembler.calls() == calls
    assert fragments == sent
    summary = [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls]
    assert sorted(join(deltas)) == sorted(summary)
    return summary


def join(deltas: list[ToolCallDelta]) -> list[tuple[str, str, str]]:
    """Return (id, name, arguments) of each call as a consumer sees it that concatenates what it gets."""
    joined: dict[int, list[str]] = {}
    for delta in deltas:
        call = joined.setdefault(delta.position, ["", "", ""])
        for place, piece in enumerate((delta.id, delta.name, delta.arguments)):
            call[place] += piece or ""
    assert list(joined) == list(range(len(joined)))
    return [(call[0], call[1], call[2]) for call in joined.values()]


A, B = ("a", "f", '{"x":1}'), ("b", "g", '{"y":2}')
TWICE_A = [("a", "f", '{"x":1}'), ("call_gen_1", "f", '{"x":1}')]

SHAPES: dict[str, tuple[list[Any], list[tuple[str, str, str]]]] = {
    "the whole call once more at the end": (
        [part(0, "a", "f", '{"x"'), part(0, arguments=":1}"), part(0, "a", "f", '{"x":1}')],
        [A],
    ),
    "a new id and the name with each piece": (
        [part(0, "a", "f", '{"x"'), part(0, "b", "f", ":1}")],
        [A],
    ),
    "a new id and the name with each piece, without an index": (
        [part(None, "a", "f", '{"x"'), part(None, "b", "f", ":"), part(None, "c", "f", "1}")],
        [A],
    ),
    "an empty object before the arguments": ([part(0, "a", "f", {}), part(0, arguments='{"x":1}')], [A]),
    "an empty object and blanks alone": ([part(0, "a", "f", "{}"), part(0, arguments=" ")], [("a", "f", "{} ")]),
    "two calls with empty objects and without ids": (
        [part(None, None, "f", "{}"), part(None, None, "f", "{}")],
        [("call_gen_0", "f", "{}"), ("call_gen_1", "f", "{}")],
    ),
    "name and arguments beside the id": ([{"index": 0, "id": "a", "name": "f", "arguments": {"x": 1}}], [A]),
    "an input beside the id": ([{"id": "a", "type": "tool_use", "name": "f", "input": {"x": 1}}], [A]),
    "arguments called parameters": ([{"id": "a", "function": {"name": "f", "parameters": {"x": 1}}}], [A]),
    "a custom tool's call": (
        [{"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "ls"}}],
        [("a", "f", "ls")],
    ),
    "another id on every fragment": (
        [part(0, "a", "f", ""), part(0, "b", arguments='{"x":'), part(0, "c", arguments="1}")],
        [A],
    ),
    "the word null as the id of later fragments": (
        [
            part(0, "a", "f", ""),
            part(0, "null", arguments='{"x":1}'),
            part(1, "b", "g"),
            part(1, "None", "", '{"y":2}'),
        ],
        [A, B],
    ),
    "another id on every fragment, without an index": (
        [part(None, "a", "f", '{"x"'), part(None, "b", arguments=":"), part(None, "c", arguments="1}")],
        [A],
    ),
    "an index that counts fragments": (
        [part(0, "a", "f", '{"x"'), part(1, "b", arguments=":"), part(2, arguments="1}"), part(3, "b", "g", '{"y":2}')],
        [A, B],
    ),
    "the id of another call at a shared index": (
        [
            part(0, "a", "f", ""),
            part(0, "b", "g", ""),
            part(0, "a", arguments='{"x":1}'),
            part(0, "b", arguments='{"y":2}'),
        ],
        [A, B],
    ),
    "null as text for no arguments": ([part(0, "a", "f", "null")], [("a", "f", "")]),
    "a quoted nothing, in pieces": ([part(0, "a", "f", '"'), part(0, arguments='"')], [("a", "f", "")]),
    "an empty list for no arguments": ([part(0, "a", "f", "["), part(0, arguments="] ")], [("a", "f", "")]),
    "null before the arguments": ([part(0, "a", "f", "null"), part(0, arguments='{"x":1}')], [A]),
    "what only begins like null": ([part(0, "a", "f", "nu"), part(0, arguments="mber")], [("a", "f", "number")]),
    "half a character in the arguments": (
        [part(0, "a", "f", '{"x":"\\ud83'), part(0, arguments='d\\n"}')],
        [("a", "f", '{"x":"\\ufffd\\n"}')],
    ),
    "a character cut between its halves": (
        [part(0, "a", "f", '{"x":"\\ud83d'), part(0, arguments="\\u"), part(0, arguments='de00"}')],
        [("a", "f", '{"x":"\\ud83d\\ude00"}')],
    ),
    "an escaped backslash before what looks like half a character": (
        [part(0, "a", "f", '{"x":"\\'), part(0, arguments='\\ud83d"}')],
        [("a", "f", '{"x":"\\\\ud83d"}')],
    ),
    "cut off inside an escape": ([part(0, "a", "f", '{"x":"\\ud83d')], [("a", "f", '{"x":"\\ufffd')]),
    "one after the other": (
        [part(0, "a", "f", ""), part(0, arguments='{"x":'), part(0, arguments="1}"), part(1, "b", "g", '{"y":2}')],
        [A, B],
    ),
    "interleaved": (
        [
            part(0, "a", "f"),
            part(1, "b", "g"),
            part(0, arguments='{"x":'),
            part(1, arguments='{"y":2}'),
            part(0, arguments="1}"),
        ],
        [A, B],
    ),
    "second index first": ([part(1, "b", "g", '{"y":2}'), part(0, "a", "f", '{"x":1}')], [A, B]),
    "second index first, and one that counts from 1": (
        [part(2, "b", "g", '{"y":2}'), part(1, "a", "f", '{"x":1}')],
        [A, B],
    ),
    "an index twice tells no order": (
        [part(1, "b", "g", '{"y":2}'), part(1, "c", "h", "{}"), part(0, "a", "f", '{"x":1}')],
        [B, ("c", "h", "{}"), A],
    ),
    "id and name repeated": ([part(0, "a", "f", '{"x"'), part(0, "a", "f", ":1"), part(0, "a", "f", "}")], [A]),
    "id and name repeated, no index": ([part(None, "a", "f", '{"x"'), part(None, "a", "f", ":1}")], [A]),
    "name repeated, no index and id": (
        [part(name="f", arguments='{"x"'), part(name="f", arguments=":1}")],
        [("call_gen_0", *A[1:])],
    ),
    "name in pieces": (
        [part(0, "a", "get_"), part(0, name="weather"), part(0, arguments="{}")],
        [("a", "get_weather", "{}")],
    ),
    "name again after arguments": ([part(0, "a", "f", '{"x":'), part(0, "a", "g", "1}")], [A]),
    "no index, new id": (
        [part(None, "a", "f", '{"x":'), part(arguments="1}"), part(None, "b", "g", '{"y":2}')],
        [A, B],
    ),
    "no index, ids interleaved": (
        [
            part(None, "a", "f", '{"x":'),
            part(None, "b", "g", '{"y":'),
            part(None, "a", arguments="1}"),
            part(None, "b", arguments="2}"),
        ],
        [A, B],
    ),
    "no index, no id": (
        [part(name="f", arguments='{"x":'), part(arguments="1}"), part(name="g", arguments='{"y":2}')],
        [("call_gen_0", *A[1:]), ("call_gen_1", *B[1:])],
    ),
    "no index, id used again": (
        [part(None, "a", "f", '{"x":1}'), part(None, "a", "f", '{"x":'), part(None, "a", arguments="1}")],
        TWICE_A,
    ),
    "no index, id used again for another name": (
        [part(None, "a", "f", "{}"), part(None, "a", "g", "")],
        [("a", "f", "{}"), ("call_gen_1", "g", "")],
    ),
    "no index, repeated at the end": ([part(None, "a", "f", '{"x":1}'), part(None, "a", "f", "")], [A]),
    "no index, id used again after blanks and braces in texts": (
        [part(None, "a", "f", piece) for piece in ('{"x":"\\', '"}{', '"}', "\n", '{"x":1}')],
        [("a", "f", '{"x":"\\"}{"}\n'), ("call_gen_1", "f", '{"x":1}')],
    ),
    "no index, broken arguments": ([part(None, "a", "f", "{x}"), part(None, "a", "f", "{}")], [("a", "f", "{x}{}")]),
    "index used again with a new id": (
        [part(0, "a", "f", '{"x":'), part(0, "b", "g", '{"y"'), part(0, arguments=":2}"), part(0, "a", arguments="1}")],
        [A, B],
    ),
    "index used again without ids": (
        [part(0, "", "f", '{"x":1}'), part(0, "", "g", '{"y":'), part(0, arguments="2}")],
        [("call_gen_0", *A[1:]), ("call_gen_1", *B[1:])],
    ),
    "id used again at another index": (
        [part(0, "a", "f", '{"x":'), part(1, "a", "f", '{"x":'), part(0, "a", arguments="1}"), part(1, arguments="1}")],
        TWICE_A,
    ),
    "alike calls stay two": ([part(0, "a", "f", '{"x":1}'), part(1, "c", "f", '{"x":1}')], [A, ("c", *A[1:])]),
    "id comes late": ([part(0, None, "f", '{"x":'), part(0, "a", arguments="1}")], [A]),
    "id comes late, no index": ([part(name="f", arguments='{"x":'), part(None, "a", arguments="1}")], [A]),
    "index comes late": ([part(None, "a", "f", '{"x":'), part(0, arguments="1"), part(0, "a", arguments="}")], [A]),
    "id never comes": (
        [part(0, name="f", arguments='{"x":1}'), part(1, "b", "g", '{"y":2}')],
        [("call_gen_0", *A[1:]), B],
    ),
    "made-up id is taken": (
        [part(0, name="f", arguments="{}"), part(1, "call_gen_0", "g", "{}")],
        [("call_gen_0_", "f", "{}"), ("call_gen_0", "g", "{}")],
    ),
    "null function first": ([{"index": 0, "id": "a", "function": None}, part(0, name="f", arguments='{"x":1}')], [A]),
    "null function, no index": ([{"id": "a", "function": None}, part(name="f", arguments='{"x":1}')], [A]),
    "arguments as an object": ([part(0, "a", "f", {"x": 1})], [A]),
    "null arguments": ([part(0, "a", "f"), {"index": 0, "function": {"arguments": None}}], [("a", "f", "")]),
    "index as text": (
        [part("0", "a", "f", '{"x":'), part(0, arguments="1}"), part(1.0, "b", "g"), part("1", arguments='{"y":2}')],
        [A, B],
    ),
    "id as a number": ([part(0, 7, "f", "{}")], [("7", "f", "{}")]),
    "arguments before the name": ([part(0, arguments="{"), part(0, "a", "f", "}")], [("a", "f", "{}")]),
    "cut off": (
        [part(0, "a", "f", '{"path": "/data/x", "mode": "del')],
        [("a", "f", '{"path": "/data/x", "mode": "del')],
    ),
    "nothing said": ([{}, {"index": 3, "type": "function"}, {"function": {}}, part(0, "a", "f", '{"x":1}')], [A]),
    "odd items": (
        [None, "x", 3, [], {"id": [], "index": {}, "function": "f", "type": 1}, part(0, "a", "f", '{"x":1}')],
        [A],
    ),
    "odd index": ([part(True, "a", "f", '{"x":'), part("zero", arguments="1}"), part([], "b", "g", '{"y":2}')], [A, B]),
}


@pytest.mark.parametrize("name", SHAPES)
def test_fragments_make_calls(name: str) -> None:
    """Each shape gives its calls, alike from the deltas and from the assembled list."""
    fragments, expected = SHAPES[name]
    assert assemble(fragments) == expected
    at_once = ToolCallAssembler()
    deltas = at_once.add(fragments)
    assert sorted(join(deltas + at_once.finish("gen"))) == sorted(expected)


@st.composite
def interleavings(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    """Draw calls, cut their arguments, and mix the fragments, each naming its call in one of the usual ways."""
    texts = draw(
        st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=9), max_size=3), min_size=1, max_size=4)
    )
    calls = [(f"id{i}", f"tool_{i % 2}", json.dumps(text, ensure_ascii=False)) for i, text in enumerate(texts)]
    how = draw(st.sampled_from(["index", "index and id", "all", "id"]))
    queues: list[list[dict[str, Any]]] = []
    for i, (id_, name, text) in enumerate(calls):
        points = sorted(draw(st.lists(st.integers(0, len(text)), max_size=5)))
        pieces = [text[a:b] for a, b in zip([0, *points], [*points, len(text)], strict=True)]
        index = None if how == "id" else i
        queue = [part(index, id_, name, pieces[0])]
        again = (None if how == "index" else id_, name if how == "all" else None)
        queue += [part(index, *again, piece) for piece in pieces[1:]]
        queues.append(queue)
    order = draw(st.permutations([i for i, queue in enumerate(queues) for _ in queue]))
    fragments = [queues[i].pop(0) for i in order]
    appeared = dict.fromkeys(order)
    return fragments, [calls[i] for i in (appeared if how == "id" else sorted(appeared))]


@given(interleavings())
def test_any_interleaving_gives_the_same_calls(case: tuple[list[dict[str, Any]], list[tuple[str, str, str]]]) -> None:
    """However the fragments of parallel calls are cut and mixed, each call keeps its own."""
    fragments, calls = case
    assert assemble(fragments) == calls


anything = st.sampled_from([None, 0, True, [], {}, "", "f", "null", "{}", '{"a": 1}', "}", "\\", "function", "custom"])
usual = st.builds(
    part,
    st.sampled_from([0, 1, None]),
    st.sampled_from([None, None, None, "a"]),
    st.sampled_from([None, None, None, "f"]),
    st.sampled_from(["1", ", 2", "}", '{"x":', "\\"]),
)
odd = st.fixed_dictionaries(
    {"index": st.sampled_from([0, 1, 1.0, "1", None, True])},
    optional={
        "id": st.sampled_from([None, "", "a", "b"]),
        "type": anything,
        "function": st.fixed_dictionaries({}, optional={"name": anything, "arguments": anything, "more": anything}),
        "more": anything,
    },
)


@given(st.lists(usual | odd, min_size=6, max_size=12))
def test_continuing_a_call_equals_reading_the_fragment(items: list[dict[str, Any]]) -> None:
    """Whatever fragments follow one another, the short way adds what the plain way adds."""
    begin = [part(0, "a", "f", '{"x":'), part(1, None, "g", "")]
    short, plain = ToolCallAssembler(), ToolCallAssembler()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ToolCallAssembler, "_continue", lambda *_: False)
        expected = [plain.add([item]) for item in begin + items], plain.finish("gen"), plain.calls()
    assert ([short.add([item]) for item in begin + items], short.finish("gen"), short.calls()) == expected


def test_ids_and_names_are_reported_once() -> None:
    """A gateway that repeats id and name on every fragment does not make consumers concatenate them."""
    deltas = ToolCallAssembler().add([part(0, "a", "f", "{"), part(0, "a", "f", ""), part(0, "a", "f", "}")])
    assert deltas == [ToolCallDelta(0, "a", "f", "{"), ToolCallDelta(0, None, None, "}")]


def test_made_up_ids_come_last_and_are_stable() -> None:
    """A call without an id gets the same one every time, from the id of the answer, or without it from a fixed word."""
    assembler = ToolCallAssembler()
    assert assembler.add([part(0, None, "f", '{"x":1}')]) == [ToolCallDelta(0, None, "f", '{"x":1}')]
    assert assembler.calls()[0]["id"] == "call_kilo_0"
    assert assembler.finish("gen-1") == [ToolCallDelta(0, "call_gen-1_0", None, "")]
    assert assembler.finish("gen-1") == []
    assert assembler.calls()[0]["id"] == "call_gen-1_0"


def test_made_up_ids_differ_between_requests_and_choices() -> None:
    """Two answers without an id share no call id, while the same answer to the same request always has the same."""

    def ids(seed: str, choice: int = 0, completion_id: str | None = None) -> set[str]:
        items = [part(None, None, "f", "{}"), part(None, None, "f", "{}")]
        calls = parse_tool_calls(items, completion_id=completion_id, seed=lambda: seed, choice=choice)
        return {call["id"] for call in calls}

    answers = [ids("turn 1"), ids("turn 2"), ids("turn 1", choice=1), ids("turn 1", completion_id="gen")]
    assert len(set().union(*answers)) == 8
    assert ids("turn 1") == answers[0]


def test_unknown_keys_stay_on_the_call() -> None:
    """Thought signatures and whatever else gateways attach are kept, in the call and in its function."""
    assembler = ToolCallAssembler()
    assembler.add([part(0, "a", "f", "{", type="function", extra_content={"google": 1}, x=None)])
    assembler.add(
        [{"index": 0, "extra_content": {"more": 2}, "function": {"arguments": "}", "thought_signature": "s"}}]
    )
    assert assembler.calls() == [
        {
            "id": "a",
            "type": "function",
            "extra_content": {"google": 1, "more": 2},
            "function": {"name": "f", "arguments": "{}", "thought_signature": "s"},
        }
    ]


@pytest.mark.parametrize("fragments", [None, "x", 3, [], {}, [None], [[]]])
def test_what_is_no_fragment_adds_nothing(fragments: Any) -> None:
    """Odd values in the place of tool calls are no tool calls."""
    assembler = ToolCallAssembler()
    assert assembler.add(fragments) == []
    assert not assembler
    assert parse_tool_calls(fragments) == []


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([part(0, "a", "f", '{"x":1}', type="function")], [A]),
        ([part(None, "a", "f", {"x": 1}), part(None, "b", "g", {"y": 2})], [A, B]),
        ([part(None, "a", "f", {})], [("a", "f", "{}")]),
        ([part(None, None, "f", '{"x":1}')], [("call_gen_0", *A[1:])]),
        ([part(None, "a", "f", '{"x":1}'), part(None, "a", "f", '{"x":1}')], TWICE_A),
        ([part(0, "a", "f", '{"x":1}'), part(0, "b", "g", '{"y":2}')], [A, B]),
        (
            [part(None, "a", "f", '{"x":'), part(None, None, "f", "1}")],
            [("a", "f", '{"x":'), ("call_gen_1", "f", "1}")],
        ),
        (
            [{"id": "a", "function": None}, {"id": "b", "function": {"name": None, "arguments": None}}],
            [("a", "", ""), ("b", "", "")],
        ),
        (part(None, "a", "f", '{"x":1}'), [A]),
    ],
)
def test_whole_calls_take_the_same_shape(items: Any, expected: list[tuple[str, str, str]]) -> None:
    """Calls of an answer that was not streamed get ids and JSON text, and are never merged."""
    calls = parse_tool_calls(items, completion_id="gen")
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls] == expected
    assert parse_tool_calls(calls, completion_id="other") == calls


@pytest.mark.parametrize(("arguments", "read"), [({"n": 2**70}, {"n": 2**70}), ({"s": "x\ud83d"}, {"s": "x\ufffd"})])
def test_arguments_beyond_the_fast_encoder_are_encoded(arguments: dict[str, Any], read: dict[str, Any]) -> None:
    """Objects that the JSON encoder of the hot path refuses still become JSON text, without half characters."""
    calls = parse_tool_calls([part(0, "a", "f", arguments)])
    assert parse_arguments(calls[0]["function"]["arguments"]) == read


def test_arguments_nested_beyond_reason_are_invalid() -> None:
    """An object too deep to be written is an invalid call, not a crash and not an empty object."""
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    calls = parse_tool_calls([part(0, "a", "f", deep)])
    assert parse_arguments(calls[0]["function"]["arguments"]) is None
