"""Texts -> the body of an embeddings request, and answers -> vectors: on literals, without a network."""

from __future__ import annotations

import base64
import math
import struct
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway import Embeddings, GatewayError, InvalidRequestError, KiloError, MalformedAnswerError, RateLimitError
from kilo_gateway.embeddings import parse_embeddings, render_embedding_request

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OPENAI, OTHER = "openai/text-embedding-3-small", "baai/bge-m3"


def render(inputs: Any = ("a",), model: str = OTHER, **options: Any) -> dict[str, Any]:
    """Return the body of a request."""
    return render_embedding_request(inputs, model_id=model, options=options)


def entry(index: Any, embedding: Any) -> dict[str, Any]:
    """Return one entry of `data`."""
    return {"object": "embedding", "index": index, "embedding": embedding}


def parse(data: Any, count: int = 1, **body: Any) -> Embeddings:
    """Return what an answer with that `data` holds."""
    return parse_embeddings(orjson.dumps({"object": "list", "data": data, **body}), count=count, model=OTHER)


def packed(*numbers: float) -> str:
    """Return numbers as base64 of little-endian float32."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def test_the_body_holds_model_and_texts_as_they_are() -> None:
    """Texts keep line breaks and blanks; nothing is added for a model whose lab documents no base64."""
    assert render(["one\ntwo\r\n", "  ", "ü"]) == {"model": OTHER, "input": ["one\ntwo\r\n", "  ", "ü"]}


def test_base64_is_asked_for_where_the_lab_documents_it() -> None:
    """OpenAI's models are asked for base64, and for what the caller names instead."""
    assert render(model=OPENAI)["encoding_format"] == "base64"
    assert render(model=OPENAI, encoding_format="float")["encoding_format"] == "float"
    assert render(encoding_format="base64")["encoding_format"] == "base64"
    assert render(model=OPENAI, extra_body={"encoding_format": "float"})["encoding_format"] == "float"


def test_options_are_sent_under_their_names() -> None:
    """Every option is sent; None is not given; `extra_body` is merged last."""
    body = render(
        dimensions=8,
        input_type="search_query",
        user="u",
        provider=MappingProxyType({"only": ["x"]}),
        encoding_format=None,
        extra_body={"user": "v", "truncate": True},
    )
    assert body == {
        "model": OTHER,
        "input": ["a"],
        "dimensions": 8,
        "input_type": "search_query",
        "user": "v",
        "provider": {"only": ["x"]},
        "truncate": True,
    }


def test_nothing_of_the_callers_is_changed() -> None:
    """The texts and the options that were passed are the same afterwards, and not those that are sent."""
    texts, options = ["a", "b"], {"dimensions": 2, "extra_body": {"x": 1}}
    body = render_embedding_request(texts, model_id=OPENAI, options=options)
    body["input"].append("c")
    assert (texts, options) == (["a", "b"], {"dimensions": 2, "extra_body": {"x": 1}})


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ("a text", "inputs must be a list of texts, not a str"),
        (b"bytes", "not a bytes"),
        (None, "not a NoneType"),
        ({"a": 1}, "not a dict"),
        ({"a"}, "not a set"),
        (iter(["a"]), "inputs must be a list of texts"),
        (["a", ""], r"inputs\[1\] is empty"),
        (["a", "b", None], r"inputs\[2\] must be text, not a NoneType"),
        ([[1, 2, 3]], r"inputs\[0\] must be text, not a list"),
        (["a", b"b"], r"inputs\[1\] must be text, not a bytes"),
        ([float("nan")], r"inputs\[0\] must be text, not a float"),
    ],
)
def test_what_is_no_text_is_refused_with_its_place(inputs: Any, said: str) -> None:
    """Only lists of texts that are not empty are sent."""
    with pytest.raises(InvalidRequestError, match=said) as caught:
        render(inputs)
    assert caught.value.model == OTHER


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"dimensions": 0}, "dimensions=0 is not usable"),
        ({"dimensions": -1}, "at least 1"),
        ({"dimensions": True}, "a whole number"),
        ({"dimensions": "8"}, "a whole number"),
        ({"encoding_format": "int8"}, "float or base64"),
        ({"encoding_format": 1}, "must be text"),
        ({"input_type": 1}, "must be text"),
        ({"provider": "x"}, "must be a mapping"),
        ({"dimension": 8}, "Did you mean 'dimensions'"),
        ({"temperature": 0}, "There is no option 'temperature'"),
        ({"extra_body": [1]}, "extra_body must be a mapping"),
        ({"extra_body": {"input": ["b"]}}, "holds 'input'"),
        ({"extra_body": {"model": "b"}}, "holds 'model'"),
        ({"extra_body": {"x": [math.nan]}}, r"x\[0\]=nan"),
        ({"provider": {"max_price": math.inf}}, "provider.max_price=inf"),
    ],
)
def test_unusable_options_are_refused(options: dict[str, Any], said: str) -> None:
    """An option that does not exist or cannot be sent is named."""
    with pytest.raises(InvalidRequestError, match=said):
        render(**options)


