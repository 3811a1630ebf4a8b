"""Answers that are whole but come in another form than was asked for, or say nothing at all."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from kilo_gateway import (
    KiloClient,
    MalformedAnswerError,
    MissingKeyError,
    ModelNotFoundError,
    RateLimitError,
    ServiceUnavailableError,
    TruncatedStreamError,
)
from kilo_gateway.testing import Fault


def event(**fields: Any) -> str:
    """Return one event of a stream."""
    return f"data: {json.dumps(fields)}\n\n"


def chunk(text: str, finish_reason: str | None = None) -> str:
    """Return one chunk of a stream."""
    return event(id="g", choices=[{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}])


def say(gateway: Any, body: str, content_type: str = "text/event-stream") -> None:
    """Let the gateway answer the next request with this body."""
    gateway.enqueue(Fault(status=200, body=body, headers={"content-type": content_type}))


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_a_stream_that_nobody_asked_for_is_the_answer(connect: Any, gateway: Any, content_type: str) -> None:
    """A server that always streams was told as "not a JSON object"."""
    session = connect()
    for beginning in ("", ": waiting\n\n", "\n\n", "\ufeff", "id: 1\n", "event: message\n"):
        say(gateway, beginning + chunk("Hel") + chunk("lo", "stop") + "data: [DONE]\n\n", content_type)
        answer = session.complete()

        assert (answer.text, answer.choices[0].finish_reason) == ("Hello", "stop"), beginning


def test_what_goes_wrong_in_a_stream_that_nobody_asked_for(connect: Any, gateway: Any) -> None:
    """Its errors are errors, and what had arrived is in `partial`."""
    session = connect(max_retries=0)
    say(gateway, chunk("Hel") + event(error={"code": 429, "message": "Slow"}))
    limited = session.fail()
    say(gateway, chunk("Hel"))
    cut_off = session.fail()

    assert isinstance(limited, RateLimitError)
    assert isinstance(cut_off, TruncatedStreamError)
    assert [error.partial and error.partial.text for error in (limited, cut_off)] == ["Hel", "Hel"]
    assert "What had arrived is in `partial`" in str(cut_off)


def test_what_had_arrived_is_mentioned_only_when_something_had(connect: Any, gateway: Any) -> None:
    """A stream that held nothing has no partial answer to look at."""
    say(gateway, "data: [DONE]\n\n")
    error = connect(max_retries=0).fail()

    assert isinstance(error, TruncatedStreamError)
    assert error.partial is None
    assert "partial" not in str(error)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_without_a_byte_names_its_status_and_is_tried_again(
    connect: Any, gateway: Any, stream: bool, status: int
) -> None:
    """Its advice was to try again, and it was never done; a 204 to a stream was called HTTP 200."""
    session = connect(max_retries=1)
    gateway.enqueue(Fault(status=status, times=2))
    error = session.fail(stream=stream)

    assert isinstance(error, MalformedAnswerError)
    assert f"is empty (HTTP {status}). Try again." in str(error)
    assert (error.retry, error.is_retryable) == ("soon", False)
    assert len(gateway.requests) == 2


def test_an_object_out_of_a_pickle_says_where_its_key_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The advice "pass api_key" was given to people who had passed it, in the process that pickled the object."""
    for name in ("KILOCODE_API_KEY", "KILO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    copied = pickle.loads(pickle.dumps(KiloClient(api_key="k" * 20, model="lab/x", base_url="http://127.0.0.1:9/")))

    with pytest.raises(MissingKeyError, match="keys are never pickled"):
        copied.complete([{"role": "user", "content": "Hello"}])


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_answer_in_a_coding_that_cannot_be_read_names_it(connect: Any, gateway: Any, stream: bool) -> None:
    """What was sent is no text to quote; the coding is what a person can look into, and a status stands."""
    session = connect(max_retries=0)
    for status, kind in ((200, MalformedAnswerError), (503, ServiceUnavailableError)):
        gateway.enqueue(Fault(status=status, body="x", headers={"content-encoding": "compress"}))
        error = session.fail(stream=stream)
        assert isinstance(error, kind)
        assert "could not be decompressed: it is compressed as 'compress', which was not asked for" in str(error)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_page_of_several_lines_is_quoted_on_one(connect: Any, gateway: Any, stream: bool) -> None:
    """Controls and line ends of a page went into the message, and from there into the terminal."""
    gateway.enqueue(Fault(status=200, body="one\n\x1b[31mred\x07\u202e\ntwo"))
    error = connect(max_retries=0).fail(stream=stream)

    assert r"It begins: one \x1b[31mred\x07 two. Check base_url" in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(("typed", "meant"), [("gpt-4o", "openai/gpt-4o"), ("no/such-thing-at-all", None)])
def test_a_model_that_was_mistyped_gets_a_suggestion(connect: Any, typed: str, meant: str | None) -> None:
    """The error for a model that does not exist names the one of the catalog that was probably meant."""
    error = connect().fail(model=typed)
    assert isinstance(error, ModelNotFoundError)
    assert ("Did you mean" in str(error)) == (meant is not None)
    assert meant is None or f"Did you mean {meant!r}?" in str(error)
