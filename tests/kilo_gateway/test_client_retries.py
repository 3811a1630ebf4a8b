"""When a request is sent again and when never, for both clients over real HTTP. No test sleeps."""

from __future__ import annotations

import math
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from kilo_gateway import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    InsufficientCreditsError,
    KiloError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
    ServerError,
    ServiceUnavailableError,
    Timeouts,
    TruncatedStreamError,
)
from kilo_gateway.testing import Fault, Reply

TOKEN = {"choices": [{"index": 0, "delta": {"content": "Hel"}, "finish_reason": None}]}
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


def error_body(code: Any, message: str = "It broke.") -> dict[str, Any]:
    """Return an error as the gateway relays it."""
    return {"error": {"code": code, "message": message}}


def answer(session: Any, *, stream: bool) -> str:
    """Return the text of an answer that must come."""
    if not stream:
        return str(session.complete().text)
    streamed = session.stream()
    assert streamed.error is None
    return str(streamed.text)


@SHAPES
def test_retry_after_in_seconds_is_obeyed(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """A 429 that asks for two seconds is tried once more, after two seconds at least and four at most."""
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "2"}, body=error_body(429)), Reply(text="Yes."))
    assert answer(connect(), stream=stream) == "Yes."
    assert len(gateway.requests) == 2
    assert len(waits) == 1
    assert 2 <= waits[0] <= 4


def test_retry_after_as_a_date_is_obeyed(connect: Any, gateway: Any, waits: list[float]) -> None:
    """A 429 that names a moment is tried once more, not before it and at most three seconds after it."""
    moment = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0)
    headers = {"Retry-After": format_datetime(moment, usegmt=True)}
    gateway.enqueue(Fault(status=429, headers=headers, body=error_body(429)), Reply(text="Yes."))
    before = datetime.now(UTC)
    assert connect().complete().text == "Yes."
    (wait,) = waits
    assert datetime.now(UTC) + timedelta(seconds=wait) >= moment
    assert before + timedelta(seconds=wait) <= moment + timedelta(seconds=3)


@SHAPES
def test_passing_failures_are_retried(connect: Any, gateway: Any, stream: bool) -> None:
    """A failure that passes is tried again without a word: two requests, one answer."""
    session = connect()
    for status in (408, 500, 502, 503, 504, 529):
        gateway.clear()
        gateway.enqueue(Fault(status=status, body=error_body(status)), Reply(text="Yes."))
        assert answer(session, stream=stream) == "Yes."
        assert len(gateway.requests) == 2


REFUSALS = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: RequestTooLargeError,
    422: BadRequestError,
}


@SHAPES
def test_refusals_are_final(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """A refusal is one request and an error of its class with the status and the gateway's message."""
    session = connect()
    for status, kind in REFUSALS.items():
        gateway.clear()
        gateway.enqueue(Fault(status=status, body=error_body(status, "Not like this"), times=9))
        error = session.fail(stream=stream)
        assert type(error) is kind
        assert error.status == error.http_status == status
        assert "Not like this" in str(error)
        assert len(gateway.requests) == 1
    assert waits == []


@SHAPES
def test_an_hour_long_wait_is_the_callers(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """A 429 that asks for an hour is raised at once and shows the wait."""
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "3600"}, body=error_body(429), times=9))
    error = connect().fail(stream=stream)
    assert isinstance(error, RateLimitError)
    assert (error.retry_after_seconds, error.retry) == (3600, "later")
    assert (len(gateway.requests), waits) == (1, [])


