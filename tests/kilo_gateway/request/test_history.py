"""Histories that a framework keeps, sent back: what a server would refuse is settled, the rest stays as it is."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from kilo_gateway.request.history import settle_history

ASKED: Any = {"role": "user", "content": "Weather in Oslo and Rome?"}
CUT = '{"city": "Os'


def call(id_: str | None, arguments: Any = '{"city": "Oslo"}') -> dict[str, Any]:
    """Return a tool call."""
    return {"id": id_, "type": "function", "function": {"name": "weather", "arguments": arguments}}


def calls(*items: Any, content: Any = None, **more: Any) -> Any:
    """Return an assistant message with tool calls."""
    return {"role": "assistant", "content": content, "tool_calls": list(items), **more}


def answer(id_: Any, content: Any = "12 degrees") -> Any:
    """Return the message that answers a call."""
    return {"role": "tool", "tool_call_id": id_, "content": content}


def settled(*messages: Any) -> list[Any]:
    """Return the settled messages; those that were passed in must stay as they were."""
    before = copy.deepcopy(messages)
    result: list[Any] = settle_history(list(messages))
    assert list(messages) == list(before)
    return result


def arguments_of(message: Any) -> list[str]:
    """Return the arguments of each call."""
    return [item["function"]["arguments"] for item in message["tool_calls"]]


def test_a_good_history_is_the_same_objects() -> None:
    """What can be sent is not copied."""
    messages = [ASKED, calls(call("a")), answer("a"), {"role": "assistant", "content": "12."}]
    assert all(sent is given for sent, given in zip(settled(*messages), messages, strict=True))


@pytest.mark.parametrize("flaw", [CUT, "Oslo", '{"a": NaN}', "[1]", '{"a": 1}{"a": 1}'])
def test_an_invalid_call_that_nobody_answered_is_left_out(flaw: str) -> None:
    """The good call beside it stays with its answer; a message with no other call keeps its text."""
    sent = settled(ASKED, calls(call("a"), call("b", flaw)), answer("a"))
    assert [item["id"] for item in sent[1]["tool_calls"]] == ["a"]
    assert settled(ASKED, calls(call("b", flaw), content="I look."), ASKED) == [
        ASKED,
        {"role": "assistant", "content": "I look."},
        ASKED,
    ]


def test_a_message_without_anything_else_goes_with_its_invalid_call() -> None:
    """A cut-off call alone leaves no empty message behind, while signed reasoning keeps the message."""
    assert settled(ASKED, calls(call("b", CUT)), ASKED) == [ASKED, ASKED]
    details = [{"type": "reasoning.text", "text": "Hm", "signature": "s"}]
    kept = settled(ASKED, calls(call("b", CUT), reasoning_details=details))[1]
    assert kept == {"role": "assistant", "content": "", "reasoning_details": details}


@pytest.mark.parametrize("flaw", [CUT, "Oslo", "3", 7])
def test_an_invalid_call_that_was_answered_goes_out_as_json(flaw: Any) -> None:
    """The model sees what it wrote and what it was told, in arguments that every server can read."""
    sent = settled(ASKED, calls(call("b", flaw)), answer("b", "The arguments are cut off."))
    assert [orjson.loads(text) for text in arguments_of(sent[1])] == [{"invalid_arguments": str(flaw)}]
    assert sent[2]["content"] == "The arguments are cut off."


def test_a_result_of_another_turn_answers_nothing() -> None:
    """Servers that number the calls of each answer anew use an id twice; a result before its call answers nothing."""
    turn = [calls(call("a")), answer("a")]
    assert settled(ASKED, *turn, calls(call("a", CUT)), ASKED) == [ASKED, *turn, ASKED]
    assert settled(ASKED, calls(call("a", CUT)), ASKED, *turn) == [ASKED, ASKED, *turn]


def test_arguments_that_only_we_can_read_go_out_as_json() -> None:
    """An object that was encoded twice, and line ends inside strings, are written as everybody reads them."""
    message = settled(calls(call("a", '"{\\"city\\": \\"Oslo\\"}"'), call("b", '{"text": "a\nb"}')))[0]
    assert arguments_of(message) == ['{"city":"Oslo"}', '{"text":"a\\nb"}']


@pytest.mark.parametrize("none", [None, "", " ", "null", '""', "[]", {}])
def test_no_arguments_are_an_empty_object(none: Any) -> None:
    """Every spelling of none goes out as `{}`, whether the call was answered or not."""
    assert arguments_of(settled(calls(call("a", none)))[0]) == ["{}"]
    without = {"id": "a", "type": "function", "function": {"name": "now"}}
    assert arguments_of(settled(calls(without))[0]) == ["{}"]


def test_arguments_as_an_object_and_half_characters_become_json_text() -> None:
    """A mapping is written as the text the wire takes, and a lone half of a character as U+FFFD."""
    first, second = arguments_of(settled(calls(call("a", {"city": "Oslo"}), call("b", '{"t": "x\\ud83d"}')))[0])
    assert first == '{"city":"Oslo"}'
    assert orjson.loads(second) == {"t": "x\ufffd"}


@pytest.mark.parametrize("odd", [7, "x", {"type": "custom", "custom": {"name": "f", "input": "x"}}])
def test_calls_of_other_kinds_stay(odd: Any) -> None:
    """What is no function call is the server's to judge."""
    assert settled(calls(odd, call("a")))[0]["tool_calls"][0] == odd


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ([{"type": "text", "text": "12"}, {"type": "text", "text": "degrees"}], "12\ndegrees"),
        ([{"type": "text", "text": "12"}], "12"),
        (["12", {"text": "degrees"}], "12\ndegrees"),
        ([], ""),
        ("12", "12"),
        (None, None),
    ],
)
def test_a_result_of_texts_is_one_text(content: Any, sent: Any) -> None:
    """A tool result made of text blocks alone, as MCP adapters return them, goes out as one text."""
    assert settled(answer("a", content))[0]["content"] == sent


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:,"}},
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": None},
        7,
    ],
)
def test_a_result_of_more_than_text_stays_a_list(part: Any) -> None:
    """Pictures and cache markers are not thrown away for it, and a user's parts are never joined."""
    content = [{"type": "text", "text": "12"}, part]
    assert settled(answer("a", content))[0]["content"] == content
    user: Any = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    assert settled(user) == [user]


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("Travel desk", "Travel_desk"),
        ("weather.get/v2", "weather_get_v2"),
        ("Grüße aus Köln", "Gr_e_aus_K_ln"),
        ("a" * 80, "a" * 64),
        ("ok_Name-1", "ok_Name-1"),
        ("東京", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
@pytest.mark.parametrize("role", ["user", "assistant", "system", "tool"])
def test_names_are_written_as_the_wire_takes_them(role: str, name: Any, sent: str | None) -> None:
    """Letters, digits, `_` and `-`, at most 64 of them; a name without any is left out."""
    message = settled({"role": role, "content": "x", "name": name})[0]
    assert message.get("name") == sent
    assert ("name" in message) == (sent is not None)


def test_long_ids_of_calls_are_shortened_with_those_of_their_results() -> None:
    """An id that servers refuse for its length goes out as a shorter one, in the call and in the result alike."""
    long = "z" * 90
    call: Any = {"id": long, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    sent: Any = [
        {"role": "assistant", "content": None, "tool_calls": [call, {**call, "id": "short"}]},
        {"role": "tool", "tool_call_id": long, "content": "r"},
        {"role": "tool", "tool_call_id": "short", "content": "r"},
    ]
    settled: Any = settle_history(sent)
    ids = [one["id"] for one in settled[0]["tool_calls"]]
    assert ids == [one["tool_call_id"] for one in settled[1:]]
    assert ids[1] == "short"
    assert len(ids[0]) <= 64
    assert sent[1]["tool_call_id"] == long


def test_a_call_without_a_name_is_sent_with_one() -> None:
    """A name that is empty would have every later request refused."""
    call: Any = {"id": "a", "type": "function", "function": {"name": "", "arguments": "{}"}}
    sent: Any = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": "r"},
    ]
    settled: Any = settle_history(sent)
    assert settled[0]["tool_calls"][0]["function"]["name"] == "unknown"


def ids_of(messages: list[Any]) -> list[str]:
    """Return the ids of calls and results, in order."""
    held = [[item["id"] for item in message.get("tool_calls") or ()] for message in messages]
    return [id_ for ids, one in zip(held, messages, strict=True) for id_ in (*ids, one.get("tool_call_id")) if id_]


@pytest.mark.parametrize("id_", ["a", None, ""])
def test_calls_that_share_an_id_are_told_apart(id_: Any) -> None:
    """Models that count their calls from zero in each answer, or name none, have a conversation like others."""
    turn = [calls(call(id_), call(id_)), answer(id_, "1"), answer(id_, "2")]
    sent = settled(ASKED, *turn, ASKED, *turn)
    ids = ids_of(sent)
    assert len(set(ids)) == 4
    assert ids[:2] == ids[2:4]
    assert ids[4:6] == ids[6:]
    assert [message["content"] for message in sent if message["role"] == "tool"] == ["1", "2", "1", "2"]


def test_an_id_of_its_own_stays() -> None:
    """Only the call that comes later is renamed, and never to an id that is there already."""
    sent = settled(calls(call("a")), answer("a"), calls(call("a_2")), answer("a_2"), calls(call("a")), answer("a"))
    assert ids_of(sent) == ["a", "a", "a_2", "a_2", "a_3", "a_3"]


def test_a_second_result_of_one_call_stays_with_it() -> None:
    """Two results of the call that was renamed last answer that call."""
    sent = settled(calls(call("a")), answer("a"), calls(call("a")), answer("a"), answer("a"))
    assert ids_of(sent) == ["a", "a", "a_2", "a_2", "a_2"]
