"""What type checkers say of our classes. `make check` runs mypy over it: an ignore that is not needed is an error.

Nothing here is run.
"""

from __future__ import annotations

from typing import assert_type

from langchain_core.messages import AIMessage

from kilo_gateway import AsyncKiloClient, Completion, KiloClient
from langchain_kilo import ChatKilo, KiloEmbeddings
from llama_index_kilo import KiloEmbedding, KiloLLM

QUESTION = [{"role": "user", "content": "Hi"}]


def chat_models() -> None:
    """A misspelt option and a level that does not exist are errors; those that exist have their types."""
    ChatKilo(model="a/b", reasoning="high", temperature=0, stop=["END"], provider={"order": ["x"]})
    KiloLLM(model="a/b", reasoning="high", temperature=0, stop=["END"], provider={"order": ["x"]})
    ChatKilo(temperatur=0)  # type: ignore[call-arg]
    KiloLLM(temperatur=0)  # type: ignore[call-arg]
    ChatKilo(reasoning="hihg")  # type: ignore[arg-type]
    KiloLLM(reasoning="hihg")  # type: ignore[arg-type]
    ChatKilo(max_tokens="many")  # type: ignore[arg-type]
    assert_type(ChatKilo().invoke("Hi"), AIMessage)


def embeddings() -> None:
    """So are those of embedding models."""
    KiloEmbeddings(dimensions=8)
    KiloEmbedding(dimensions=8)
    KiloEmbeddings(dimension=8)  # type: ignore[call-arg]
    KiloEmbedding(dimensions="8")  # type: ignore[arg-type]


def client() -> None:
    """Settings and options of the core are typed, sync and async."""
    made = KiloClient(api_key="k", max_retries=0)
    assert_type(made.complete(QUESTION, temperature=0, reasoning="low"), Completion)
    made.complete(QUESTION, temperatur=0)  # type: ignore[call-arg]
    made.complete(QUESTION, reasoning="hihg")  # type: ignore[arg-type]
    made.stream(QUESTION, max_tokens="many")  # type: ignore[arg-type]
    KiloClient(max_retry=0)  # type: ignore[call-arg]
    AsyncKiloClient(discover="never")  # type: ignore[arg-type]
