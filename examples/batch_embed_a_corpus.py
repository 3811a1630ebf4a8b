"""Embed a corpus: a request for some paragraphs each, the vectors in the order of the paragraphs.

Needs `pip install "kilo-gateway[batch]"`.
"""

from __future__ import annotations

from pathlib import Path

from _gateway import a_gateway

from kilo_gateway.batch import Request, run_batch

DOCUMENTS = Path(__file__).parent / "documents"
MODEL = "openai/text-embedding-3-small"
TEXTS_A_REQUEST = 2


def paragraphs() -> list[str]:
    """Return the paragraphs of all documents."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(DOCUMENTS.glob("*.md")))
    return [part.strip() for text in texts for part in text.split("\n\n") if part.strip()]


if __name__ == "__main__":
    with a_gateway():
        texts = paragraphs()
        starts = range(0, len(texts), TEXTS_A_REQUEST)
        requests = (
            Request(
                str(start),
                {"model": MODEL, "input": texts[start : start + TEXTS_A_REQUEST], "dimensions": 8},
                "/v1/embeddings",
            )
            for start in starts
        )
        vectors = [vector for result in run_batch(requests, ordered=True) for vector in result.answer.vectors]
        print(f"{len(vectors)} vectors of {len(vectors[0])} numbers for {len(texts)} paragraphs")
        for text, vector in zip(texts[:3], vectors, strict=False):
            print(f"{text[:50]!r:55} {vector[:3]}")
