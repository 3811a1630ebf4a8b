"""When a recorded answer fits, and the words when none does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vcr.request import Request

from kilo_gateway.testing.cassettes.difference import ABSENT, Difference, find_differences, is_same, without
from kilo_gateway.testing.cassettes.explanation import Situation, explain_mismatch
from kilo_gateway.testing.cassettes.matching import Matcher

BASE = "https://api.kilo.ai/api/gateway/"
URI = f"{BASE}chat/completions"


def post(body: Any, uri: str = URI, method: str = "POST") -> Request:
    """Return a request with a JSON body."""
    return Request(method, uri, json.dumps(body).encode(), {"content-type": "application/json"})


def chat(*texts: str, **options: Any) -> dict[str, Any]:
    """Return the body of a chat with a system message and user messages."""
    roles = ["system", "user", "user", "user"]
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return {"model": "a/b", "messages": messages, **options}


def words(now: Request, *stored: Request, used: bool = False, exists: bool = True, ignore: tuple[str, ...] = ()) -> str:
    """Return the message for a request that does not fit."""
    situation = Situation("tests/a.kilo.yaml", exists, "pytest --again", stored, [used] * len(stored))
    return explain_mismatch(now, situation, Matcher(ignore, BASE))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (post({"a": 1, "b": 2}), post({"b": 2, "a": 1}), True),
        (post({"a": 1}), post({"a": 1.0}), True),
        (post({"a": 1}), post({"a": True}), False),
        (post({"a": [1, 2]}), post({"a": [2, 1]}), False),
        (post({"a": None}), post({}), False),
        (post({}), post({}, method="PUT"), False),
        (post({}), post({}, f"{BASE}embeddings"), False),
        (post({}), post({}, f"{URI}?a=1"), False),
        (post({}), post({}, "http://127.0.0.1/api/gateway/chat/completions"), True),
        (post({}, "https://a.example/x"), post({}, "https://b.example/x"), False),
        (Request("POST", URI, b"not json", {}), Request("POST", URI, b"not json", {}), True),
        (Request("POST", URI, b"not json", {}), Request("POST", URI, b"other", {}), False),
    ],
)
def test_what_fits(one: Request, other: Request, expected: bool) -> None:
    """Method, path, query and parsed body decide; the order of keys and the gateway's host do not."""
    assert Matcher((), BASE)(one, other) is expected


@pytest.mark.parametrize("ignored", ["messages[0].content", "messages[*].content", "*[*].content", "messages"])
def test_ignored_fields_may_change(ignored: str) -> None:
    """A field that is ignored may change, wherever the pattern finds it; no other may."""
    matcher = Matcher([ignored], BASE)
    assert matcher(post(chat("today is monday")), post(chat("today is tuesday")))
    assert not matcher(post(chat("x", temperature=1)), post(chat("y", temperature=2)))


def test_removing_ignored_fields_leaves_the_original_alone() -> None:
    """The body itself is never changed."""
    body = chat("a")
    assert without(body, ["messages[0].content"])["messages"] == [{"role": "system"}]
    assert body == chat("a")


@pytest.mark.parametrize(
    ("recorded", "now", "expected"),
    [
        ({"a": 1}, {"a": 2}, [Difference("a", 1, 2)]),
        ({"a": 1}, {}, [Difference("a", 1, ABSENT)]),
        ({}, {"a": 1}, [Difference("a", ABSENT, 1)]),
        ([1, 2, 3], [1, 3], [Difference("[1]", 2, ABSENT)]),
        ({"l": [1, 2]}, {"l": [0, 1, 2]}, [Difference("l[0]", ABSENT, 0)]),
        (b"raw", {"a": 1}, [Difference("", b"raw", {"a": 1})]),
        ({"a": [True]}, {"a": [1]}, [Difference("a[0]", True, 1)]),
        (chat("s", "u"), chat("s", "v"), [Difference("messages[1].content", "u", "v", "user")]),
        (
            chat("s", "u"),
            {**chat("s", "u"), "messages": chat("s", "u")["messages"][1:]},
            [Difference("messages[0]", {"role": "system", "content": "s"}, ABSENT, "system")],
        ),
        (
            {"tools": [{"function": {"name": "f", "description": "x"}}]},
            {"tools": [{"function": {"name": "f", "description": "y"}}]},
            [Difference("tools[0].function.description", "x", "y", "f")],
        ),
    ],
)
def test_differences_by_path(recorded: Any, now: Any, expected: list[Difference]) -> None:
    """Each change is named by its path, with the message's role or the tool's name."""
    assert list(find_differences(recorded, now)) == expected


