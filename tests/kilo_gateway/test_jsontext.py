"""JSON text: what is sent, what is refused with its place, and what is read in spite of broken surrogates."""

from __future__ import annotations

import copy
import json
import math
import re
import types
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.jsontext import (
    drop_lone_surrogates,
    dumps,
    find_non_finite,
    find_unserializable,
    loads,
    loads_answer,
    without_fence,
)


class Fraction32(float):
    """A float of another library, such as numpy's float64."""


class Word(StrEnum):
    """An enum of text."""

    HALF = "a\ud800b"


Pair = namedtuple("Pair", "a b")  # noqa: PYI024 - the untyped kind is the one under test


@dataclass
class Broken:
    """A dataclass whose field JSON cannot carry."""

    value: object


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, "x", None, True, 1.5]}, b'{"a":[1,"x",null,true,1.5]}'),
        ("é😀\u2028", '"é😀\u2028"'.encode()),
        ("a\ud800b", b'"ab"'),
        ("\udc00\ud83d\ude00\ud83d", '"😀"'.encode()),
        ({"k\ud800": ["\udfff"]}, b'{"k":[""]}'),
        ({50256: -100, 1.5: 0, None: 1, True: 2}, b'{"50256":-100,"1.5":0,"null":1,"true":2}'),
        (types.MappingProxyType({"a": types.MappingProxyType({})}), b'{"a":{}}'),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (Pair(1, "\ud800"), b'[1,""]'),
        ((1, (2,)), b"[1,[2]]"),
        ({"x": Fraction32(0.5)}, b'{"x":0.5}'),
        (Word.HALF, b'"ab"'),
        (2**63, b"9223372036854775808"),
    ],
)
def test_what_is_sent(value: Any, text: bytes) -> None:
    """These become this JSON; unpaired surrogates are left out, pairs become one character."""
    before = copy.deepcopy(value) if not isinstance(value, types.MappingProxyType) else None
    assert dumps(value) == text
    assert before is None or value == before


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"tools": [{"function": {"parameters": {1, 2}}}]}, "tools[0].function.parameters (of type set)"),
        ({"messages": [{"content": b"x"}]}, "messages[0].content (of type bytes)"),
        ({"a": "\ud800", "b": object()}, "b (of type object)"),
        ({"a": Decimal(1)}, "a (of type Decimal)"),
        ({"a": (1, [lambda: 0])}, "a[1][0] (of type function)"),
        ({"a": {(1, 2): 3}}, "a (a key of type tuple)"),
        ({b"a": 3}, "the request (a key of type bytes)"),
        ({"a": Broken(object())}, "a (of type Broken)"),
        (object(), "the value (of type object)"),
    ],
)
def test_what_cannot_be_sent_names_its_place(value: Any, place: str) -> None:
    """A value that JSON cannot carry is refused with its place, its type and the model."""
    with pytest.raises(InvalidRequestError) as caught:
        dumps(value, model="m/x")
    assert str(caught.value).startswith(f"{place} cannot be sent as JSON")
    assert caught.value.model == "m/x"
    assert find_unserializable(value) == place


def circle() -> list[Any]:
    """Return a list that holds itself twice, so that walking all of it would never end."""
    ring: list[Any] = []
    ring += [ring, ring]
    return ring


def nested(depth: int, leaf: Any) -> Any:
    """Return the leaf within so many lists."""
    for _ in range(depth):
        leaf = [leaf]
    return leaf


@pytest.mark.parametrize("value", [circle(), {"a": circle()}, nested(5000, 1), nested(300, "\ud800")])
def test_circles_and_depths_end_in_an_error(value: Any) -> None:
    """A circle, or nesting without end, is refused at once by a short message."""
    with pytest.raises(InvalidRequestError, match=r"nested more than 200 deep, or in a circle") as caught:
        dumps(value)
    assert len(str(caught.value)) < 300
    place = find_non_finite(value)
    assert place is not None
    assert len(place) < 200


