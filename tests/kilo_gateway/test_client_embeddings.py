"""Embeddings with both clients over real HTTP: order, errors, retries, keys. No test sleeps."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest

from kilo_gateway import (
    AuthenticationError,
    BadRequestError,
    Embeddings,
    InsufficientCreditsError,
    InvalidModelError,
    InvalidRequestError,
    InvalidSettingError,
    KiloError,
    MalformedAnswerError,
    MissingKeyError,
    ModelNotFoundError,
    RateLimitError,
    RequestTimeoutError,
    ServiceUnavailableError,
)
from kilo_gateway.testing import Fault

SMALL, BGE = "openai/text-embedding-3-small", "baai/bge-m3"
TEXTS = ["The dance of the honey bees", "A night train\nto Vienna", "Bees dance to tell of flowers"]


def embed(session: Any, inputs: Any = TEXTS, model: Any = SMALL, **options: Any) -> Embeddings:
    """Return the vectors, by whichever client."""
    result: Embeddings = session.wait(session.client.embed(inputs, model=model, **options))
    return result


def fail(session: Any, *args: Any, **options: Any) -> KiloError:
    """Return the error that a call ends with."""
    with pytest.raises(KiloError) as caught:
        embed(session, *args, **options)
    return caught.value


def likeness(one: list[float], other: list[float]) -> float:
    """Return the cosine of two vectors of length 1."""
    return sum(a * b for a, b in zip(one, other, strict=True))


def answer(*vectors: Any, indexes: Any = None, **body: Any) -> Fault:
    """Return a scripted answer with these vectors."""
    data = [{"index": index, "embedding": vector} for index, vector in zip(indexes or range(9), vectors, strict=False)]
    return Fault(status=200, body={"object": "list", "data": data, **body})


def test_texts_become_vectors(connect: Any, gateway: Any) -> None:
    """Each text has its vector; like texts are near; model, tokens and cost are told; texts arrive unchanged."""
    found = embed(connect())
    bees, train, dance = found.vectors
    assert len(bees) == len(train) == len(dance) == 1536
    assert likeness(bees, dance) > 0.3 > likeness(bees, train)
    assert found.model == SMALL
    assert found.usage is not None
    assert found.usage.input_tokens > 0
    assert found.usage.cost == found.usage.billed_cost > 0
    (request,) = gateway.requests
    assert (request.method, request.path) == ("POST", "/api/gateway/embeddings")
    assert request.body == {"model": SMALL, "input": TEXTS, "encoding_format": "base64"}
    assert request.headers["authorization"] == f"Bearer {gateway.api_key}"
    assert request.headers["x-kilocode-feature"] == "direct-gateway"


def test_both_encodings_say_the_same(connect: Any, gateway: Any) -> None:
    """Numbers and base64 give the same vectors, as exactly as a float32 is."""
    session = connect()
    plain, packed = (embed(session, dimensions=16, encoding_format=name).vectors for name in ("float", "base64"))
    for one, other in zip(plain, packed, strict=True):
        assert struct.pack("<16f", *one) == struct.pack("<16f", *other)
    assert [request.body["encoding_format"] for request in gateway.requests] == ["float", "base64"]


def test_dimensions_and_input_type(connect: Any, gateway: Any) -> None:
    """Options reach the gateway; the prefix of a ref does not."""
    found = embed(connect(), ["a"], f"kilocode/{SMALL}", dimensions=7, input_type="search_query", user="u")
    assert len(found.vectors[0]) == 7
    body = gateway.requests[0].body
    assert {name: body[name] for name in ("model", "dimensions", "input_type", "user")} == {
        "model": SMALL,
        "dimensions": 7,
        "input_type": "search_query",
        "user": "u",
    }


def test_a_shuffled_answer_is_put_in_order(connect: Any, gateway: Any) -> None:
    """Vectors follow their index, be it that the gateway sends the last one first."""
    gateway.enqueue(answer([3, 3], [1, 1], [2, 2], indexes=[2, 0, 1]), endpoint="embeddings")
    assert embed(connect()).vectors == [[1, 1], [2, 2], [3, 3]]


def test_a_thousand_texts_in_one_request(connect: Any, gateway: Any) -> None:
    """The client cuts nothing into batches; a thousand texts come back in order, each equal to itself asked alone."""
    session = connect()
    texts = [f"text number {number}" for number in range(1000)]
    found = embed(session, texts, dimensions=24)
    assert len(gateway.requests) == 1
    assert len(found.vectors) == 1000
    assert found.vectors[777] == embed(session, ["text number 777"], dimensions=24).vectors[0]


@pytest.mark.parametrize("inputs", [[], ()])
def test_no_text_no_request(connect: Any, gateway: Any, inputs: Any) -> None:
    """An empty list gives no vectors, and nothing is sent."""
    found = embed(connect(), inputs)
    assert (found.vectors, found.usage, found.requested_model) == ([], None, SMALL)
    assert gateway.requests == []


@pytest.mark.parametrize(
    ("inputs", "options", "kind", "said"),
    [
        (["a", ""], {}, InvalidRequestError, r"inputs\[1\] is empty"),
        (["a", 3], {}, InvalidRequestError, r"inputs\[1\] must be text"),
        ("a", {}, InvalidRequestError, "a list of texts"),
        ([], {"dimensions": 0}, InvalidRequestError, "dimensions=0"),
        (["a"], {"dimension": 3}, InvalidRequestError, "Did you mean 'dimensions'"),
        (["a"], {"model": ""}, InvalidModelError, "model"),
        (["a"], {"model": None}, InvalidModelError, "model"),
        (["a"], {"timeout": -1}, InvalidSettingError, "timeout"),
        (["a"], {"extra_headers": {"X": "a\nb"}}, InvalidSettingError, "X"),
    ],
)
def test_what_cannot_be_sent_is_not_sent(
    connect: Any, gateway: Any, inputs: Any, options: Any, kind: type[KiloError], said: str
) -> None:
    """Mistakes are named before anything is sent."""
    with pytest.raises(kind, match=said):
        embed(connect(), inputs, **options)
    assert gateway.requests == []


def test_without_a_key_nothing_is_sent(connect: Any, gateway: Any) -> None:
    """No key, no request, not even for the model list, which knows no embedding models."""
    assert isinstance(fail(connect(api_key=None)), MissingKeyError)
    assert gateway.requests == []


def test_a_key_of_the_call(connect: Any, gateway: Any) -> None:
    """A bearer among the headers of one call counts as a key."""
    found = embed(connect(api_key=None), ["a"], extra_headers={"Authorization": f"Bearer {gateway.api_key}"})
    assert len(found.vectors) == 1


ERRORS: list[tuple[Any, int, type[KiloError]]] = [
    ({"error": {"message": "No", "code": 400}}, 400, BadRequestError),
    ({"error": {"message": "No", "code": 401}}, 401, AuthenticationError),
    ({"error": {"message": "No", "code": 402}}, 402, InsufficientCreditsError),
    ({"error": {"message": "No", "code": 429}}, 429, RateLimitError),
    ({"error": {"message": "No", "code": 503}}, 503, ServiceUnavailableError),
    ({"error": {"message": "No", "code": 429}}, 200, RateLimitError),
    ({"error": {"message": "No", "code": 402}}, 200, InsufficientCreditsError),
    ("html", 200, MalformedAnswerError),
    (None, 200, MalformedAnswerError),
    ({"data": []}, 200, MalformedAnswerError),
]


def test_errors_are_those_of_chat(connect: Any, gateway: Any) -> None:
    """An error has its class and names the model, whatever the status it hides behind."""
    session = connect(max_retries=0)
    for body, status, kind in ERRORS:
        gateway.clear()
        gateway.enqueue(Fault(status=status, body=body, times=9), endpoint="embeddings")
        error = fail(session)
        assert type(error) is kind, body
        assert error.model == f"kilocode/{SMALL}"
        assert len(gateway.requests) == 1


def test_the_gateways_own_refusals(connect: Any, gateway: Any) -> None:
    """An unknown model, too many dimensions and a wrong key are what they are."""
    assert isinstance(fail(connect(), model="acme/embed"), ModelNotFoundError)
    assert isinstance(fail(connect(), dimensions=4000), BadRequestError)
    assert isinstance(fail(connect(api_key="wrong-key-123456")), AuthenticationError)


def test_kilo_auto_has_no_successor_here(connect: Any, gateway: Any) -> None:
    """A chat route is not exchanged for its successor, which embeds nothing either: one request, one error."""
    assert isinstance(fail(connect(), model="kilo/auto"), ModelNotFoundError)
    assert [request.path for request in gateway.requests] == ["/api/gateway/embeddings"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503, body={"error": {"message": "Down", "code": 503}}, times=2),
        Fault(status=429, headers={"Retry-After": "1"}, body={"error": {"message": "Wait", "code": 429}}, times=2),
        Fault(status=200, body={"error": {"message": "Down", "code": 502}}, times=2),
        Fault(cut_before_headers=True, times=2),
    ],
    ids=["503", "429", "error in a 200", "cut"],
)
def test_passing_failures_are_retried(connect: Any, gateway: Any, waits: list[float], fault: Fault) -> None:
    """What may pass is tried again, twice at most, and the vectors come."""
    gateway.enqueue(fault, endpoint="embeddings")
    assert len(embed(connect(), dimensions=4).vectors) == 3
    assert (len(gateway.requests), len(waits)) == (3, 2)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=400, body={"error": {"message": "No"}}, times=9),
        Fault(status=200, body={"data": [{"index": 0, "embedding": [1]}]}, times=9),
    ],
    ids=["400", "too few vectors"],
)
def test_what_will_not_pass_is_final(connect: Any, gateway: Any, waits: list[float], fault: Fault) -> None:
    """A refusal, and an answer that is none, is one request."""
    gateway.enqueue(fault, endpoint="embeddings")
    fail(connect())
    assert (len(gateway.requests), waits) == (1, [])


def test_a_silent_gateway_is_not_waited_for(connect: Any, gateway: Any) -> None:
    """The timeout of a call bounds it."""
    gateway.enqueue(Fault(delay_seconds=math.inf), endpoint="embeddings")
    assert isinstance(fail(connect(max_retries=0), timeout=0.1), RequestTimeoutError)


def test_no_error_shows_the_key(connect: Any, gateway: Any) -> None:
    """An answer that quotes the key back does not bring it into the error."""
    key = "sk-never-to-be-shown-123"
    vector = base64.b64encode(b"abc").decode()
    for body in ({"error": {"message": f"Bad {key}", "code": 401}}, {"echo": key, "data": [{"embedding": vector}]}):
        gateway.enqueue(Fault(status=200, body=body), endpoint="embeddings")
        error = fail(connect(api_key=key, max_retries=0))
        assert key not in str(error) + repr(error) + repr(vars(error))
