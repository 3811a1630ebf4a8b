"""Search by meaning: texts become vectors with the core, with LangChain and with LlamaIndex.

With KILOCODE_API_KEY set it talks to the real gateway; without, to the embedded one, which needs no key and no network.

Needs `pip install langchain-kilo llama-index-llms-kilo numpy`.
"""

from __future__ import annotations

from pathlib import Path

from _gateway import a_gateway
from langchain_core.vectorstores import InMemoryVectorStore
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex

from kilo_gateway import KiloClient
from langchain_kilo import KiloEmbeddings
from llama_index_kilo import KiloEmbedding

MODEL = "openai/text-embedding-3-small"
DOCUMENTS = Path(__file__).parent / "documents"
QUESTIONS = ("Which canal joins two seas?", "How do bees dance?")
NOTES = (
    "The night train to Vienna leaves Hamburg at 20:29.",
    "Bicycles need a reservation on night trains.",
    "Honey bees dance to tell each other where flowers are.",
)


def with_the_core() -> None:
    """Embed a few texts, and see which are alike and what that cost."""
    print("\n=== The core: vectors, tokens, cost ===")
    found = KiloClient().embed(NOTES, model=MODEL, dimensions=256)
    first = found.vectors[0]
    for text, vector in zip(NOTES, found.vectors, strict=True):
        print(f"{sum(a * b for a, b in zip(first, vector, strict=True)):5.2f}  {text}")
    print(f"model      {found.model}")
    if found.usage is not None:
        print(f"tokens     {found.usage.input_tokens}")
        print(f"cost       {'unknown' if found.usage.cost is None else f'${found.usage.cost:.8f}'}")


def with_langchain() -> None:
    """Search LangChain's in-memory vector store."""
    print("\n=== LangChain: a vector store ===")
    store = InMemoryVectorStore.from_texts(list(NOTES), KiloEmbeddings(model=MODEL))
    question = "Can I take my bicycle on the train?"
    (document,) = store.similarity_search(question, k=1)
    print(f"question   {question}")
    print(f"found      {document.page_content}")


def with_llama_index() -> None:
    """Search the documents of this folder through an index."""
    print("\n=== LlamaIndex: an index over documents ===")
    documents = SimpleDirectoryReader(str(DOCUMENTS)).load_data()
    index = VectorStoreIndex.from_documents(documents, embed_model=KiloEmbedding(model=MODEL))
    retriever = index.as_retriever(similarity_top_k=1)
    for question in QUESTIONS:
        (node,) = retriever.retrieve(question)
        print(f"question   {question}")
        print(f"found      {node.metadata['file_name']}, {node.score:.2f}")


def main() -> None:
    """Run all three."""
    with_the_core()
    with_langchain()
    with_llama_index()


if __name__ == "__main__":
    with a_gateway():
        main()
