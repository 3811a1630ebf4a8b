"""What became of a row, as its new columns hold it: of a result, or of the line that a result left in the journal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.costs.sums import cost_of
from kilo_gateway.embeddings import Embeddings, parse_embeddings
from kilo_gateway.errors import KiloError
from kilo_gateway.errors.bodies import parse_error
from kilo_gateway.jsontext import dumps

if TYPE_CHECKING:
    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.results import Result


@dataclass(frozen=True, slots=True)
class Outcome:
    """The new cells of a row: an answer, or the error instead of it."""

    answer: str | list[float] | None = None
    finish_reason: str | None = None
    error: str | None = None
    cost: float | None = None
    """USD; None where nobody told."""
    input_tokens: int | None = None
    output_tokens: int | None = None


def outcome_of(result: Result) -> Outcome:
    """Return the cells of a result."""
    if result.answer is None or result.error is not None:
        return Outcome(error="No answer." if result.error is None else result.error.message)
    return _answered(result.answer)


def read_outcome(line: bytes, request: PreparedRequest) -> Outcome | None:
    """Return the cells that a line of the journal stands for; None for one that cannot be read."""
    try:
        found: Any = json.loads(line)
        response, error = found["response"], found["error"]
        if error is not None:
            return Outcome(error=str(error["message"]))
        status, body = response["status_code"], dumps(response["body"])
        if status >= HTTPStatus.BAD_REQUEST or not isinstance(response["body"], dict):
            headers = {"x-request-id": str(response.get("request_id") or "")}
            return Outcome(error=parse_error(status, headers, body, model=request.ref).message)
        if request.endpoint == "embeddings":
            return _answered(parse_embeddings(body, count=len(request.body["input"]), model=request.model_id))
        return _answered(parse_completion(response["body"]))
    except (ValueError, KeyError, TypeError, RecursionError, KiloError):
        return None


def _answered(answer: Completion | Embeddings) -> Outcome:
    usage, cost = answer.usage, cost_of(answer.usage)
    return Outcome(
        answer=answer.vectors[0] if isinstance(answer, Embeddings) else answer.text,
        finish_reason=getattr(answer, "finish_reason", None),
        cost=None if cost is None else float(cost),
        input_tokens=None if usage is None else usage.input_tokens,
        output_tokens=None if usage is None else usage.output_tokens,
    )
