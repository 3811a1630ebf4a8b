"""What calls to all endpoints share: what to send, the state of the tries, what to do after an error. Never sends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from kilo_gateway import jsontext
from kilo_gateway.costs.call_costs import costs_of_call
from kilo_gateway.errors import KiloError, ModelNotFoundError, NotFoundError
from kilo_gateway.errors.bodies import parse_error
from kilo_gateway.errors.redaction import redact_error
from kilo_gateway.errors.waits import retry_delay
from kilo_gateway.refs import render_ref
from kilo_gateway.request.families import AUTO_MODEL
from kilo_gateway.settings.auth import ANONYMOUS
from kilo_gateway.settings.headers import MASK, mask_header
from kilo_gateway.settings.timeouts import Timeouts, parse_timeouts
from kilo_gateway.spans import span_of_call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.errors.waits import OnRetry
    from kilo_gateway.gate.entering import Permits
    from kilo_gateway.settings.headers import HeaderList
    from kilo_gateway.settings.settings import Settings
    from kilo_gateway.stream.reader import StreamReader

Answer = TypeVar("Answer")

_UNKNOWN_PATH = frozenset({404, 405})

_ANONYMOUS_BEARER = f"Bearer {ANONYMOUS}"

_FIRST_REFUSAL = 300
"""Redirects are errors too: the key and the prompt go to the configured host only."""


def is_unknown_path(error: KiloError, status: int) -> bool:
    """Return whether a server does not know the path: 404 or 405 without a word, or 400 of the server of 2026-02."""
    body = getattr(error, "body", None)
    said = (body.get("error") or body.get("message")) if isinstance(body, dict) else None
    return said == "Invalid path" or (status in _UNKNOWN_PATH and not said)


def missing_path(lack: str, status: int, headers: Mapping[str, str], *, model: str | None) -> NotFoundError:
    """Return the error that says what a server lacks, such as `has no embeddings`."""
    message = (
        f"This gateway {lack} (HTTP {status}): its server is older, or another one stands at this address. "
        "Check base_url, or do without."
    )
    return NotFoundError(message, model=model, status=status, http_status=status, headers=headers)


class GatewayCall(ABC, Generic[Answer]):
    """A request to one endpoint, with the state of its tries."""

    path: ClassVar[str]
    """The endpoint, below the base URL."""
    method: ClassVar[str] = "POST"
    what: ClassVar[str] = ""
    """What messages call that which only some servers have; empty for what all have."""
    is_listed: ClassVar[bool]
    """Whether the model list knows the models of this endpoint."""
    operation: ClassVar[str] = "chat"
    """What spans call it."""
    has_output: ClassVar[bool] = True
    """Whether a model writes the answer, and output tokens are billed."""

    def __init__(self, settings: Settings, body: dict[str, Any], *, headers: HeaderList, timeout: Any = None) -> None:
        self.settings = settings
        self.requested_id: str = body["model"]
        self.model_id = self.requested_id
        self.headers = headers
        self.timeouts: Timeouts = settings.timeout if timeout is None else parse_timeouts(timeout)
        self.timeout_is_given = settings.timeout_is_given or timeout is not None
        self.deadline: float | None = None
        """Set by the client, which has the clock."""
        self.attempt = 0
        """Retries made so far."""
        self.costs = costs_of_call()
        """The trackers and budgets that the call belongs to; None where there are none."""
        self.span = span_of_call()
        """The call's span; None where nobody records any."""
        self.permits: Permits = ()
        """The gates' permissions for the current try."""
        self.on_retry: OnRetry | None = None
        """Called before each retry; set by the client."""
        self.answer_status = 200
        self.answer_headers: Mapping[str, str] = {}
        """Those of the current try."""
        self._body = body
        self.content: bytes | None = jsontext.dumps(body, model=self.model_id)

    @property
    def url(self) -> str:
        """Where the request goes."""
        return f"{self.settings.base_url}{self.path}"

    @property
    def ref(self) -> str:
        """The model as messages name it."""
        return render_ref(self.model_id)

    @cached_property
    def has_own_authorization(self) -> bool:
        """Whether this call carries a bearer other than the anonymous one, be it in headers of its own."""
        return any(name.lower() == "authorization" and value != _ANONYMOUS_BEARER for name, value in self.headers)

    @property
    def has_budget(self) -> bool:
        """Whether the call has to fit into a budget."""
        return self.costs is not None and self.costs.has_budget

    def reserve(self, catalog: Catalog, *, now: float) -> float | None:
        """Hold what the next request can cost; returns and raises what `CallCosts.reserve` does."""
        if self.costs is None:
            return None
        return self.costs.reserve(
            self._body,
            catalog=catalog,
            requested_id=self.requested_id,
            ref=self.ref,
            has_output=self.has_output,
            now=now,
        )

    @property
    def is_watched(self) -> bool:
        """Whether anybody wants to know what becomes of the call."""
        return self.costs is not None or self.span is not None

    def note_start(self) -> None:
        """Begin the span of the call, where it has one."""
        if self.span is not None:
            self.span.begin(self.operation, self._body, self.url)

    def note_answer(self, answer: Any) -> None:
        """Count the whole answer."""
        if self.costs is not None:
            self.costs.answered(answer, model_id=self.model_id)
        if self.span is not None:
            self.span.answered(answer, self._stream_reader())

    def note_failure(self, error: KiloError, *, is_last: bool) -> None:
        """Count a request that failed; `is_last`: no other follows it."""
        if self.costs is not None:
            self.costs.failed(error, model_id=self.model_id, is_last=is_last)
        if self.span is not None:
            self.span.failed(error, self._stream_reader(), is_last=is_last)

    def note_abandoned(self) -> None:
        """Count a request whose answer is not wanted any more, if there is one."""
        if self.costs is not None:
            self.costs.abandoned(self.partial_completion(), model_id=self.model_id)
        if self.span is not None:
            self.span.abandoned(self.partial_completion(), self._stream_reader())

    def note_unsent(self, error: BaseException) -> None:
        """Free what is held for a request that is not sent after all."""
        if self.costs is not None:
            self.costs.release()
        if self.span is not None:
            self.span.failed(error, None, is_last=True)

    def _stream_reader(self) -> StreamReader | None:
        return None

    def partial_completion(self) -> Completion | None:
        """Return what has arrived of an answer; None where it does not come in parts."""
        return None

    def use_model(self, model_id: str) -> None:
        """Ask another model instead, with everything else as it is."""
        self.model_id = model_id
        self._body = {**self._body, "model": model_id}
        self.content = jsontext.dumps(self._body, model=model_id)

    def accepts(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take note of the answer's headers; return whether its body is to be read as an answer."""
        self.answer_status, self.answer_headers = status, headers
        return status < _FIRST_REFUSAL

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> KiloError:
        """Return the error that an answer of another status than 200 means."""
        error = parse_error(status, headers, body, model=self.ref, now=datetime.now(UTC))
        if self.what and is_unknown_path(error, status):
            return missing_path(f"has no {self.what}", status, headers, model=self.ref)
        return error

    @abstractmethod
    def parse_answer(self, body: bytes) -> Answer:
        """Return the answer that a body of status 200 holds. Raises GatewayError or MalformedAnswerError."""

    def needs_successor(self, error: KiloError) -> bool:
        """Return whether the gateway has retired `kilo/auto`, so that its successor is to be asked once."""
        return self.is_listed and isinstance(error, ModelNotFoundError) and self.model_id == AUTO_MODEL

    def delay_after(self, error: KiloError, *, now: float) -> float | None:
        """Return the seconds to wait before the next try; None to give up. Counts the try."""
        delay = retry_delay(error, attempt=self.attempt, max_retries=self.settings.max_retries)
        if delay is None or (self.deadline is not None and now + delay > self.deadline):
            return None
        self.attempt += 1
        return delay

    def complete_error(self, error: KiloError, reader: StreamReader | None = None) -> KiloError:
        """Complete an error with the model and with what had arrived, and take every secret out of it."""
        if error.model is None:
            self.name_model(error)
        if reader is not None and error.partial is None:
            error.partial = reader.partial()
        own = [value for name, value in self.headers if mask_header(name, value) == MASK]
        redact_error(error, [*self.settings.secrets(), *own, *(value.rpartition(" ")[2] for value in own)])
        return error

    def name_model(self, error: KiloError) -> None:
        """Write the model into an error that names none."""
        error.model = self.ref
        what, full_stop, remedy = error.message.partition(". ")
        error.message = f"{what.removesuffix('.')} (model {self.ref!r}).{full_stop[1:]}{remedy}"
        error.args = (error.message, *error.args[1:])
