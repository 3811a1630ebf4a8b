"""What LlamaIndex wants to know of a model, from the catalog and the caller's word. Never asks the gateway."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import LLMMetadata

if TYPE_CHECKING:
    from kilo_gateway import ModelInfo

UNKNOWN_CONTEXT_WINDOW = 32_768
"""Tokens assumed for a model that no list knows: what nearly every model offered today has at least."""

_PROMPT_RESERVE = 4096
"""Tokens that an announced length of the answer leaves to the prompt; LlamaIndex fails where it leaves none."""


def describe(info: ModelInfo | None, **said: Any) -> LLMMetadata:
    """Return the metadata of a model; `said` is what `_facts` takes."""
    return LLMMetadata(**_facts(info, **said))


def dump_description(info: ModelInfo | None, **said: Any) -> dict[str, Any]:
    """Return the metadata as a dict. Traces want it with every call, so that it is made once of the same facts.

    `test_profile.py` holds it equal to a dump of the metadata.
    """
    return _dump(**_facts(info, **said)).copy()


@lru_cache(maxsize=64)
def _dump(**facts: Any) -> dict[str, Any]:
    return LLMMetadata(**facts).model_dump()


def _facts(
    info: ModelInfo | None,
    *,
    model: str,
    context_window: int | None,
    max_tokens: int | None,
    calls_tools: bool | None,
) -> dict[str, Any]:
    """Return the fields of the metadata; what the caller said wins over what the catalog says.

    `num_output` is -1, which LlamaIndex takes for its own small reserve, unless `max_tokens` was set: catalogs state a
    longest answer as long as the whole window, and then LlamaIndex has no room for a prompt.
    """
    window = context_window or (info.context_window if info else UNKNOWN_CONTEXT_WINDOW)
    if calls_tools is None:
        calls_tools = info is None or info.tools is not False
    longest = max(window - _PROMPT_RESERVE, window // 2)
    return {
        "context_window": window,
        "num_output": -1 if max_tokens is None else min(max_tokens, longest),
        "is_chat_model": True,
        "is_function_calling_model": calls_tools,
        "model_name": model,
    }
