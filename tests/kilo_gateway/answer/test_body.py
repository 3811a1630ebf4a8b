"""Whole answers of status 200: success only with a finished choice, otherwise the error that hides in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from kilo_gateway import GatewayError, InsufficientCreditsError, MalformedAnswerError, ServerError
from kilo_gateway.answer.body import parse_answer, parse_json_object, quote
from kilo_gateway.stream.reader import StreamReader

SAMPLES = sorted((Path(__file__).parents[2] / "data" / "samples").rglob("*.json"))
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}


def body(**fields: Any) -> bytes:
    """Return an answer's bytes."""
    return orjson.dumps({"id": "gen-1", "model": "c/d", "choices": [CHOICE], **fields})


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_recorded_answers_are_successes(path: Path) -> None:
    """Recorded answers of status 200 are completions with a finish reason."""
    completion = parse_answer(path.read_bytes(), model="a/b")
    assert completion.finish_reason
    assert completion.requested_model == "a/b"


@pytest.mark.parametrize("padding", [b"", b"\n" * 5000, b" \r\n\t"])
def test_padding_is_no_part_of_an_answer(padding: bytes) -> None:
    """Blanks before and after the JSON, which keep a slow answer alive, change nothing."""
    assert parse_answer(padding + body() + padding, model="a/b").text == "Hi"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"<html>Sign in", "web page"),
        (b"  <!DOCTYPE html>", "web page"),
        (b"Bad Gateway", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b'{"choices": [', "stops in the middle"),
        (b'{"choices": [}', "not a JSON object"),
        (b"\xff\xfe\x00", "not a JSON object"),
        (body(choices=[]), "no choice"),
        (body(choices=None), "no choice"),
        (body(choices="x"), "no choice"),
        (body(choices=[None]), "no choice"),
        (b"{}", "no choice"),
        (body(choices=[{"index": 0, "message": {"content": ""}, "finish_reason": None}]), "nothing"),
        (body(choices=[{"index": 0, "message": None}, {"index": 1}]), "nothing"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_is_no_answer(answer: bytes, said: str) -> None:
    """What holds no finished choice is a typed error that says what came, with the model and the status."""
    with pytest.raises(MalformedAnswerError, match=said) as caught:
        parse_answer(answer, model="a/b")
    assert (caught.value.model, caught.value.status) == ("kilocode/a/b", 200)
    assert "HTTP 200" in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        {"content": "Hi"},
        {"reasoning": "Hm"},
        {"content": [{"type": "thinking", "thinking": "Hm"}]},
        {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]},
        {"images": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
        {"audio": {"data": "AA=="}},
        {"refusal": "No"},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]},
    ],
    ids=lambda message: next(iter(message)),
)
def test_a_whole_answer_needs_no_finish_reason(message: dict[str, Any]) -> None:
    """HTTP says that the body is whole: what it holds is the answer, and the finish reason is absent."""
    completion = parse_answer(body(choices=[{**CHOICE, "message": message, "finish_reason": None}]), model="a/b")
    assert completion.finish_reason is None
    assert not completion.choices[0].is_empty


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        (body(choices=[]), "soon"),
        (body(choices=[{"message": {"content": None}}]), "soon"),
        (b"", "soon"),
        *[(body()[:end], "soon") for end in (1, 5, 40, len(body()) - 1)],
        (body() + b"}", "never"),
        (b'{"ok": true}', "never"),
        (b"<html>", "never"),
    ],
)
def test_advice_and_retry_agree(answer: bytes, retry: str) -> None:
    """What is tried again says so, and what is not sends the reader to base_url."""
    with pytest.raises(MalformedAnswerError) as caught:
        parse_answer(answer, model="a/b")
    assert caught.value.retry == retry
    assert ("Try again" in str(caught.value)) == (retry == "soon")
    assert ("Check base_url" in str(caught.value)) == (retry == "never")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"error": {"code": 402, "message": "Pay"}, "choices": []}, InsufficientCreditsError),
        ({"error": {"code": 502, "message": "Fell"}}, ServerError),
        ({"error": "Fell", "choices": None}, ServerError),
        ({"choices": [{**CHOICE, "error": {"code": 502, "message": "Fell"}}]}, ServerError),
        ({"choices": [{**CHOICE, "finish_reason": "error"}]}, ServerError),
    ],
)
def test_errors_inside_an_answer(fields: dict[str, Any], kind: type[GatewayError]) -> None:
    """An error in the body or on the choice is raised with status, model and headers, text notwithstanding."""
    with pytest.raises(kind) as caught:
        parse_answer(body(**fields), model="a/b", headers={"X-Vercel-Id": "iad1"})
    assert (caught.value.http_status, caught.value.model) == (200, "kilocode/a/b")
    assert caught.value.headers == {"x-vercel-id": "iad1"}
    assert (caught.value.partial is not None) == bool(fields.get("choices", [CHOICE]))


