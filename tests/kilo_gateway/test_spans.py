"""One span a call, as an OpenTelemetry SDK records it; nothing without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from kilo_gateway import AsyncKiloClient, Budget, KiloClient, KiloError, Pricing, cost_tracker
from kilo_gateway.spans import CAPTURE_VARIABLE
from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

MODEL = "openai/gpt-4.1-mini"
ASK = [{"role": "user", "content": "Hello"}]
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.0000123,
}
ANSWER = Reply(text="It is sunny.", usage=USAGE, model="openai/answered", provider="Acme")
BROKEN = Fault(status=500, body={"error": {"code": 500, "message": "Broken"}})


class Recorded:
    """The spans that an SDK has recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    def spans(self) -> tuple[ReadableSpan, ...]:
        """Return the spans that have ended."""
        return self._exporter.get_finished_spans()

    def one(self) -> tuple[ReadableSpan, dict[str, Any]]:
        """Return the only span, and its attributes."""
        (span,) = self.spans()
        return span, dict(span.attributes or {})


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """An SDK that this process has set up, for one test."""
    found = Recorded()
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: found.provider)
    yield found
    found.provider.shutdown()


def test_a_whole_answer_is_one_span(connect: Any, gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """Model, provider, tokens, finish reason, retries and cost are in it, and nothing of what was said."""
    gateway.enqueue(ANSWER)
    connect().complete(temperature=0.5, max_tokens=30)
    span, attributes = recorded.one()
    assert (span.name, span.kind) == (f"chat {MODEL}", SpanKind.CLIENT)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "kilo",
        "gen_ai.request.model": MODEL,
        "gen_ai.request.max_tokens": 30,
        "gen_ai.request.temperature": 0.5,
        "server.address": "127.0.0.1",
        "server.port": int(gateway.base_url.split(":")[2].split("/")[0]),
        "gen_ai.response.model": "openai/answered",
        "gen_ai.response.id": attributes["gen_ai.response.id"],
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "gen_ai.usage.cost": 0.0000123,
        "kilo.provider": "Acme",
        "kilo.retries": 0,
    }
    assert span.status.status_code is StatusCode.UNSET


