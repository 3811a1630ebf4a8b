"""Whole answers of status 200: success only with a finished choice, otherwise the error that hides in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from kilo_gateway import GatewayError, InsufficientCreditsError, MalformedAnswerError, ServerError
from kilo_gateway.answer.body import parse_answer, parse_json_object, quote

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
        (b'{"choices": [', "not a JSON object"),
        (b"\xff\xfe\x00", "not a JSON object"),
        (body(choices=[]), "no choice"),
        (body(choices=None), "no choice"),
        (body(choices="x"), "no choice"),
        (body(choices=[None]), "no choice"),
        (b"{}", "no choice"),
        (body(choices=[{**CHOICE, "finish_reason": None}]), "finish reason"),
        (body(choices=[CHOICE, {**CHOICE, "index": 1, "finish_reason": ""}]), "finish reason"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_what_is_no_answer(answer: bytes, said: str) -> None:
    """What holds no finished choice is a typed error that says what came, with the model and the status."""
    with pytest.raises(MalformedAnswerError, match=said) as caught:
        parse_answer(answer, model="a/b")
    assert (caught.value.model, caught.value.status) == ("kilocode/a/b", 200)
    assert "HTTP 200" in str(caught.value)


def test_an_unfinished_choice_is_kept_in_the_error() -> None:
    """The text of a choice without a finish reason is in the error's `partial`."""
    with pytest.raises(MalformedAnswerError) as caught:
        parse_answer(body(choices=[{**CHOICE, "finish_reason": None}]), model="a/b")
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hi"


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
