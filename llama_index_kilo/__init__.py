"""Kilo Gateway for LlamaIndex: `KiloLLM` for engines and agents, `KiloEmbedding` for indices, and their own errors."""

from __future__ import annotations

try:
    from llama_index_kilo.costs import CostCallback
    from llama_index_kilo.embedding import KiloEmbedding
    from llama_index_kilo.embedding_event import EmbeddingUsageEvent
    from llama_index_kilo.llm import KiloLLM
    from llama_index_kilo.structured_answers import StructuredAnswerError
    from llama_index_kilo.tools import NoToolCallError
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        'llama_index_kilo needs LlamaIndex. Install it with: pip install "kilo-gateway[llama-index]"'
    ) from error

__all__ = [
    "CostCallback",
    "EmbeddingUsageEvent",
    "KiloEmbedding",
    "KiloLLM",
    "NoToolCallError",
    "StructuredAnswerError",
]
