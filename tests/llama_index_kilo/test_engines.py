"""Query engines, chat engines, evaluators, routers and pipelines, run for real and offline."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core import Document, Settings, SummaryIndex, VectorStoreIndex
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.embeddings import MockEmbedding
from llama_index.core.evaluation import (
    AnswerRelevancyEvaluator,
    CorrectnessEvaluator,
    FaithfulnessEvaluator,
    RelevancyEvaluator,
)
from llama_index.core.extractors import TitleExtractor
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.query_engine import RouterQueryEngine
from llama_index.core.response_synthesizers import ResponseMode, get_response_synthesizer
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.selectors import LLMSingleSelector, PydanticSingleSelector
from llama_index.core.tools import QueryEngineTool

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

pytestmark = pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning")  # LlamaIndex's own

FACTS = [
    "The lighthouse of Alten was built in 1897 by Ida Holm.",
    "The harbour of Alten freezes in January.",
    "The museum of Alten shows old maps.",
]
QUESTION = "When was the lighthouse of Alten built?"


@pytest.fixture(scope="module")
def index() -> VectorStoreIndex:
    """Return an index of three facts, embedded offline; it is only asked."""
    documents = [Document(text=text) for text in FACTS]
    return VectorStoreIndex.from_documents(documents, embed_model=MockEmbedding(embed_dim=8))


def _memory() -> ChatMemoryBuffer:
    """Return a memory without a database, whose connections LlamaIndex would leave to the garbage collector."""
    return ChatMemoryBuffer.from_defaults(token_limit=10_000)


def _query(ask: Any, engine: Any, question: str = QUESTION) -> Any:
    return asyncio.run(engine.aquery(question)) if ask.is_async else engine.query(question)


def _read(ask: Any, engine: Any, question: str = QUESTION) -> str:
    """Return the text of a streamed answer."""
    if not ask.is_async:
        return "".join(engine.query(question).response_gen)

    async def collect() -> str:
        response = await engine.aquery(question)
        return "".join([token async for token in response.async_response_gen()])

    return asyncio.run(collect())


@pytest.mark.parametrize("mode", list(ResponseMode))
def test_query_engine_in_every_response_mode(
    gateway: EmbeddedGateway,
    make_llm: Callable[..., KiloLLM],
    ask: Any,
    index: VectorStoreIndex,
    mode: ResponseMode,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every response mode answers; those that read the sources find the year in them."""
    llm = make_llm()
    # LlamaIndex asks its settings for a model in two modes that need none, although one was passed.
    monkeypatch.setattr(Settings, "_llm", llm)
    engine = index.as_query_engine(llm=llm, response_mode=mode, similarity_top_k=3)
    response = _query(ask, engine)
    if mode in {ResponseMode.NO_TEXT, ResponseMode.CONTEXT_ONLY}:
        assert gateway.requests == []
    elif mode == ResponseMode.GENERATION:
        assert str(response)
    else:
        assert "1897" in str(response)


@pytest.mark.parametrize(
    "mode",
    [ResponseMode.COMPACT, ResponseMode.REFINE, ResponseMode.TREE_SUMMARIZE, ResponseMode.SIMPLE_SUMMARIZE],
)
def test_streaming_query_engine(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, index: VectorStoreIndex, mode: ResponseMode
) -> None:
    """A streaming query engine hands the answer on piece by piece."""
    engine = index.as_query_engine(llm=llm, response_mode=mode, streaming=True, similarity_top_k=3)
    assert "1897" in _read(ask, engine)
    assert gateway.requests[-1].body["stream"] is True


@pytest.mark.parametrize("mode", [ResponseMode.COMPACT, ResponseMode.TREE_SUMMARIZE])
def test_120_chunks_in_one_call(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, mode: ResponseMode
) -> None:
    """120 retrieved chunks are answered by one call, with no argument about the window given."""
    gateway.enqueue(Reply(text="fine", times=20))
    nodes = [NodeWithScore(node=TextNode(text=f"Fact {n}. " + "word " * 200), score=1.0) for n in range(120)]
    synthesizer = get_response_synthesizer(llm=make_llm(model="kilo-auto/balanced"), response_mode=mode)
    call = synthesizer.asynthesize if ask.is_async else synthesizer.synthesize
    response = asyncio.run(call("What?", nodes)) if ask.is_async else call("What?", nodes)
    assert str(response) == "fine"
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("mode", ["simple", "context", "condense_question", "condense_plus_context", "best"])
def test_chat_engines(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, index: VectorStoreIndex, mode: str) -> None:
    """Every chat engine answers two turns, the second with the first in its history."""
    engine = index.as_chat_engine(chat_mode=mode, llm=llm, memory=_memory(), similarity_top_k=3)
    for question in (QUESTION, "And who built it?"):
        answer = asyncio.run(engine.achat(question)) if ask.is_async else engine.chat(question)
        assert str(answer)
    assert len(engine.chat_history) == 4


@pytest.mark.parametrize("mode", ["simple", "context", "condense_plus_context"])
def test_streaming_chat_engines(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, index: VectorStoreIndex, mode: str
) -> None:
    """A streamed chat hands on its tokens and stores the whole answer in the history."""
    engine = index.as_chat_engine(chat_mode=mode, llm=llm, memory=_memory(), similarity_top_k=3)

    async def collect() -> str:
        response = await engine.astream_chat(QUESTION)
        return "".join([token async for token in response.async_response_gen()])

    text = asyncio.run(collect()) if ask.is_async else "".join(engine.stream_chat(QUESTION).response_gen)
    assert text
    assert engine.chat_history[-1].content == text.strip()


