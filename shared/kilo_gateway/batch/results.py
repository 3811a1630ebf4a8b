"""What became of one request, as a value and as a line of an output file; and the sums of a run. No I/O.

The line is that of OpenAI's batch output: `{"id", "custom_id", "response": {"status_code", "request_id", "body"},
"error": {"code", "message"}}`, where an HTTP failure is a response with its status, and `error` tells of requests that
got no answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from kilo_gateway.costs.exact import EXACT
from kilo_gateway.costs.sums import cost_of
from kilo_gateway.errors import GatewayError, RequestTimeoutError
from kilo_gateway.jsontext import dumps

if TYPE_CHECKING:
    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.embeddings import Embeddings
    from kilo_gateway.errors import KiloError

_HTTP_OK: Final = 200


@dataclass(slots=True)
class Result:
    """What became of one request: an answer, or the error that it ended with."""

    custom_id: str
    request: PreparedRequest = field(repr=False)
    answer: Completion | Embeddings | None = None
    """The answer as any call returns it; None for a failed request."""
    body: bytes = field(default=b"", repr=False)
    """The answer as it came, JSON to the last digit; empty for a failed request."""
    status: int = _HTTP_OK
    """The HTTP status of the answer."""
    request_id: str = ""
    """The gateway's id for the request, where it named one."""
    error: KiloError | None = None
    """What the request ended with; None for an answered one."""
    tries: int = 1
    """How often it was sent, without those that the gateway was too busy for."""
    seconds: float = 0.0
    """How long the last try took."""

    @property
    def is_done(self) -> bool:
        """Whether there is an answer."""
        return self.error is None

    @property
    def cost(self) -> Decimal | None:
        """What the gateway bills for the answer, in USD; None where it did not say."""
        return None if self.answer is None else cost_of(self.answer.usage)

    @property
    def finish_reason(self) -> str | None:
        """Why the answer ended; `length` for one that was cut off. None where nothing says so."""
        return getattr(self.answer, "finish_reason", None)


@dataclass(slots=True)
class ResultSums:
    """The sums of some results. `cost` leaves out `unknown_costs` answers, whose cost the gateway did not tell."""

    done: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    unknown_costs: int = 0

    @property
    def rows(self) -> int:
        """How many results there are."""
        return self.done + self.failed

    def add(self, result: Result) -> None:
        """Count a result."""
        self.done += result.is_done
        self.failed += not result.is_done
        if result.answer is None:
            return
        usage = result.answer.usage
        if usage is not None:
            self.input_tokens += usage.input_tokens
            self.output_tokens += usage.output_tokens
        if (cost := result.cost) is None:
            self.unknown_costs += 1
        elif cost:
            self.cost = EXACT.add(self.cost, cost)


@dataclass(slots=True)
class Totals(ResultSums):
    """The sums of a run."""

    truncated: int = 0
    """Answers that were cut at their `max_tokens`."""
    by_provider: dict[tuple[str, str], ResultSums] = field(default_factory=dict)
    """(model, provider) -> the sums of what it answered."""

    def add(self, result: Result) -> None:
        """Count a result."""
        ResultSums.add(self, result)  # `super()` does not know a class with slots
        if result.answer is not None:
            key = result.answer.model or result.request.model_id, result.answer.provider or "unknown"
            self.by_provider.setdefault(key, ResultSums()).add(result)
            self.truncated += result.finish_reason == "length"


def render_line(result: Result, fingerprint: str) -> bytes:
    """Return the output line of a result, newline included."""
    head = b'{"id":' + dumps(fingerprint) + b',"custom_id":' + _dumps_exactly(result.custom_id)
    return head + b',"response":' + _response(result) + b',"error":' + _error(result) + b"}\n"


def _dumps_exactly(text: str) -> bytes:
    """Return a text as JSON, half a surrogate pair, which UTF-8 cannot carry, as its escape."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return json.dumps(text).encode()


def _response(result: Result) -> bytes:
    error = result.error
    if result.answer is not None:
        # A line break inside JSON stands between its values only, where a blank says the same.
        body = result.body.replace(b"\r", b" ").replace(b"\n", b" ")
        return _render_response(result.status, result.request_id, body)
    if isinstance(error, GatewayError) and (error.http_status or 0) >= _HTTP_OK:
        status = error.status if error.http_status == _HTTP_OK and error.status else error.http_status
        return _render_response(status or 500, error.request_id or "", dumps(_error_body(error)))
    return b"null"


def _render_response(status: int, request_id: str, body: bytes) -> bytes:
    head = b'{"status_code":%d,"request_id":' % status
    return head + dumps(request_id) + b',"body":' + body + b"}"


def _error_body(error: GatewayError) -> dict[str, Any]:
    if isinstance(error.body, dict) and "error" in error.body:
        return error.body
    return {"error": {"message": error.message, "code": error.code or error.status, "type": error.error_type}}


def _error(result: Result) -> bytes:
    error = result.error
    if error is None or isinstance(error, GatewayError):
        return b"null"
    if result.answer is not None:
        return dumps({"code": "answer_refused", "message": error.message})
    code = "request_timeout" if isinstance(error, RequestTimeoutError) else _CODES.get(type(error).__name__, "failed")
    return dumps({"code": code, "message": error.message})


_CODES: Final = {
    "ConnectionFailedError": "connection_failed",
    "MalformedAnswerError": "malformed_answer",
    "TruncatedStreamError": "malformed_answer",
}