def test_no_text_is_a_request_of_no_text() -> None:
    """An empty list is fine; the client sends nothing then."""
    assert render([])["input"] == []


def test_vectors_come_in_the_order_of_the_texts() -> None:
    """The index decides, not the place in the answer; both encodings may stand side by side."""
    answer = parse([entry(2, [3, 3.5]), entry(0, packed(1, -1.5)), entry(1, [2.0, 2.5])], count=3)
    assert answer.vectors == [[1.0, -1.5], [2.0, 2.5], [3.0, 3.5]]
    assert {type(number) for vector in answer.vectors for number in vector} == {float}


def test_base64_is_decoded_exactly() -> None:
    """What was a float32 is that float32, bit by bit, down to the smallest."""
    numbers = struct.unpack("<5f", struct.pack("<5f", 0.1, -1e-45, 3.4028234e38, -0.0, 1 / 3))
    (vector,) = parse([entry(0, packed(*numbers))]).vectors
    assert struct.pack("<5f", *vector) == struct.pack("<5f", *numbers)


def test_facts_of_the_answer() -> None:
    """Model, id, provider, tokens and cost are told; the body is kept without its vectors."""
    usage = {"prompt_tokens": 3, "total_tokens": 3, "cost": 6e-8}
    answer = parse([entry(0, [1.0])], model="m", id="e-1", provider="P", usage=usage)
    assert (answer.model, answer.requested_model, answer.id, answer.provider) == ("m", OTHER, "e-1", "P")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.total_tokens, answer.usage.cost) == (3, 3, 6e-8)
    assert answer.body == {"object": "list", "model": "m", "id": "e-1", "provider": "P", "usage": usage}
    assert "1.0" not in repr(answer)


@pytest.mark.parametrize("usage", [None, {}, [], "none", 3])
def test_an_answer_without_usage(usage: Any) -> None:
    """Usage that is missing or odd is None, and no reason to refuse the vectors."""
    answer = parse([entry(0, [1.0])], usage=usage, model=None, id=7)
    assert (answer.usage, answer.model, answer.id, answer.vectors) == (None, None, None, [[1.0]])


