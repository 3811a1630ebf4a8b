"""Fill-in-the-middle: what stands before and behind a gap -> the body of a request, and its answer. Never sends.

POST /api/fim/completions, beside the base URL, not below it. It takes `model`, `prompt`, `suffix`, `max_tokens`,
`min_tokens` and `stop`; what else is sent, the gateway drops.
Source: the server, https://github.com/Kilo-Org/cloud d0ce2a8 (2026-02-22) and newer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.answer.body import check_completion, parse_json_object
from kilo_gateway.answer.completion import Completion, parse_completion
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.errors.bodies import find_error, parse_error_object
from kilo_gateway.refs import render_ref

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_FIM_MODEL: Final = "mistralai/codestral-2508"
"""One of the two that newest servers take; the other is `inception/mercury-edit-2`."""
MAX_FIM_TOKENS: Final = 1000
"""Above this, at 0 and without a number the gateway answers 503, as if it were out of order."""


def render_fim_request(
    prompt: str,
    suffix: str,
    *,
    model_id: str,
    max_tokens: int,
    min_tokens: int | None = None,
    stop: Sequence[str] | str | None = None,
) -> dict[str, Any]:
    """Return the body: `{model, prompt, suffix, max_tokens, ...}`; a `stop` that is text becomes a list.

    Raises:
        InvalidRequestError: texts that are none, or a `max_tokens` that the gateway does not take.
    """
    for name, value in (("prompt", prompt), ("suffix", suffix)):
        if not isinstance(value, str):
            raise InvalidRequestError(f"{name} must be text, not a {type(value).__name__}.", model=model_id)
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or not 0 < max_tokens <= MAX_FIM_TOKENS:
        raise InvalidRequestError(
            f"max_tokens={max_tokens!r} is not usable: filling in takes 1 to {MAX_FIM_TOKENS}.", model=model_id
        )
    body: dict[str, Any] = {"model": model_id, "prompt": prompt, "suffix": suffix, "max_tokens": max_tokens}
    if min_tokens is not None:
        body["min_tokens"] = min_tokens
    if stop:
        body["stop"] = [stop] if isinstance(stop, str) else list(stop)
    return body


def parse_fim_answer(body: bytes, *, model: str, headers: Mapping[str, str] | None = None) -> Completion:
    """Return the text that fills the gap, as a completion; `choices[].text` and `choices[].message` are both read.

    Raises:
        GatewayError: the body is an error.
        MalformedAnswerError: no JSON, no choice, or neither a finish reason nor anything else.
    """
    ref = render_ref(model)
    answer = parse_json_object(body, model=ref)
    if find_error(answer) is not None:
        raise parse_error_object(answer, model=ref, headers=headers or {})
    completion = parse_completion(answer, requested_model=model, headers=headers)
    check_completion(completion, body, model=ref)
    return completion
