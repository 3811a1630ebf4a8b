"""A whole answer of status 200 -> a completion, or the error that hides in it. A 200 alone is not a success."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kilo_gateway.answer.completion import Completion, parse_completion
from kilo_gateway.errors import MalformedAnswerError
from kilo_gateway.errors.bodies import find_error, parse_error_object, without_error
from kilo_gateway.jsontext import loads_answer
from kilo_gateway.refs import render_ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SNIPPET_CHARACTERS = 300
_ENVELOPES = ("result", "data", "response", "body")


def parse_answer(
    body: bytes,
    *,
    model: str,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
    call_seed: Callable[[], str] | None = None,
) -> Completion:
    """Return the completion that a body of status 200 holds; blank padding in front of the JSON is fine.

    HTTP says that the body is whole, so that an answer without a finish reason is one as long as it holds something.

    Raises:
        GatewayError: the body, or its choice, is an error.
        MalformedAnswerError: no JSON, no choice, or neither a finish reason nor anything else.
    """
    ref = render_ref(model)
    answer = parse_json_object(body, model=ref, status=status)
    if find_error(answer) is not None:
        failure = parse_error_object(answer, model=ref, headers=headers or {})
        if answer.get("choices"):
            failure.partial = parse_completion(without_error(answer), requested_model=model, call_seed=call_seed)
        raise failure
    answer = unwrap_answer(answer)
    completion = parse_completion(answer, requested_model=model, call_seed=call_seed, headers=headers)
    check_completion(completion, body, model=ref, status=status)
    return completion


def unwrap_answer(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer inside the envelope of another server, such as Cloudflare's `result`; else the body itself."""
    if not body.get("choices"):
        for key in _ENVELOPES:
            inner = body.get(key)
            if isinstance(inner, dict) and isinstance(inner.get("choices"), list):
                return inner
    return body


def check_completion(completion: Completion, body: bytes, *, model: str, status: int = 200) -> None:
    """Raise when a whole answer answers nothing.

    Raises:
        MalformedAnswerError: no choice; or no choice with a finish reason or anything else. Both are worth another try
            where the server wrote a list of choices.
    """
    if not completion.choices:
        is_chat = isinstance(completion.body.get("choices"), list)
        raise malformed_answer("holds no choice", body, model, status=status, is_passing=is_chat)
    if all(choice.finish_reason is None and choice.is_empty for choice in completion.choices):
        empty = malformed_answer("holds nothing, not even a finish reason", body, model, status=status, is_passing=True)
        empty.partial = completion
        raise empty


def parse_json_object(body: bytes, *, model: str | None, status: int = 200) -> dict[str, Any]:
    """Return the JSON object that a body holds.

    Raises:
        MalformedAnswerError: empty, not JSON, or not an object; quotes how it begins.
    """
    answer = parse_json(body, model=model, status=status)
    if isinstance(answer, str) and answer.lstrip().startswith("{"):
        answer = parse_json(answer.encode("utf-8", "replace"), model=model, status=status)  # encoded twice
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        is_answer = len(answer) == 1 and isinstance(answer[0].get("choices"), list)
        if is_answer or find_error(answer[0]) is not None:
            answer = answer[0]  # some servers put an error, or the whole answer, into a list
    if isinstance(answer, dict):
        return answer
    if answer is None:
        raise malformed_answer("is null", body, model, status=status, is_passing=True)
    raise malformed_answer("is not a JSON object", body, model, status=status)


def parse_json(body: bytes, *, model: str | None, status: int = 200) -> Any:
    """Return the JSON value that a body holds.

    Raises:
        MalformedAnswerError: empty, or not JSON; quotes how it begins.
    """
    try:
        return loads_answer(body)
    except ValueError:
        text = body.strip()
    if not text:
        raise malformed_answer("is empty", body, model, status=status)
    if text[:1] == b"<":
        raise malformed_answer(
            "is a web page, not the gateway's JSON; something on the way answered instead", body, model, status=status
        )
    if text[:1] == b"{" and _is_cut_off(text):
        raise malformed_answer("stops in the middle", body, model, status=status, is_passing=True) from None
    raise malformed_answer("is not a JSON object", body, model, status=status) from None


def _is_cut_off(text: bytes) -> bool:
    """Return whether what is wrong with a JSON object is that its end is missing."""
    from pydantic_core import from_json  # noqa: PLC0415 - for broken answers only

    try:
        from_json(text, allow_partial="trailing-strings")
        json.JSONDecoder(strict=False).raw_decode(text.decode("utf-8", "replace"))
    except json.JSONDecodeError:
        return True
    except ValueError:
        return False
    return False  # it is whole, and something follows it


def quote(data: bytes) -> str:
    """Return the beginning of what could not be read, as text."""
    text = data.decode("utf-8", "replace").strip()
    return text if len(text) <= _SNIPPET_CHARACTERS else f"{text[:_SNIPPET_CHARACTERS]}..."


def malformed_answer(
    what: str, body: bytes, model: str | None, *, status: int = 200, is_passing: bool = False
) -> MalformedAnswerError:
    """Return the error for an answer of success that cannot be used; `what` continues "The answer ...".

    An empty body, and what the caller knows as `is_passing`, is worth another try; the rest is for a person to look at.
    """
    begun = quote(body).rstrip(". ")
    subject = "" if model is None else f" for model {model!r}"
    begins = f" It begins: {begun}." if begun else ""
    is_passing = is_passing or not begun
    remedy = "Try again." if is_passing else "Check base_url, and what stands between it and this machine."
    error = MalformedAnswerError(
        f"The gateway's answer{subject} {what} (HTTP {status}).{begins} {remedy}",
        model=model,
        status=status,
        snippet=quote(body),
    )
    if is_passing:
        error.retry = "soon"  # as a stream that ends without an answer
    return error