@pytest.mark.parametrize(
    ("data", "count", "said"),
    [
        (None, 1, "holds 0 vectors for 1 texts"),
        ({}, 1, "holds 0 vectors"),
        ([], 1, "holds 0 vectors"),
        ([entry(0, [1.0])], 2, "holds 1 vectors for 2 texts"),
        ([entry(0, [1.0]), entry(1, [1.0])], 1, "holds 2 vectors for 1 texts"),
        ([entry(0, [1.0]), entry(0, [2.0])], 2, "index 0 does not tell"),
        ([entry(0, [1.0]), entry(2, [2.0])], 2, "index 2 does not tell"),
        ([entry(0, [1.0]), entry(-1, [2.0])], 2, "index -1 does not tell"),
        ([{"embedding": [1.0]}], 1, "index None does not tell"),
        ([entry("0", [1.0])], 1, "index '0' does not tell"),
        ([entry(False, [1.0])], 1, "index False does not tell"),
        ([entry(0, [1.0]), None], 2, "index None does not tell"),
        ([[1.0]], 1, "index None does not tell"),
        ([entry(0, [1.0]), entry(1, [1.0, 2.0])], 2, "different lengths"),
        ([entry(0, [])], 1, "no usable vector at index 0"),
        ([entry(0, None)], 1, "no usable vector"),
        ([entry(0, {"0": 1})], 1, "no usable vector"),
        ([entry(0, [1.0, None])], 1, "no usable vector"),
        ([entry(0, [[1.0]])], 1, "no usable vector"),
        ([entry(0, ["NaN"])], 1, "no usable vector"),
        ([entry(0, ["word"])], 1, "no usable vector"),
        ([entry(0, "")], 1, "no usable vector"),
        ([entry(0, "AAAA")], 1, "no usable vector"),
        ([entry(0, "AAA")], 1, "no usable vector"),
        ([entry(0, "not base64!")], 1, "no usable vector"),
        ([entry(0, "äöü=")], 1, "no usable vector"),
        ([entry(0, packed(math.nan, 1))], 1, "no usable vector"),
        ([entry(0, packed(math.inf, -math.inf))], 1, "no usable vector"),
    ],
)
def test_answers_that_cannot_be_trusted(data: Any, count: int, said: str) -> None:
    """A vector that cannot be told its text, or is none, makes the whole answer malformed; nothing is guessed."""
    with pytest.raises(MalformedAnswerError, match=said) as caught:
        parse(data, count=count)
    assert caught.value.model == f"kilocode/{OTHER}"
    assert caught.value.snippet


def test_large_numbers_are_no_infinity() -> None:
    """A vector whose sum overflows is finite all the same."""
    assert parse([entry(0, [1.7e308, 1.7e308])]).vectors == [[1.7e308, 1.7e308]]


@pytest.mark.parametrize("body", [b"", b"  ", b"<html>", b"[1]", b'{"data":[', b"null"])
def test_bodies_that_are_no_answer(body: bytes) -> None:
    """What is not a JSON object is malformed."""
    with pytest.raises(MalformedAnswerError):
        parse_embeddings(body, count=1, model=OTHER)


def test_an_error_of_status_200_is_raised() -> None:
    """An error inside a 200 is the error it says; an empty one beside vectors is none."""
    with pytest.raises(RateLimitError, match="Slow down"):
        parse(None, error={"code": 429, "message": "Slow down"})
    with pytest.raises(GatewayError):
        parse([entry(0, [1.0])], error="broken")
    assert parse([entry(0, [1.0])], error={}).vectors == [[1.0]]


@given(st.data(), st.integers(1, 6), st.integers(1, 5))
def test_any_order_and_encoding_gives_the_same_vectors(data: st.DataObject, count: int, size: int) -> None:
    """Whatever the order of the entries, and however each is encoded, the vectors are those that were meant."""
    vectors = data.draw(st.lists(st.lists(FLOATS, min_size=size, max_size=size), min_size=count, max_size=count))
    entries = [
        entry(index, packed(*vector) if data.draw(st.booleans()) else vector) for index, vector in enumerate(vectors)
    ]
    assert parse(data.draw(st.permutations(entries)), count=count).vectors == vectors


@given(
    st.lists(st.fixed_dictionaries({}, optional={"index": VALUES, "embedding": VALUES}), max_size=3) | VALUES, VALUES
)
def test_odd_answers_raise_typed_errors_only(data: Any, error: Any) -> None:
    """Any JSON is finite vectors, as many as texts and of one length, or one of this package's errors."""
    try:
        answer = parse(data, count=2, error=error)
    except KiloError:
        return
    assert [len(vector) for vector in answer.vectors] == [len(answer.vectors[0])] * 2
    assert all(math.isfinite(number) for vector in answer.vectors for number in vector)
