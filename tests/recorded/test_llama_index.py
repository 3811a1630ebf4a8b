"""KiloLLM and KiloEmbedding against recorded answers."""

from __future__ import annotations

import asyncio

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.tools import FunctionTool

from llama_index_kilo import KiloEmbedding, KiloLLM

pytestmark = [
    pytest.mark.kilo_cassette,
    # LlamaIndex's own.
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::workflows.context.state_store.UnserializableKeyWarning"),
]

MODEL = "anthropic/claude-sonnet-4.6"
NOTES = "The train leaves at 20:29."


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def test_a_query_engine() -> None:
    """Embeddings and the answer of a query engine are replayed."""
    embed_model = KiloEmbedding(model="openai/text-embedding-3-small", dimensions=8)
    index = VectorStoreIndex.from_documents([Document(text=NOTES, id_="notes")], embed_model=embed_model)
    engine = index.as_query_engine(llm=KiloLLM(model=MODEL))
    assert "20:29" in str(engine.query("When does the train leave?"))


def test_a_streamed_chat() -> None:
    """A streamed chat arrives in its pieces."""
    stream = KiloLLM(model=MODEL).stream_chat([ChatMessage(content=f"{NOTES} When does the train leave?")])
    assert "20:29" in "".join(part.delta or "" for part in stream)


def test_an_async_completion() -> None:
    """A completion can be awaited."""
    answer = asyncio.run(KiloLLM(model=MODEL).acomplete(f"{NOTES} When does the train leave?"))
    assert "20:29" in answer.text


def test_an_agent() -> None:
    """An agent's turns, tool call included, are replayed."""
    agent = FunctionAgent(tools=[FunctionTool.from_defaults(add)], llm=KiloLLM(model=MODEL))

    async def run() -> str:
        return str(await agent.run(user_msg="What is 20 plus 22?"))

    assert "42" in asyncio.run(run())