@pytest.mark.parametrize("empty", [None, False, {}, "", []])
def test_an_empty_error_is_none(empty: Any) -> None:
    """An `error` key without content beside a finished choice does not make an error."""
    assert parse_answer(body(error=empty), model="a/b").text == "Hi"


def test_quotations_are_bounded() -> None:
    """What is quoted of an unreadable body is short, and text whatever its bytes."""
    assert len(quote(b"x" * 10_000)) < 400
    assert quote(b"\xff\xfeabc") == "\ufffd\ufffdabc"
    with pytest.raises(MalformedAnswerError) as caught:
        parse_json_object(b"y" * 1_000_000, model=None)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ([{"error": {"message": "quota", "code": 429, "status": "RESOURCE_EXHAUSTED"}}], 429, "quota"),
        ({"error": 429, "message": "boom"}, 429, "boom"),
        ({"error": True, "message": "boom", "code": 503}, 503, "boom"),
        ({"error": {"message": {"text": "boom"}, "code": 400}}, 400, "boom"),
        ({"choices": [{"message": {"content": "", "error": {"message": "boom", "code": 502}}}]}, 502, "boom"),
        ({"__type": "ThrottlingException", "message": "boom"}, 429, "boom"),
    ],
)
def test_errors_of_other_servers_inside_a_success_keep_their_words(body: Any, status: int, said: str) -> None:
    """An error in a list, beside a flag or a number, in a message or by AWS's type is read, whole and streamed."""
    data = json.dumps(body).encode()
    reader = StreamReader(model="lab/x")
    for read in (lambda: parse_answer(data, model="lab/x"), lambda: [*reader.feed(data), *reader.finish()]):
        with pytest.raises(GatewayError) as caught:
            read()
        assert caught.value.status == status
        assert str(caught.value).startswith(said)


def test_what_is_no_chat_is_not_tried_again_whole_or_streamed() -> None:
    """The same body has the same fate and advice, whatever was asked for."""
    reader = StreamReader(model="lab/x")
    for read in (lambda: parse_answer(b"{}", model="lab/x"), lambda: [*reader.feed(b"{}"), *reader.finish()]):
        with pytest.raises(MalformedAnswerError) as caught:
            read()
        assert caught.value.retry == "never"


INNER = {"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"result": INNER, "success": True, "errors": [], "messages": []}).encode(),
        json.dumps({"code": 0, "msg": "success", "data": INNER}).encode(),
        json.dumps({"response": INNER}).encode(),
        json.dumps([INNER]).encode(),
        json.dumps(json.dumps(INNER)).encode(),
        b"\xef\xbb\xbf" + json.dumps(INNER).encode(),
        b'{"choices": [{"text": "Hi", "finish_reason": "stop"}]}',
    ],
)
def test_an_answer_in_an_envelope_is_the_answer(body: bytes) -> None:
    """What other servers put around an answer, and a mark in front of it, hide nothing; streamed or not."""
    assert parse_answer(body, model="m").text == "Hi"
    reader = StreamReader(model="m")
    assert [*reader.feed(body), *reader.finish()]
    assert reader.completion().text == "Hi"