@SHAPES
def test_no_retries_means_one_request(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """With max_retries=0 a 503 is one request and a typed error."""
    gateway.enqueue(Fault(status=503, body=error_body(503), times=9))
    assert isinstance(connect(max_retries=0).fail(stream=stream), ServiceUnavailableError)
    assert (len(gateway.requests), waits) == (1, [])


@SHAPES
def test_retries_come_to_an_end(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """A 503 for ever is three requests with two growing, bounded waits, then the error."""
    gateway.enqueue(Fault(status=503, body=error_body(503), times=math.inf))
    error = connect(max_retries=2).fail(stream=stream)
    assert isinstance(error, ServiceUnavailableError)
    assert error.status == 503
    assert len(gateway.requests) == 3
    assert 0.3 < waits[0] < waits[1] <= 1


@SHAPES
def test_connection_refused_names_the_place(connect: Any, waits: list[float], stream: bool) -> None:
    """Where nobody listens the error is typed and names host and port, never the key; two retries are made."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = connect(base_url=f"http://127.0.0.1:{port}/", api_key="sk-never-to-be-shown").fail(stream=stream)
    assert isinstance(error, ConnectionFailedError)
    assert f"127.0.0.1:{port}" in str(error)
    assert "sk-never-to-be-shown" not in repr(error) + str(error)
    assert error.model == "kilocode/openai/gpt-4.1-mini"
    assert len(waits) == 2


@SHAPES
@pytest.mark.parametrize("reset", [False, True])
def test_a_connection_lost_before_the_answer_is_retried(connect: Any, gateway: Any, stream: bool, reset: bool) -> None:
    """A connection that ends before any answer is tried again."""
    gateway.enqueue(Fault(cut_before_headers=True, reset=reset), Reply(text="Yes."))
    assert answer(connect(), stream=stream) == "Yes."
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("cut", [None, 2, 40, 300])
def test_a_stream_that_ends_before_its_first_token_is_retried(connect: Any, gateway: Any, cut: int | None) -> None:
    """A stream that breaks off within its comments, or without a token, is sent again whole."""
    fault = Fault(end_after_events=0) if cut is None else Fault(cut_after_bytes=cut, reply=Reply(text=""))
    gateway.enqueue(fault, Reply(text="Yes."))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("Yes.", None)
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_stream_is_never_sent_again(connect: Any, gateway: Any, waits: list[float], reset: bool) -> None:
    """A connection lost after the first token is one request and a typed error; the token was delivered."""
    gateway.enqueue(Fault(cut_after_events=1, reset=reset, reply=Reply(text="Hel lo"), times=9))
    streamed = connect().stream()
    assert isinstance(streamed.error, ConnectionFailedError)
    assert streamed.text.startswith("Hel")
    assert streamed.error.partial.text == streamed.text
    assert (len(gateway.requests), waits) == (1, [])


def test_an_error_after_a_token_is_never_retried(connect: Any, gateway: Any, waits: list[float]) -> None:
    """An error event after a token is raised with its code and message; the token was delivered."""
    fault = Fault(error_event=error_body(502, "Upstream fell over"), after_events=1, reply=Reply(text="Hel lo"))
    gateway.enqueue(fault)
    streamed = connect().stream()
    assert isinstance(streamed.error, ServiceUnavailableError)
    assert (streamed.error.code, streamed.error.status, streamed.error.http_status) == (502, 502, 200)
    assert "Upstream fell over" in str(streamed.error)
    assert streamed.text.startswith("Hel")
    assert (len(gateway.requests), waits) == (1, [])


def test_an_error_before_the_first_token_is_retried(connect: Any, gateway: Any) -> None:
    """A passing error as the first event is tried again: nothing of the answer had been delivered."""
    gateway.enqueue(Fault(error_event=error_body(502)), Reply(text="Yes."))
    streamed = connect().stream()
    assert (streamed.text, streamed.error) == ("Yes.", None)
    assert len(gateway.requests) == 2


def test_an_error_without_choices_opens_the_stream(connect: Any, gateway: Any) -> None:
    """A stream whose first line is a credits error raises it with its message, never an empty answer."""
    gateway.enqueue(Fault(error_event=error_body(402, "Key limit exceeded"), times=9))
    error = connect().fail(stream=True)
    assert isinstance(error, InsufficientCreditsError)
    assert error.code == 402
    assert "Key limit exceeded" in str(error)
    assert len(gateway.requests) == 1


@SHAPES
def test_an_error_inside_a_200_is_raised(connect: Any, gateway: Any, stream: bool) -> None:
    """A 200 whose JSON body is an error raises it, whole or in the place of a stream."""
    gateway.enqueue(Reply(body=error_body(502, "Provider returned error"), times=9))
    error = connect(max_retries=0).fail(stream=stream)
    assert isinstance(error, ServerError)
    assert (error.code, error.http_status) == (502, 200)
    assert "Provider returned error" in str(error)


@SHAPES
def test_an_error_on_the_choice_is_raised(connect: Any, gateway: Any, stream: bool) -> None:
    """An error object on the choice is an error with the partial text in it, not a partial answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Half an"},
        "finish_reason": None,
        "error": {"code": 400, "message": "Token limit reached"},
    }
    gateway.enqueue(Reply(body={"id": "gen-1", "choices": [choice]}, times=9))
    error = connect().fail(stream=stream)
    assert isinstance(error, BadRequestError)
    assert "Token limit reached" in str(error)
    assert error.partial.text == "Half an"


@SHAPES
def test_a_retry_is_the_same_request(connect: Any, gateway: Any, stream: bool) -> None:
    """Every try sends the same bytes and the same headers."""
    gateway.enqueue(Fault(status=503, body=error_body(503), times=2), Reply(text="Yes."))
    session = connect(default_headers={"X-Request-Id": "one"})
    assert answer(session, stream=stream) == "Yes."
    bodies = {request.raw_body for request in gateway.requests}
    headers = {tuple(request.headers) for request in gateway.requests}
    assert (len(gateway.requests), len(bodies), len(headers)) == (3, 1, 1)


def test_the_deadline_of_a_call_forbids_a_late_retry(connect: Any, gateway: Any, waits: list[float]) -> None:
    """A wait that would end after timeout.total is not begun: the error is raised instead."""
    gateway.enqueue(Fault(status=503, headers={"Retry-After": "9"}, body=error_body(503), times=9))
    error = connect(timeout=Timeouts(total=5)).fail()
    assert isinstance(error, ServiceUnavailableError)
    assert (len(gateway.requests), waits) == (1, [])


@pytest.mark.parametrize("status", [429, 500])
def test_html_errors_keep_their_status(connect: Any, gateway: Any, status: int) -> None:
    """A page in the place of an error body gives the status's error, not a JSON failure."""
    gateway.enqueue(Fault(status=status, body="html", times=9))
    error = connect(max_retries=0).fail()
    assert isinstance(error, (RateLimitError, ServerError))
    assert error.status == status


@pytest.mark.parametrize(
    ("status", "body", "kind", "shown"),
    [
        (401, {"error": {"code": "PAID_MODEL_AUTH_REQUIRED", "message": "Sign in"}}, AuthenticationError, "Sign in"),
        (400, {"error": "Bad", "message": "A longer text"}, BadRequestError, "A longer text"),
        (404, {"error": "Gone", "message": "No such thing"}, NotFoundError, "No such thing"),
        (429, {"error": "Slow", "message": "Too many"}, RateLimitError, "Too many"),
        (503, {"error": "Down", "message": "Come back"}, ServiceUnavailableError, "Come back"),
    ],
)
def test_the_gateways_own_shapes(
    connect: Any, gateway: Any, status: int, body: Any, kind: type[KiloError], shown: str
) -> None:
    """Errors with word codes, or with text in the place of an object, keep their code and message."""
    gateway.enqueue(Fault(status=status, body=body, times=9))
    error = connect(max_retries=0).fail()
    assert type(error) is kind
    assert shown in str(error)
    assert getattr(error, "code", None) == (body["error"]["code"] if isinstance(body["error"], dict) else None)


def test_an_empty_account_says_where_to_pay(connect: Any, gateway: Any) -> None:
    """An account without credits gets the title, the message and the address from the gateway's own 402."""
    gateway.accounts.adjust(gateway.api_key, balance=0.0)
    error = connect().fail()
    assert isinstance(error, InsufficientCreditsError)
    assert error.title
    assert error.buy_credits_url.startswith("https://")
    assert error.buy_credits_url in str(error)


def test_a_cut_whole_answer_is_retried(connect: Any, gateway: Any) -> None:
    """A whole answer that breaks off in its body was not delivered, so it is asked for again."""
    gateway.enqueue(Fault(cut_after_bytes=20, reply=Reply(text="Lost.")), Reply(text="Yes."))
    assert connect().complete().text == "Yes."
    assert len(gateway.requests) == 2


def test_a_stream_that_never_finishes_gives_up(connect: Any, gateway: Any) -> None:
    """A stream that always ends empty is tried three times, then raises that it was truncated."""
    gateway.enqueue(Fault(end_after_events=0, times=math.inf))
    assert isinstance(connect().fail(stream=True), TruncatedStreamError)
    assert len(gateway.requests) == 3
