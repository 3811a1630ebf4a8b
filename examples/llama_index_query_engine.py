"""Query engines: retrieval with KiloEmbedding, an answer that streams, a chat engine, and an answer as an object.

Needs `pip install llama-index-llms-kilo`.
"""

from __future__ import annotations

from pathlib import Path

from _gateway import a_gateway
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.memory import ChatMemoryBuffer
from pydantic import BaseModel, Field

from llama_index_kilo import KiloEmbedding, KiloLLM

DOCUMENTS = Path(__file__).parent / "documents"


class Canal(BaseModel):
    """What a traveller wants to know of a canal."""

    name: str = Field(description="The name of the canal")
    length_in_kilometres: int = Field(description="Its length in kilometres")


def main() -> None:
    """Index the documents of this folder, and ask."""
    llm = KiloLLM(model="anthropic/claude-sonnet-4.6")
    documents = SimpleDirectoryReader(str(DOCUMENTS)).load_data()
    index = VectorStoreIndex.from_documents(documents, embed_model=KiloEmbedding())

    engine = index.as_query_engine(llm=llm, streaming=True, similarity_top_k=2)
    for question in ("How long is the Suez Canal?", "Who deciphered the dance of the honey bees?"):
        print(f"question  {question}\nanswer    ", end="")
        answer = engine.query(question)
        for text in answer.response_gen:
            print(text, end="", flush=True)
        best = answer.source_nodes[0]
        print(f"\nsource    {best.metadata['file_name']} ({best.score:.2f})")

    memory = ChatMemoryBuffer.from_defaults(llm=llm)
    chat = index.as_chat_engine(llm=llm, chat_mode="context", memory=memory)
    print(f"chat      {chat.chat('When was the Suez Canal opened?')}")

    canal = llm.as_structured_llm(Canal).complete(f"{answer_text(index, llm)}\nDescribe the Suez Canal.").raw
    print(f"object    {canal!r}")


def answer_text(index: VectorStoreIndex, llm: KiloLLM) -> str:
    """Return a plain answer, without a stream."""
    return str(index.as_query_engine(llm=llm).query("How long is the Suez Canal?"))


if __name__ == "__main__":
    with a_gateway():
        main()