def test_a_stream_tells_the_time_to_its_first_chunk(connect: Any, gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """A streamed call has the same attributes, and how long its first chunk took."""
    gateway.enqueue(ANSWER)
    assert connect().stream().text == "It is sunny."
    span, attributes = recorded.one()
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.usage.output_tokens"] == 5
    assert span.start_time is not None
    assert span.end_time is not None
    assert 0 < attributes["gen_ai.response.time_to_first_chunk"] <= (span.end_time - span.start_time) / 1e9 + 0.01


@pytest.mark.parametrize("stream", [False, True])
def test_retries_are_in_the_one_span(connect: Any, gateway: EmbeddedGateway, recorded: Recorded, stream: bool) -> None:
    """A call that is tried again is one span, with the count and an event for each retry."""
    gateway.enqueue(BROKEN, BROKEN, ANSWER)
    session = connect()
    if stream:
        session.stream()
    else:
        session.complete()
    span, attributes = recorded.one()
    assert attributes["kilo.retries"] == 2
    assert [event.name for event in span.events] == ["kilo.retry", "kilo.retry"]


def test_a_failed_call_has_the_kind_of_its_error(connect: Any, gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """An error is a class and a status; its text, which may quote an answer, is not in the span."""
    gateway.enqueue(Fault(status=400, body={"error": {"code": 400, "message": "secret words"}}))
    with pytest.raises(KiloError):
        connect().complete()
    span, attributes = recorded.one()
    assert attributes["error.type"] == "kilo_gateway.errors.tree.BadRequestError"
    assert attributes["http.response.status_code"] == 400
    assert span.status.status_code is StatusCode.ERROR
    assert "secret words" not in span.to_json()


def test_a_call_that_is_not_sent_has_a_span(connect: Any, gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """A budget that stops a call is seen in the trace."""
    from decimal import Decimal

    price = Pricing(prompt=Decimal(1), completion=Decimal(1000))
    with cost_tracker(budget=Budget(0), price=price), pytest.raises(KiloError):
        connect().complete()
    _, attributes = recorded.one()
    assert attributes["error.type"] == "kilo_gateway.errors.tree.BudgetExceededError"


def test_a_stream_that_is_left_early_ends_its_span(connect: Any, gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """No span is left open by a reader who goes away."""
    gateway.enqueue(Reply(text="One two three. " * 50, event_delay_seconds=0.01))
    connect().stream(first=2)
    _, attributes = recorded.one()
    assert attributes["kilo.left_early"] is True


def test_a_call_that_is_cancelled_or_dropped_ends_its_span(gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """Tasks that are cancelled and streams that nobody closes leave no span open, and no money held."""
    client = AsyncKiloClient(api_key=gateway.api_key, base_url=gateway.base_url, model=MODEL)
    budget = Budget(1)

    async def run() -> None:
        gateway.enqueue(Reply(text="Late.", delay_seconds=5))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.complete(ASK, max_tokens=5)
        gateway.enqueue(Reply(text="One two three. " * 50, event_delay_seconds=0.01, times=2))
        stream = client.stream(ASK, max_tokens=5)
        await anext(stream)
        del stream
        KiloClient(client.settings).stream(ASK)  # never read: not sent, no span
        blocking = KiloClient(client.settings).stream(ASK, max_tokens=5)
        next(blocking)
        del blocking

    with cost_tracker(budget=budget) as costs:
        asyncio.run(run())
    assert [dict(span.attributes or {})["kilo.left_early"] for span in recorded.spans()] == [True, True, True]
    assert (costs.total.calls, costs.total.unknown_costs) == (3, 3)
    assert budget.reserved == 0


def test_contents_are_in_a_span_by_choice_only(
    connect: Any, gateway: EmbeddedGateway, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable of OpenTelemetry's instrumentations set, messages and answers are there, media as kinds."""
    monkeypatch.setenv(CAPTURE_VARIABLE, "true")
    call = {"name": "weather", "arguments": {"city": "Oslo"}}
    gateway.enqueue(Reply(text="Let me see.", tool_calls=[call], usage=USAGE))
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    asked = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "How is it?"}, picture]},
    ]
    connect().complete(asked)
    _, attributes = recorded.one()
    assert json.loads(attributes["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {
            "role": "user",
            "parts": [{"type": "text", "content": "How is it?"}, {"type": "blob", "modality": "image"}],
        },
    ]
    (answer,) = json.loads(attributes["gen_ai.output.messages"])
    assert answer["finish_reason"] == "tool_calls"
    assert [part["type"] for part in answer["parts"]] == ["text", "tool_call"]
    assert answer["parts"][1]["arguments"] == {"city": "Oslo"}


def test_the_parent_is_the_span_around_the_call(connect: Any, gateway: EmbeddedGateway, recorded: Recorded) -> None:
    """A call belongs to the trace that it was made in, also a stream that is read after it."""
    gateway.enqueue(ANSWER, ANSWER)
    session = connect()
    tracer = recorded.provider.get_tracer("test")
    with tracer.start_as_current_span("outer") as outer:
        session.complete()
    inner = recorded.spans()[0]
    assert inner.parent is not None
    assert inner.parent.span_id == outer.get_span_context().span_id


def test_embeddings_have_spans_and_questions_about_the_gateway_none(
    connect: Any, gateway: EmbeddedGateway, recorded: Recorded
) -> None:
    """Vectors are a call to a model, a list of models is none."""
    session = connect()
    session.wait(session.client.embed(["Hello"], model="openai/text-embedding-3-small"))
    session.discover(refresh=True)
    session.wait(session.client.balance())
    span, attributes = recorded.one()
    assert span.name == "embeddings openai/text-embedding-3-small"
    assert attributes["gen_ai.usage.input_tokens"] > 0


def test_without_an_sdk_there_are_no_spans(connect: Any, gateway: EmbeddedGateway) -> None:
    """Where the API has no provider behind it, a call makes nothing."""
    from kilo_gateway.spans import span_of_call

    assert span_of_call() is None


def test_calls_do_not_import_opentelemetry(gateway: EmbeddedGateway, scripts: Any) -> None:
    """An application that does not use OpenTelemetry never loads it."""
    code = (
        "import sys\nfrom kilo_gateway import KiloClient\n"
        f"client = KiloClient(api_key={gateway.api_key!r}, base_url={gateway.base_url!r}, model={MODEL!r})\n"
        "client.complete([{'role': 'user', 'content': 'Hello'}])\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    assert scripts.run(code).stdout == "[]\n"
