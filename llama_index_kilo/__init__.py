"""Kilo Gateway for LlamaIndex: `KiloLLM` for engines and agents, `KiloEmbedding` for indices, and their own errors."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

try:
    from llama_index_kilo.llm import KiloLLM
    from llama_index_kilo.structured_answers import StructuredAnswerError
    from llama_index_kilo.tools import NoToolCallError
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        'llama_index_kilo needs LlamaIndex. Install it with: pip install "kilo-gateway[llama-index]"'
    ) from error

if TYPE_CHECKING:
    from llama_index_kilo.costs import CostCallback as CostCallback
    from llama_index_kilo.embedding import KiloEmbedding as KiloEmbedding
    from llama_index_kilo.embedding_event import EmbeddingUsageEvent as EmbeddingUsageEvent

__all__ = [
    "CostCallback",
    "EmbeddingUsageEvent",
    "KiloEmbedding",
    "KiloLLM",
    "NoToolCallError",
    "StructuredAnswerError",
]

_LATER = {"CostCallback": "costs", "EmbeddingUsageEvent": "embedding_event", "KiloEmbedding": "embedding"}
"""Names that are imported when they are first used -> their modules: many who use the LLM need none of them."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
