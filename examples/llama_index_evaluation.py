"""Evaluation in LlamaIndex: is the right document found, is the answer right, do its sources hold it?

Needs `pip install llama-index-llms-kilo`. The judge is a language model and needs a key; the rest runs without.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from _gateway import a_gateway
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.evaluation import (
    BatchEvalRunner,
    FaithfulnessEvaluator,
    RelevancyEvaluator,
    RetrieverEvaluator,
    SemanticSimilarityEvaluator,
)

from llama_index_kilo import KiloEmbedding, KiloLLM

DOCUMENTS = Path(__file__).parent / "documents"
DATASET = {
    "How long is the Suez Canal?": ("suez-canal.md", "The canal is about 193 kilometres long."),
    "Who deciphered the dance of the honey bees?": ("honey-bees.md", "Karl von Frisch deciphered the dance."),
    "Who measured the meridian for the metre?": ("the-metre.md", "Delambre and Méchain measured it."),
}


async def evaluate_retrieval(index: VectorStoreIndex) -> None:
    """Print how often the document that has the answer is found, and how near the top."""
    evaluator = RetrieverEvaluator.from_metric_names(
        ["hit_rate", "mrr"], retriever=index.as_retriever(similarity_top_k=2)
    )
    ids = {node.metadata["file_name"]: node.node_id for node in index.docstore.docs.values()}
    results = [await evaluator.aevaluate(question, [ids[file]]) for question, (file, _) in DATASET.items()]
    for name in ("hit_rate", "mrr"):
        print(f"{name:<13}{sum(result.metric_vals_dict[name] for result in results) / len(results):.2f}")


async def evaluate_answers(index: VectorStoreIndex, *, judge: KiloLLM | None) -> None:
    """Print for each question how near the answer is to the expected one, and what the judge says of it."""
    engine = index.as_query_engine(llm=KiloLLM(model="openai/gpt-5-mini"), similarity_top_k=1)
    answers = [await engine.aquery(question) for question in DATASET]
    similarity = SemanticSimilarityEvaluator(embed_model=KiloEmbedding(), similarity_threshold=0.5)
    for answer, (_, expected) in zip(answers, DATASET.values(), strict=True):
        found = await similarity.aevaluate(response=str(answer), reference=expected)
        print(f"similarity   {found.score:.2f}  {answer}")
    if judge is None:
        print("judge        set KILOCODE_API_KEY: the embedded gateway's small models judge nothing")
        return
    judges = {"faithful": FaithfulnessEvaluator(llm=judge), "relevant": RelevancyEvaluator(llm=judge)}
    said = await BatchEvalRunner(judges, workers=8).aevaluate_responses(queries=list(DATASET), responses=answers)
    for name, results in said.items():
        print(f"{name:<13}{sum(bool(result.passing) for result in results)} of {len(results)}")


async def main(*, has_judge: bool) -> None:
    """Evaluate an index over the documents of this folder."""
    documents = SimpleDirectoryReader(str(DOCUMENTS)).load_data()
    index = VectorStoreIndex.from_documents(documents, embed_model=KiloEmbedding())
    await evaluate_retrieval(index)
    await evaluate_answers(index, judge=KiloLLM(model="anthropic/claude-sonnet-4.6") if has_judge else None)


if __name__ == "__main__":
    with a_gateway() as is_embedded:
        asyncio.run(main(has_judge=not is_embedded))