def test_chat_engine_gets_a_reasoning_only_answer(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A streamed chat engine shows the text of an answer that is all reasoning."""
    gateway.enqueue(Reply(text="", reasoning="It is 4."))
    engine = SimpleChatEngine.from_defaults(llm=llm, memory=_memory())

    async def collect() -> str:
        response = await engine.astream_chat("2 and 2?")
        return "".join([token async for token in response.async_response_gen()])

    text = asyncio.run(collect()) if ask.is_async else "".join(engine.stream_chat("2 and 2?").response_gen)
    assert text == engine.chat_history[-1].content == "It is 4."


def test_evaluators(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Evaluators read the model's verdict; faithfulness and relevancy run query engines inside."""
    gateway.enqueue(Reply(text="YES", times=2), Reply(text="4.5\nGood."), Reply(text="Good. [RESULT] 2"))
    asked = {"query": QUESTION, "response": "In 1897.", "contexts": FACTS}

    def evaluate(evaluator: Any, **arguments: Any) -> Any:
        if ask.is_async:
            return asyncio.run(evaluator.aevaluate(**arguments))
        return evaluator.evaluate(**arguments)

    assert evaluate(FaithfulnessEvaluator(llm=llm), **asked).passing
    assert evaluate(RelevancyEvaluator(llm=llm), **asked).passing
    assert evaluate(CorrectnessEvaluator(llm=llm), query="q", response="r", reference="r").score == 4.5
    assert evaluate(AnswerRelevancyEvaluator(llm=llm), query="q", response="r").score == 1.0


def test_evaluation_inside_a_running_loop(gateway: EmbeddedGateway, llm: KiloLLM) -> None:
    """Evaluators that LlamaIndex runs on a loop in another thread work beside the caller's own loop."""
    gateway.enqueue(Reply(text="fine"), Reply(text="YES"), Reply(text="fine"))

    async def use() -> None:
        await llm.acomplete("hi")
        verdict = FaithfulnessEvaluator(llm=llm).evaluate(query="q", response="r", contexts=["c"])
        assert verdict.passing
        await llm.acomplete("hi")

    asyncio.run(use())
    assert len(gateway.requests) == 3


@pytest.mark.parametrize("kind", ["json", "tool"])
def test_router(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, index: VectorStoreIndex, kind: str) -> None:
    """A router asks the model which engine to use, as JSON text or by a tool call, and uses it."""
    choice = '[{"choice": 2, "reason": "because"}]'
    if kind == "json":
        gateway.enqueue(Reply(text=choice))
        selector: Any = LLMSingleSelector.from_defaults(llm=llm)
    else:
        gateway.enqueue(Reply(tool_calls=[{"name": "SingleSelection", "arguments": {"index": 2, "reason": "because"}}]))
        selector = PydanticSingleSelector.from_defaults(llm=llm)
    gateway.enqueue(Reply(text="the second"))
    engines = [index.as_query_engine(llm=llm), index.as_query_engine(llm=llm, response_mode="tree_summarize")]
    tools = [QueryEngineTool.from_defaults(engine, description=f"engine {n}") for n, engine in enumerate(engines, 1)]
    router = RouterQueryEngine.from_defaults(tools, llm=llm, selector=selector)
    response = _query(ask, router)
    assert str(response) == "the second"
    assert response.metadata["selector_result"].selections[0].index == 1


def test_structured_query_engine(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, index: VectorStoreIndex
) -> None:
    """A query engine over a structured model answers with an instance."""
    from pydantic import BaseModel

    class Built(BaseModel):
        """When something was built."""

        year: int

    gateway.enqueue(Reply(text='{"year": 1897}'))
    llm = make_llm(model="openai/gpt-5.2").as_structured_llm(Built)
    response = _query(ask, index.as_query_engine(llm=llm, similarity_top_k=1))
    assert response.response.year == 1897


def test_ingestion(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """An ingestion pipeline with an extractor that asks the model, and embeddings made offline."""
    gateway.enqueue(Reply(text="A title", times=10))
    pipeline = IngestionPipeline(
        transformations=[
            TokenTextSplitter(chunk_size=64, chunk_overlap=0),
            TitleExtractor(llm=llm, show_progress=False),
            MockEmbedding(embed_dim=8),
        ]
    )
    documents = [Document(text=" ".join(FACTS))]
    run = pipeline.arun if ask.is_async else pipeline.run
    nodes = asyncio.run(run(documents=documents)) if ask.is_async else run(documents=documents)
    assert nodes
    assert all(node.metadata["document_title"] == "A title" and len(node.embedding) == 8 for node in nodes)


def test_summary_index(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A summary index reads every document."""
    index = SummaryIndex.from_documents([Document(text=text) for text in FACTS])
    assert "1897" in str(_query(ask, index.as_query_engine(llm=llm)))


def test_nothing_is_looked_up(
    gateway: EmbeddedGateway, llm: KiloLLM, index: VectorStoreIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query, a streamed query and a chat connect to the gateway on this machine and look up nothing else."""
    hosts: list[str] = []
    lookup = socket.getaddrinfo

    def note(host: Any, *args: Any, **kwargs: Any) -> Any:
        hosts.append(str(host))
        return lookup(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    index.as_query_engine(llm=llm).query(QUESTION)
    list(index.as_query_engine(llm=llm, streaming=True).query(QUESTION).response_gen)
    index.as_chat_engine(chat_mode="context", llm=llm, memory=_memory()).chat(QUESTION)
    llm.chat([ChatMessage(content="hi")])
    assert set(hosts) <= {"127.0.0.1"}
    assert len(gateway.requests) >= 4