def test_long_lists_are_compared_place_by_place() -> None:
    """Thousands of token ids cost no alignment."""
    (difference,) = find_differences(list(range(5000)), [*range(4999), 7])
    assert difference == Difference("[4999]", 4999, 7)


def test_equality_of_nested_values() -> None:
    """Two equal values are the same at any depth."""
    assert is_same({"a": [{"b": 1.0}]}, {"a": [{"b": 1}]})


def test_the_message_names_the_changed_text_and_the_command() -> None:
    """It says which message changed, how, and how to record again."""
    text = words(post(chat("Be brief.", "In two words?")), post(chat("Be brief.", "In one word?")))
    assert text.splitlines() == [
        "No recorded answer in tests/a.kilo.yaml fits this request: POST /api/gateway/chat/completions",
        "",
        "It comes closest to request 1 of 1. What differs:",
        "  messages[1].content (user):",
        "    recorded: 'In one word?'",
        "    now:      'In two words?'",
        "",
        "If the change is meant, record again:",
        "    pytest --again",
    ]


def test_a_long_text_is_shown_around_its_change() -> None:
    """Of a long text only the place that changed is shown."""
    text = words(post(chat("x" * 500 + "red" + "y" * 500)), post(chat("x" * 500 + "blue" + "y" * 500)))
    assert f"'...{'x' * 40}red" in text
    assert max(map(len, text.splitlines())) < 200


def test_a_text_that_changed_at_its_beginning_is_shown_from_there() -> None:
    """The beginning counts as a place."""
    assert "recorded: 'a" in words(post(chat("b" + "x" * 500)), post(chat("a" + "x" * 500)))


def test_several_lines_are_shown_as_changed_lines() -> None:
    """Of a text of several lines the changed ones are shown."""
    text = words(post(chat("one\ntwo\nthree")), post(chat("one\n2\nthree")))
    assert "    -2" in text
    assert "    +two" in text


def test_line_ends_alone_are_shown() -> None:
    """A change of nothing but line ends is visible."""
    assert r'now:      "a\n"' in words(post(chat("a\n")), post(chat("a\r\n")))


def test_the_closest_request_is_chosen() -> None:
    """Of several recorded requests the one with the fewest changes is compared."""
    text = words(post(chat("a", "b", top_p=1)), post(chat("z", "y")), post(chat("a", "b", top_p=0)))
    assert "request 2 of 2" in text
    assert "top_p" in text
    assert "messages" not in text


def test_many_changes_are_cut_off() -> None:
    """After some changes the rest is counted."""
    text = words(post({f"k{n}": 1 for n in range(30)}), post({f"k{n}": 2 for n in range(30)}))
    assert "and 22 more" in text


def test_the_same_request_once_more() -> None:
    """A request whose answer was used already is told from a changed one."""
    assert "its answer was used already; now it is made again" in words(post({}), post({}), used=True)


def test_another_endpoint() -> None:
    """When nothing of the kind was recorded, it says what was."""
    assert "The cassette holds POST /api/gateway/embeddings." in words(post({}), post({}, f"{BASE}embeddings"))


def test_no_cassette_yet() -> None:
    """Without a cassette it says how to make one."""
    text = words(post({}), exists=False)
    assert "There is no cassette tests/a.kilo.yaml yet" in text
    assert text.endswith("    pytest --again")
