"""What LangSmith and OpenInference's instrumentation show of a call: model, provider, tokens and cost."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import get_usage_metadata_callback
from langchain_core.messages import HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tracers import LangChainTracer
from langchain_core.tracers.context import tracing_v2_enabled
from langsmith import Client
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kilo_gateway.testing import Reply
from tests.traced_usage import OPENINFERENCE, USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo


async def _read(chunks: Any) -> list[Any]:
    return [chunk async for chunk in chunks]


WAYS: dict[str, Callable[..., Any]] = {
    "invoke": lambda model, **given: model.invoke("Hello", **given),
    "ainvoke": lambda model, **given: asyncio.run(model.ainvoke("Hello", **given)),
    "stream": lambda model, **given: list(model.stream("Hello", **given)),
    "astream": lambda model, **given: asyncio.run(_read(model.astream("Hello", **given))),
    "chain": lambda model, **given: list((ChatPromptTemplate.from_template("Hello") | model).stream({}, **given)),
    "batch": lambda model, **given: model.batch(["Hello"], **given),
    "streaming": lambda model, **given: model.model_copy(update={"streaming": True}).invoke("Hello", **given),
    "graph": lambda model, **given: list(
        create_agent(model, []).stream({"messages": [("user", "Hello")]}, stream_mode="messages", **given)
    ),
    "agraph": lambda model, **given: asyncio.run(
        _read(create_agent(model, []).astream({"messages": [("user", "Hello")]}, stream_mode="messages", **given))
    ),
    "events": lambda model, **given: asyncio.run(_read(model.astream_events("Hello", version="v2", **given))),
}


class _LangSmith(BaseHTTPRequestHandler):
    """LangSmith's API, as far as a tracer asks it: keeps what it is told of each run."""

    runs: dict[str, dict[str, Any]]

    def do_POST(self) -> None:
        told = json.loads(self.rfile.read(int(self.headers["content-length"])))
        run_id = told.get("id") or self.path.rpartition("/")[2]
        self.runs.setdefault(run_id, {}).update(told)
        self.send_response(202)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_PATCH = do_POST  # noqa: N815 - the server's name

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def langsmith() -> Iterator[tuple[Client, dict[str, dict[str, Any]]]]:
    """Return a client of LangSmith's, and the runs that it has told a server of."""
    runs: dict[str, dict[str, Any]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_LangSmith,), {"runs": runs}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    client = Client(api_url=f"http://127.0.0.1:{server.server_port}", api_key="key", auto_batch_tracing=False, info={})
    yield client, runs
    client.session.close()
    server.shutdown()
    thread.join()
    server.server_close()


def _usage_of(runs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    [run] = [run for run in runs.values() if run["name"] == "ChatKilo"]
    metadata = run["extra"]["metadata"]
    assert (metadata["ls_provider"], metadata["ls_model_name"]) == ("kilo", "anthropic/claude-sonnet-4.6")
    usage: dict[str, Any] = metadata["usage_metadata"]
    return usage


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("is_ambient", [False, True])
def test_langsmith_is_told_the_cost(
    way: str, is_ambient: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo], langsmith: Any
) -> None:
    """LangSmith gets tokens and cost of each call, whether the tracer is given to it or on for all of them."""
    client, runs = langsmith
    gateway.enqueue(Reply(text="x", usage=USAGE))
    if is_ambient:
        with tracing_v2_enabled(client=client):
            WAYS[way](make())
    else:
        WAYS[way](make(), config={"callbacks": [LangChainTracer(client=client)]})
    assert _usage_of(runs) == {
        "input_tokens": 100,
        "output_tokens": 50,
        "total_tokens": 150,
        "input_token_details": {"cache_read": 40, "cache_creation": 10},
        "output_token_details": {"reasoning": 20},
        "total_cost": 0.5,
        "input_cost": 0.2,
        "output_cost": 0.3,
    }


def test_langsmith_counts_the_answers_of_one_request_once(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo], langsmith: Any
) -> None:
    """Two answers to one request are not twice the tokens, nor twice the cost."""
    client, runs = langsmith
    message = {"role": "assistant", "content": "x"}
    choices = [{"index": place, "finish_reason": "stop", "message": message} for place in range(2)]
    gateway.enqueue(Reply(body={"choices": choices, "usage": {**USAGE, "cost_details": {}}}))
    make(n=2).generate([[HumanMessage("Hello")]], callbacks=[LangChainTracer(client=client)])
    usage = _usage_of(runs)
    assert (usage["total_tokens"], usage["total_cost"]) == (150, 0.5)
    assert "input_cost" not in usage


def test_langchains_own_counter_is_not_disturbed(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo], langsmith: Any
) -> None:
    """Messages hold whole numbers only, so that LangChain can add them up while LangSmith traces."""
    gateway.enqueue(Reply(text="x", usage=USAGE), Reply(text="x", usage=USAGE))
    with get_usage_metadata_callback() as counter, tracing_v2_enabled(client=langsmith[0]):
        answer = make().invoke("Hello")
        list(make().stream("Hello"))
    [counted] = counter.usage_metadata.values()
    assert counted["total_tokens"] == 300
    assert "total_cost" not in answer.usage_metadata


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Return what holds the spans of OpenInference's instrumentation of LangChain."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    yield exporter
    instrumentor.uninstrument()


@pytest.mark.parametrize("way", WAYS)
def test_openinference_shows_the_cost(
    way: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo], spans: InMemorySpanExporter
) -> None:
    """A span of OpenInference's has model, provider, tokens and cost."""
    gateway.enqueue(Reply(text="x", usage=USAGE))
    WAYS[way](make())
    [span] = [span for span in spans.get_finished_spans() if span.name == "ChatKilo"]
    assert {name: span.attributes.get(name) for name in OPENINFERENCE} == OPENINFERENCE
    assert span.attributes["llm.model_name"]


def test_a_cached_answer_is_shown_to_cost_nothing(make: Callable[..., ChatKilo], spans: InMemorySpanExporter) -> None:
    """From its tokens alone a product would make up a cost that nobody paid."""
    model = make(cache=InMemoryCache())
    model.invoke("Hello")
    asyncio.run(model.ainvoke("Hello"))
    first, again = spans.get_finished_spans()
    assert first.attributes["llm.cost.total"] > 0
    assert again.attributes["llm.cost.total"] == 0


def test_an_unknown_cost_is_not_shown_as_nothing(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo], spans: InMemorySpanExporter, langsmith: Any
) -> None:
    """Where the gateway did not say what an answer cost, neither product is told a cost."""
    client, runs = langsmith
    gateway.enqueue(Reply(text="x", usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}))
    make().invoke("Hello", config={"callbacks": [LangChainTracer(client=client)]})
    [span] = spans.get_finished_spans()
    assert not any("cost" in name for name in (*span.attributes, *_usage_of(runs)))