def test_ordinary_depth_is_sent() -> None:
    """A schema that is nested a hundred deep is no circle."""
    assert dumps(nested(100, 1)) == b"[" * 100 + b"1" + b"]" * 100
    assert find_non_finite(nested(100, 1)) is None


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"temperature": math.nan}, "temperature=nan"),
        ({"temperature": math.inf}, "temperature=inf"),
        ({"a": [{"b": (1, -math.inf)}]}, "a[0].b[1]=-inf"),
        ({"a": "x", "b": types.MappingProxyType({"c": math.nan})}, "b.c=nan"),
        ({"a": Fraction32(math.nan)}, "a=nan"),
        ([1, [math.nan]], "[1][0]=nan"),
        ({"a": [1.5, "nan", None, True, {"b": 2}], "c": {}}, None),
        ("x", None),
        (Broken(1), None),
    ],
)
def test_non_finite_numbers_are_found(value: Any, place: str | None) -> None:
    """The first NaN or infinity anywhere in a value is named by its place."""
    assert find_non_finite(value) == place


def join_surrogate(found: re.Match[str]) -> str:
    """Return the character of a pair; nothing for a half."""
    return chr(0x10000 + ((ord(found[1]) - 0xD800) << 10) + ord(found[2]) - 0xDC00) if found[1] else ""


@given(st.text(st.sampled_from("aé\ud800\udbff\udc00\udfff😀\u2028")))
def test_only_unpaired_surrogates_go(text: str) -> None:
    """Pairs are joined, halves are dropped, and everything else stays in place."""
    expected = re.sub("([\ud800-\udbff])([\udc00-\udfff])|[\ud800-\udfff]", join_surrogate, text)
    assert drop_lone_surrogates(text) == expected


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=20),
        lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=9), x, max_size=4),
        max_leaves=12,
    )
)
def test_what_is_sent_is_read_back(value: Any) -> None:
    """Text that is sent is read back as it was."""
    assert loads(dumps(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud83d"', "\ufffd"),
        (rb'{"content":"a\ud83d"}', {"content": "a\ufffd"}),
        (rb'"\uDE00x\ud83d\ud83d\ude00"', "\ufffdx\ufffd😀"),
        (rb'"\\ud83d \\\ud83d"', "\\ud83d \\\ufffd"),
        ('"é\\ud83d"', "é\ufffd"),
        (b" [1]\n", [1]),
    ],
)
def test_half_an_emoji_does_not_break_an_answer(text: bytes | str, value: Any) -> None:
    """An escaped surrogate without its other half becomes U+FFFD, and nothing else changes."""
    assert loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"NaN",
        b"[Infinity]",
        b"{'a':1}",
        b"[1,]",
        b'"\xff"',
        b'{"a":"\\ud83d"',
        "[" * 5000,
        '"\ud800"',
        b"<html>",
    ],
)
def test_what_is_not_json_is_a_value_error(text: bytes | str) -> None:
    """Broken text is a ValueError, whatever breaks it."""
    with pytest.raises(ValueError):  # noqa: PT011 - the parser's own message
        loads(text)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**63) - 1, 10**40])
def test_whole_numbers_of_any_size_are_sent_to_the_digit(number: int) -> None:
    """JSON carries any whole number, and so do we."""
    assert dumps({"seed": number}) == b'{"seed":%d}' % number


def test_a_longer_fence_holds_shorter_ones() -> None:
    """The fence that a text begins with is the one that it ends with."""
    assert without_fence("````\n```\na\n```\n````") == "```\na\n```"
    assert without_fence("a ```b``` c") == "a ```b``` c"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"a":-Infinity,"b":[1,Infinity]}', {"a": -math.inf, "b": [1, math.inf]}),
        (b'{"a":"caf\xe9"}', {"a": "caf\ufffd"}),
        (b'\xef\xbb\xbf{"a":"\xc3\xa9"}', {"a": "\xe9"}),
        ('{"a":"\xe9\U0001f600"}'.encode("utf-16"), {"a": "\xe9\U0001f600"}),
        (b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', {"a": "\U0001f600"}),
        (b'{"a":"\\ud83d","b":Infinity}', {"a": "\ufffd", "b": math.inf}),
    ],
)
def test_what_servers_write_beyond_json_is_read(text: bytes, value: Any) -> None:
    """Numbers that JSON has not, and bytes that are no UTF-8, cost no answer."""
    assert loads_answer(text) == value


def test_nan_is_read_where_a_server_wrote_it() -> None:
    """NaN of an answer is a number; what is no JSON otherwise stays a ValueError."""
    assert math.isnan(loads_answer(b"[NaN]")[0])
    for text in (b"", b"nan", b"{'a':1}", b'{"a":"\xff'):
        with pytest.raises(ValueError):  # noqa: PT011 - the parser's own message
            loads_answer(text)
