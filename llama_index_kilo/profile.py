"""What LlamaIndex wants to know of a model, from the catalog and the caller's word. Never asks the gateway."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import LLMMetadata

if TYPE_CHECKING:
    from llama_index_kilo.llm import KiloLLM

UNKNOWN_CONTEXT_WINDOW = 32_768
"""Tokens assumed for a model that no list knows: what nearly every model offered today has at least."""

_PROMPT_RESERVE = 4096
"""Tokens that an announced length of the answer leaves to the prompt; LlamaIndex fails where it leaves none."""


def describe(llm: KiloLLM) -> LLMMetadata:
    """Return the metadata of a model."""
    return LLMMetadata(**_facts(llm))


def dump_description(llm: KiloLLM) -> dict[str, Any]:
    """Return the metadata as a dict. Traces want it with every call, so that it is made once of the same facts.

    `test_profile.py` holds it equal to a dump of the metadata.
    """
    return _dump(**_facts(llm)).copy()


@lru_cache(maxsize=64)
def _dump(**facts: Any) -> dict[str, Any]:
    return LLMMetadata(**facts).model_dump()


def _facts(llm: KiloLLM) -> dict[str, Any]:
    """Return the fields of the metadata; what the caller said wins over what the catalog says.

    `num_output` is -1, which LlamaIndex takes for its own small reserve, unless `max_tokens` was set: catalogs state a
    longest answer as long as the whole window, and then LlamaIndex has no room for a prompt.
    """
    info = llm._model_info()
    window = llm.context_window or (info.context_window if info else UNKNOWN_CONTEXT_WINDOW)
    calls_tools = llm.is_function_calling_model
    if calls_tools is None:
        calls_tools = info is None or info.tools is not False
    max_tokens = llm.max_tokens or llm.max_completion_tokens
    longest = max(window - _PROMPT_RESERVE, window // 2)
    return {
        "context_window": window,
        "num_output": -1 if max_tokens is None else min(max_tokens, longest),
        "is_chat_model": True,
        "is_function_calling_model": calls_tools,
        "model_name": llm.model,
    }
