"""One OpenTelemetry span a call, by the GenAI conventions; nothing where no SDK is set up. Never imports OpenTelemetry.

An application that has set up an SDK has imported the API, and is asked for its tracer then. Prompts and answers are
in a span only where `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says so.
Source: https://github.com/open-telemetry/semantic-conventions-genai (2026-11); what has no name there begins `kilo.`,
except `gen_ai.usage.cost`, under which tracing products look for it.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway._version import __version__
from kilo_gateway.clock import monotonic
from kilo_gateway.span_attributes import request_attributes, usage_attributes
from kilo_gateway.span_contents import render_input, render_output
from kilo_gateway.stream.reader import StreamReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.embeddings import Embeddings

CAPTURE_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_CAPTURING: Final = frozenset({"true", "1", "span_only", "span_and_event"})


class TimedReader(StreamReader):
    """A reader that notes when its first delta was given out."""

    def __init__(self, **arguments: Any) -> None:
        self.first_delta_at: float | None = None
        super().__init__(**arguments)

    @property
    def has_delivered(self) -> bool:
        """Whether a delta was given out."""
        return self.first_delta_at is not None

    @has_delivered.setter
    def has_delivered(self, value: bool) -> None:
        if value and self.first_delta_at is None:
            self.first_delta_at = monotonic()


class CallSpan:
    """The span of one call with all its tries. Its parent is the span that was current where the call was made."""

    def __init__(self, trace: Any, tracer: Any, parent: Any) -> None:
        self._trace = trace
        self._tracer = tracer
        self._parent = parent
        self._span: Any = None
        self._began_at = 0.0
        self._retries = 0
        self._is_trying = False
        """Whether a request is under way, or about to be."""
        self._has_contents = os.environ.get(CAPTURE_VARIABLE, "").strip().lower() in _CAPTURING

    def begin(self, operation: str, body: Mapping[str, Any], url: str) -> None:
        """Start the span, with the first request."""
        self._is_trying = True
        if self._span is not None:
            return
        self._began_at = monotonic()
        self._span = self._tracer.start_span(
            f"{operation} {body['model']}",
            context=self._parent,
            kind=self._trace.SpanKind.CLIENT,
            attributes=request_attributes(operation, body, url),
        )
        if self._has_contents and "messages" in body:
            self._span.set_attribute("gen_ai.input.messages", render_input(body["messages"]))

    def answered(self, answer: Completion | Embeddings, reader: StreamReader | None) -> None:
        """End the span of a whole answer."""
        self._describe(answer, reader)
        self._end()

    def failed(self, error: BaseException, reader: StreamReader | None, *, is_last: bool) -> None:
        """Note a try that failed; the last one ends the span. Messages of errors may quote answers and are left out."""
        kind, self._is_trying = _name_of(error), False
        if not is_last:
            self._retries += 1
            if self._span is not None:
                self._span.add_event("kilo.retry", {"error.type": kind})
            return
        if self._span is None:
            return
        partial = getattr(error, "partial", None)
        if partial is not None:
            self._describe(partial, reader)
        self._span.set_attribute("error.type", kind)
        status = getattr(error, "status", None)
        if isinstance(status, int):
            self._span.set_attribute("http.response.status_code", status)
        if provider := getattr(error, "provider", None):
            self._span.set_attribute("kilo.provider", provider)
        self._span.set_status(self._trace.StatusCode.ERROR)
        self._end()

    def abandoned(self, answer: Completion | None, reader: StreamReader | None) -> None:
        """End the span of an answer that nobody waits for any more."""
        if self._span is None or not self._is_trying:
            return
        if answer is not None:
            self._describe(answer, reader)
        self._span.set_attribute("kilo.left_early", True)
        self._end()

    def _describe(self, answer: Completion | Embeddings, reader: StreamReader | None) -> None:
        if self._span is None:
            return
        reasons = [choice.finish_reason for choice in getattr(answer, "choices", ()) if choice.finish_reason]
        found = {
            "gen_ai.response.model": answer.model,
            "gen_ai.response.id": answer.id,
            "gen_ai.response.finish_reasons": reasons or None,
            "kilo.provider": answer.provider,
            **usage_attributes(answer.usage, has_output=hasattr(answer, "choices")),
        }
        first = getattr(reader, "first_delta_at", None)
        if first is not None:
            found["gen_ai.response.time_to_first_chunk"] = first - self._began_at
        if self._has_contents and hasattr(answer, "choices"):
            found["gen_ai.output.messages"] = render_output(answer)
        _set(self._span, found.items())

    def _end(self) -> None:
        if self._span is not None:
            self._span.set_attribute("kilo.retries", self._retries)
            self._span.end()
            self._span = None


def _set(span: Any, found: Iterable[tuple[str, Any]]) -> None:
    for name, value in found:
        if value is not None:
            span.set_attribute(name, value)


def _name_of(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


_known: tuple[Any, Any] = (None, None)
"""The provider that was last asked for a tracer, and the tracer."""


def span_of_call() -> CallSpan | None:
    """Return the span of a call that is made here; None where no SDK records any."""
    global _known  # noqa: PLW0603 - one tracer for the process
    trace: Any = sys.modules.get("opentelemetry.trace")
    context: Any = sys.modules.get("opentelemetry.context")
    if trace is None or context is None or not hasattr(trace, "get_tracer_provider"):
        return None
    provider = trace.get_tracer_provider()
    if isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider)):
        return None
    if context.get_value("suppress_instrumentation"):
        return None
    if _known[0] is not provider:
        _known = provider, provider.get_tracer("kilo_gateway", __version__)
    return CallSpan(trace, _known[1], context.get_current())
