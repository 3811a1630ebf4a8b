"""What OpenInference's instrumentation of LlamaIndex shows of a call: model, provider, tokens and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kilo_gateway.testing import Reply
from llama_index_kilo import KiloEmbedding
from tests.traced_usage import OPENINFERENCE, USAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20")  # of theirs


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Return what holds the spans of OpenInference's instrumentation of LlamaIndex."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    root = get_dispatcher()
    before = list(root.span_handlers), list(root.event_handlers)
    instrumentor = LlamaIndexInstrumentor()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    yield exporter
    instrumentor.uninstrument()
    assert (root.span_handlers, root.event_handlers) == before


@pytest.mark.parametrize("entry_point", ["chat", "stream", "complete", "stream_complete"])
def test_openinference_shows_the_cost(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, entry_point: str, spans: InMemorySpanExporter
) -> None:
    """A span of OpenInference's has model, provider, tokens and cost, streamed or not."""
    gateway.enqueue(Reply(text="x", usage=USAGE))
    getattr(ask, entry_point)(llm, "Hello")
    [span] = spans.get_finished_spans()
    assert {name: span.attributes.get(name) for name in OPENINFERENCE} == OPENINFERENCE
    assert span.attributes["llm.model_name"] == llm.model


def test_requests_of_one_embedding_call_add_up(gateway: EmbeddedGateway, spans: InMemorySpanExporter) -> None:
    """Three requests for the texts of one call are one span with the cost of all of them."""
    model = KiloEmbedding(api_key=gateway.api_key, base_url=gateway.base_url, embed_batch_size=1)
    model.get_text_embedding_batch(["a", "b", "c"])
    [span] = spans.get_finished_spans()
    assert span.attributes["llm.token_count.total"] == 3
    assert span.attributes["llm.cost.total"] == pytest.approx(3 * 0.02 / 1_000_000)
