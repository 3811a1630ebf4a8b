"""Hostile answers: whatever arrives becomes a typed error that can be printed, copied and pickled."""

from __future__ import annotations

import copy
import json
import math
import pickle
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from kilo_gateway.errors import GatewayError
from kilo_gateway.errors.bodies import find_error, parse_error, parse_error_object
from kilo_gateway.errors.redaction import redact_error

from ..odd_json import odd_json, odd_object  # noqa: TID252 - test folders are no packages

WORDS = [
    "error", "message", "code", "metadata", "raw", "provider_name", "headers", "type", "error_type", "title", "balance",
    "buyCreditsUrl", "choices", "finish_reason", "native_finish_reason", "reasons", "user_id", "vercel_request_id",
    "x-ratelimit-reset", "retry-after", "detail", "errors", "model", "provider", "id",
]  # fmt: skip
LEAVES = ["error", "429", "rate_limit_exceeded", '{"error":{"message":1}}', "[[", "maximum context length", math.nan]
RANDOMS = st.randoms(use_true_random=True)
STATUSES = st.integers(300, 999)
HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "retry-after-ms", "Date", "Location", "x-vercel-id", "Content-Type"]), st.text()
)


def check(error: GatewayError) -> None:
    """Hold an error to what every error promises."""
    assert isinstance(error, GatewayError)
    assert str(error).isprintable()
    assert 0 < len(str(error)) < 3000
    assert error.retry in {"soon", "later", "never"}
    assert error.status is None or 300 <= error.status <= 999
    assert error.code is None or type(error.code) in {int, str}
    assert all(
        value is None or isinstance(value, str)
        for value in (error.error_type, error.provider, error.upstream, error.title, error.request_id, error.model)
    )
    assert error.balance is None or type(error.balance) is float
    assert repr(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(copy.deepcopy(error)) == str(error)
    redact_error(error, ["a-key-of-the-user"])


@given(STATUSES, HEADERS, st.binary(max_size=200))
def test_random_bytes(status: int, headers: dict[str, str], body: bytes) -> None:
    """Bytes without sense, with headers without sense."""
    check(parse_error(status, headers, body))


@given(STATUSES, HEADERS, RANDOMS)
def test_random_json(status: int, headers: dict[str, str], random: Random) -> None:
    """JSON of any shape under the names that are read, with values of any type."""
    odd = odd_object(random, WORDS, LEAVES)
    for body in (odd_json(random, WORDS, LEAVES), odd, {"error": odd}):
        check(parse_error(status, headers, json.dumps(body).encode(), model="lab/x"))


@given(st.text(alphabet='{}[]":,errorcdmsag0 \n<>html', max_size=80))
def test_random_text_that_is_nearly_json_or_html(text: str) -> None:
    """Broken JSON and broken HTML."""
    check(parse_error(500, {}, text.encode()))


@given(RANDOMS)
def test_random_events(random: Random) -> None:
    """An event of any shape is an error or none, is never changed, and can always be read as an error."""
    odd = odd_object(random, WORDS, LEAVES)
    for event in (odd, {"error": odd}, {"choices": [odd]}):
        before = repr(event)
        found = find_error(event)

        assert found is None or isinstance(found, dict)
        check(parse_error_object(event))
        assert repr(event) == before
