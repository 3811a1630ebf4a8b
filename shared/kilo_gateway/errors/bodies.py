"""(status, headers, body) in, an error value out. It returns errors and never raises one.

A gateway's error has ten shapes, and an edge in front of it may answer with HTML, text or nothing: all are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.facts import ErrorFacts, parse_facts
from kilo_gateway.errors.message_text import text_in
from kilo_gateway.errors.messages import render_error_message
from kilo_gateway.errors.stated import states_error
from kilo_gateway.errors.text import MAX_BODY_CHARACTERS, bounded, one_line, parse_body
from kilo_gateway.errors.verdicts import classify, decide_status
from kilo_gateway.errors.waits import MAX_RETRY_AFTER_SECONDS

if TYPE_CHECKING:
    from datetime import datetime

    from kilo_gateway.errors import Advice, GatewayError


_LONGEST_TEXT_SEARCHED = 8000
REPLAYED_HEADER = "x-kilo-gateway-replayed"
"""Set by cassettes, with the file and the day of its recording: an old error must not be taken for one of now."""


def parse_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    model: str | None = None,
    now: datetime | None = None,
) -> GatewayError:
    """Return the error that an HTTP answer of status 300 or more is.

    `model` is the model asked for. Without `now` a date in `retry-after` is compared with the answer's own `date`.
    """
    read = parse_body(body)
    if read.description is not None:
        return _error(parse_facts(status, headers, {}, read.description, now), read.text, model)
    answer = _first_mapping(read.value)
    error = find_error(answer)
    facts = parse_facts(status, headers, answer, (answer or read.value) if error is None else error, now)
    kept = bounded(read.value) if len(body) <= MAX_BODY_CHARACTERS else read.text
    return _error(facts, kept, model)


def parse_error_object(
    event_or_body: Mapping[str, Any],
    *,
    model: str | None = None,
    headers: Mapping[str, str] | None = None,
    event_name: str | None = None,
) -> GatewayError:
    """Return the error inside an answer of status 200: a whole body, an event of a stream, or the object itself.

    The status that decides is the numeric code, else the one that a word stands for. Without either the error is a
    ServerError of unknown status: the generation had begun, so the request itself was accepted.
    """
    error = find_error(event_or_body, event_name)
    described = event_or_body if error is None else error
    facts = parse_facts(HTTPStatus.OK.value, headers or {}, event_or_body, described, None)
    return _error(facts, bounded(event_or_body), model)


def without_error(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer or event without the error objects in it: they are read, and may echo secrets."""
    choices = body.get("choices")
    bare = {name: value for name, value in body.items() if name != "error"}
    if isinstance(choices, list):
        bare["choices"] = [_bare_choice(choice) if isinstance(choice, dict) else choice for choice in choices]
    return bare


def _bare_choice(choice: dict[str, Any]) -> dict[str, Any]:
    bare = {name: value for name, value in choice.items() if name != "error"}
    for key in ("delta", "message"):
        if isinstance(held := bare.get(key), dict) and held.get("error"):
            bare[key] = {name: value for name, value in held.items() if name != "error"}
    return bare


def find_error(body: Mapping[str, Any], event_name: str | None = None) -> Mapping[str, Any] | None:
    """Return the error object in a body or an event: its own, else that of a choice; None when there is none.

    An error that is not an object comes as `{"message": ...}`; so does a choice that ended with the finish reason
    `error` and no word about it. An empty `error` beside an answer is none. An object that holds nothing of an answer
    is the error itself when it, or the name of its event, says that it is one.
    """
    error = body.get("error")
    choices = body.get("choices")
    if error is not None and error is not False and (error or not (choices or body.get("data"))):
        return _as_mapping(error, body)
    if isinstance(choices, list) and (choices or "usage" in body):
        for choice in choices:
            found = _choice_error(choice) if isinstance(choice, (dict, Mapping)) else None
            if found is not None:
                return found
        return None
    if choices or body.get("data") or body.get("usage") or not body:
        return None
    return body if states_error(body, event_name) else None


def _choice_error(choice: Mapping[str, Any]) -> Mapping[str, Any] | None:
    error = choice.get("error")
    if not error and isinstance(message := choice.get("delta") or choice.get("message"), dict):
        error = message.get("error")
    if error:
        return _as_mapping(error, choice)
    if choice.get("finish_reason") != "error":
        return None
    native = choice.get("native_finish_reason")
    reason = f" (native finish reason '{one_line(native, 100)}')" if isinstance(native, str) and native else ""
    return {"message": f"The provider ended the answer with an error{reason}"}


def _as_mapping(error: object, holder: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an error as an object; a flag or a number stands for what its holder says beside it."""
    if isinstance(error, Mapping):
        return error
    if isinstance(error, (bool, int)) and text_in(beside := {name: holder[name] for name in holder if name != "error"}):
        return beside if isinstance(error, bool) else {"code": error, **beside}
    return {"message": text_in(error) or "The answer holds an error and does not say which"}


def replayed_note(headers: Mapping[str, str]) -> str:
    """Return what ends the message of an error that a cassette holds; nothing for a live one."""
    replayed = headers.get(REPLAYED_HEADER)
    return f" (Replayed: {replayed}.)" if replayed else ""


def _first_mapping(value: object) -> Mapping[str, Any]:
    """Return the JSON object of a body, or the first of a list of them; empty when there is none."""
    candidates = value[:1] if isinstance(value, list) else [value]
    return next((item for item in candidates if isinstance(item, Mapping)), {})


def _error(facts: ErrorFacts, body: Any, model: str | None) -> GatewayError:
    status = decide_status(facts.http_status, facts.numeric_code, facts.words)
    searched = "\n".join((facts.said, facts.upstream_said or "", (facts.upstream or "")[:_LONGEST_TEXT_SEARCHED]))
    verdict = classify(status, facts.words, searched)
    named = model or facts.model
    return verdict.cls(
        render_error_message(facts, verdict, model=named, status=status) + replayed_note(facts.headers),
        model=named,
        status=status,
        http_status=facts.http_status,
        code=facts.code,
        error_type=facts.error_type,
        provider=facts.provider,
        upstream=facts.upstream,
        retry=_advice(verdict.retry, facts.retry_after_seconds),
        retry_after_seconds=facts.retry_after_seconds,
        title=facts.title,
        buy_credits_url=facts.buy_credits_url,
        balance=facts.balance,
        request_id=facts.request_id,
        headers=facts.headers,
        body=body,
    )


def _advice(usual: Advice, wait_seconds: float | None) -> Advice:
    """Return the usual advice, unless it is to wait and the gateway says how long: a retry waits a minute at most."""
    if usual == "never" or not wait_seconds:
        return usual
    return "later" if wait_seconds > MAX_RETRY_AFTER_SECONDS else "soon"
