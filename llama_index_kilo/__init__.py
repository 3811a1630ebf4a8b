"""Kilo Gateway for LlamaIndex: `KiloLLM`, an LLM for query engines, chat engines and agents, and its own errors."""

from __future__ import annotations

try:
    from llama_index_kilo.llm import KiloLLM
    from llama_index_kilo.schemas import StructuredAnswerError
    from llama_index_kilo.tools import NoToolCallError
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "llama_index":
        raise
    raise ImportError(
        'llama_index_kilo needs LlamaIndex. Install it with: pip install "kilo-gateway[llama-index]"'
    ) from error

__all__ = ["KiloLLM", "NoToolCallError", "StructuredAnswerError"]
