"""One call's decisions between its tries, on plain values: no clock, no network."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kilo_gateway import ModelNotFoundError, NotFoundError, ServiceUnavailableError, Settings, Timeouts
from kilo_gateway.call import ChatCall
from kilo_gateway.settings.headers import HeaderList

KEY = "sk-kilo-0123456789abcdef"
TEXT = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n'


def call(model: str = "a/b", *, headers: HeaderList | None = None, own: Any = None, **settings: Any) -> ChatCall:
    """Return a call with a small body; `own` is its own timeout."""
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "temperature": 0}
    return ChatCall(Settings(api_key=KEY, **settings), body, headers=headers or HeaderList(), timeout=own)


def gone(model: str = "kilo/auto") -> ModelNotFoundError:
    """Return the error for a model that is not known."""
    return ModelNotFoundError(f"No {model}", status=404)


def down() -> ServiceUnavailableError:
    """Return an error that passes."""
    return ServiceUnavailableError("Down", status=503, retry="soon")


def test_the_address_and_the_content() -> None:
    """A call goes to chat/completions below the base URL, with the body as compact JSON."""
    made = call(base_url="http://127.0.0.1:9/x")
    assert made.url == "http://127.0.0.1:9/x/chat/completions"
    assert made.content == b'{"model":"a/b","messages":[{"role":"user","content":"Hi"}],"temperature":0}'
    assert made.ref == "kilocode/a/b"


def test_ids_made_up_for_tool_calls_tell_requests_apart() -> None:
    """Two turns whose answers have no ids share no call id; the same answer to the same request has it again."""

    def id_of(content: str, *, streamed: bool) -> Any:
        body = {"model": "a/b", "messages": [{"role": "user", "content": content}], "stream": streamed}
        made = ChatCall(Settings(api_key=KEY), body, headers=HeaderList())
        message = {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]}
        choice = {"index": 0, "finish_reason": "tool_calls", "delta" if streamed else "message": message}
        answer = orjson.dumps({"choices": [choice]})
        if not streamed:
            return made.parse_answer(answer).tool_calls[0]["id"]
        reader = made.fresh_reader()
        deltas = [*reader.feed(b"data: " + answer + b"\n\n"), *reader.finish()]
        assert [piece.id for delta in deltas for piece in delta.tool_calls][-1] == made.completion.tool_calls[0]["id"]
        return made.completion.tool_calls[0]["id"]

    assert id_of("turn 1", streamed=True) == id_of("turn 1", streamed=False) != id_of("turn 2", streamed=False)


def test_another_model_changes_the_model_alone() -> None:
    """The successor's request is the same but for its model; both ids are in the completion."""
    made = call("kilo/auto")
    before = orjson.loads(made.content)
    made.use_model("kilo-auto/balanced")
    assert orjson.loads(made.content) == {**before, "model": "kilo-auto/balanced"}
    body = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}
    completion = made.parse_answer(orjson.dumps(body))
    assert (completion.requested_model, completion.sent_model) == ("kilo/auto", "kilo-auto/balanced")
    assert (made.completion.requested_model, made.completion.sent_model) == ("kilo/auto", "kilo-auto/balanced")


def test_who_needs_a_successor() -> None:
    """Only kilo/auto, only when the model was not found, and only once."""
    auto, other = call("kilo/auto"), call("kilo/automatic")
    assert auto.needs_successor(gone())
    assert not auto.needs_successor(down())
    assert not auto.needs_successor(NotFoundError("No path", status=404))
    assert not other.needs_successor(gone())
    auto.use_model("kilo-auto/balanced")
    assert not auto.needs_successor(gone("kilo-auto/balanced"))


def test_tries_are_counted() -> None:
    """There are as many delays as retries, then None; an error that is final is None at once."""
    made = call(max_retries=2)
    delays = [made.delay_after(down(), now=0) for _ in range(3)]
    assert [delay is not None for delay in delays] == [True, True, False]
    assert made.attempt == 2
    assert call(max_retries=2).delay_after(gone(), now=0) is None


def test_a_delay_ends_before_the_deadline() -> None:
    """A delay that would pass the deadline is none, and counts no try."""
    made = call()
    made.deadline = 100.0
    assert made.delay_after(down(), now=99.9) is None
    assert made.attempt == 0
    assert made.delay_after(down(), now=90.0) is not None


@pytest.mark.parametrize(
    ("settings", "own", "expected", "is_given"),
    [
        ({}, None, Timeouts(), False),
        ({}, 3, Timeouts(connect=3, read=3, silence=30), True),
        ({"timeout": 5, "timeout_is_given": True}, None, Timeouts(connect=5, read=5, silence=50), True),
        ({"timeout": 5, "timeout_is_given": True}, 3, Timeouts(connect=3, read=3, silence=30), True),
    ],
)
def test_whose_timeout_counts(settings: Any, own: Any, expected: Timeouts, is_given: bool) -> None:
    """The call's own timeout, else that of the settings; and whether anybody chose one."""
    made = call(own=own, **settings)
    assert (made.timeouts, made.timeout_is_given) == (expected, is_given)


@pytest.mark.parametrize(("status", "accepted"), [(200, True), (201, True), (299, True), (300, False), (404, False)])
def test_what_is_read_as_an_answer(status: int, accepted: bool) -> None:
    """Redirects and errors are no answers; headers are noted in any case."""
    made = call()
    assert made.accepts(status, {"x-a": "b"}) is accepted
    assert made.reader.headers == {"x-a": "b"}


def test_a_new_try_begins_with_nothing() -> None:
    """The reader of the next try knows nothing of the one before."""
    made = call()
    list(made.fresh_reader().feed(TEXT))
    assert made.completion.text == "Hi"
    made.fresh_reader()
    assert made.completion.text == ""


def test_an_error_is_signed() -> None:
    """An error gets the model and what had arrived, and loses the key and every secret header of the call."""
    headers = HeaderList(
        [("Authorization", "Bearer own-token-123456"), ("X-Api-Key", "other-987654"), ("X-A", "plain")]
    )
    made = call(headers=headers)
    reader = made.fresh_reader()
    list(reader.feed(TEXT))
    error = ServiceUnavailableError(f"plain {KEY} own-token-123456 other-987654", status=503, body={"echo": KEY})
    completed = made.complete_error(error, reader)
    assert completed is error
    assert completed.model == "kilocode/a/b"
    assert completed.partial is not None
    assert completed.partial.text == "Hi"
    shown = repr(vars(completed)) + str(completed)
    assert [word for word in (KEY, "own-token-123456", "other-987654") if word in shown] == []
    assert "plain" in str(completed)


def test_a_signed_error_keeps_what_it_says() -> None:
    """A model and a partial answer that an error has already stay; with nothing arrived there is no partial."""
    made = call()
    error = down()
    error.model = "kilocode/c/d"
    assert made.complete_error(error, made.fresh_reader()).partial is None
    assert error.model == "kilocode/c/d"


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("Authorization", "Bearer anonymous")], False),
        ([("authorization", "Bearer mine")], True),
        ([("X-A", "Bearer mine")], False),
        ([], False),
    ],
)
def test_whose_bearer_it_is(pairs: list[tuple[str, str]], expected: bool) -> None:
    """The anonymous bearer is no authorization; one of the call's own headers is."""
    assert call(headers=HeaderList(pairs)).has_own_authorization is expected
