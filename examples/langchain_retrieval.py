"""Retrieval in LangChain: documents become pieces, pieces become vectors, and an answer streams with its sources.

Needs `pip install langchain-kilo langchain-text-splitters numpy`.
"""

from __future__ import annotations

from pathlib import Path

from _gateway import a_gateway
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

from langchain_kilo import ChatKilo, KiloEmbeddings

DOCUMENTS = Path(__file__).parent / "documents"
PROMPT = ChatPromptTemplate(
    [
        ("system", "Answer from these notes only, and say so where they do not tell.\n\n{notes}"),
        ("human", "{question}"),
    ]
)


def read(folder: Path) -> list[Document]:
    """Return the files of a folder, each with its name."""
    return [Document(path.read_text("utf-8"), metadata={"source": path.name}) for path in sorted(folder.glob("*.md"))]


def store_of(documents: list[Document]) -> InMemoryVectorStore:
    """Return a store of the documents' pieces; 256 pieces go in one request."""
    splitter = RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=50)
    return InMemoryVectorStore.from_documents(splitter.split_documents(documents), KiloEmbeddings())


def answer(question: str, store: InMemoryVectorStore, model: ChatKilo) -> None:
    """Print the answer as it comes, then where it is from and what it cost."""
    found = store.similarity_search_with_score(question, k=2)
    notes = "\n\n".join(document.page_content for document, _ in found)
    print(f"question  {question}\nanswer    ", end="")
    whole = None
    for chunk in (PROMPT | model).stream({"notes": notes, "question": question}):
        whole = chunk if whole is None else whole + chunk
        print(chunk.text, end="", flush=True)
    print("\nsources   " + ", ".join(f"{document.metadata['source']} ({score:.2f})" for document, score in found))
    if whole is not None and (cost := whole.response_metadata.get("cost")) is not None:
        print(f"cost      ${cost:.6f}")


def main() -> None:
    """Index the documents of this folder, and ask."""
    store = store_of(read(DOCUMENTS))
    model = ChatKilo(model="openai/gpt-5-mini")
    for question in ("How long is the Suez Canal?", "Who deciphered the dance of the honey bees?"):
        answer(question, store, model)


if __name__ == "__main__":
    with a_gateway():
        main()
