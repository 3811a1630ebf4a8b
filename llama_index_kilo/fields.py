"""The arguments of KiloLLM's constructor, as fields. Holds values; gives them no meaning."""

from __future__ import annotations

from typing import Any

from llama_index.core.llms.function_calling import FunctionCallingLLM
from pydantic import ConfigDict, Field

from kilo_gateway.refs import DEFAULT_MODEL
from llama_index_kilo.connected import Connected


class KiloFields(Connected, FunctionCallingLLM):
    """The fields. None means not given: settings then come from the environment, options are left to the gateway."""

    # Built with the first model object instead of four times, once a class, at import.
    model_config = ConfigDict(defer_build=True)

    model: str = DEFAULT_MODEL
    """Ref of the model, `kilocode/` being optional; `KILOCODE_MODEL`, else `kilocode/kilo/auto`."""
    context_window: int | None = None
    """Overrides what the catalog says, in tokens."""
    is_function_calling_model: bool | None = None
    """Overrides what the catalog says."""
    strict: bool = False
    """Whether providers hold the arguments of tools to their schemas."""
    additional_kwargs: dict[str, Any] = Field(default_factory=dict)
    """More options by name, as each call takes them."""

    reasoning: str | dict[str, Any] | None = None
    """A level (off, minimal, low, medium, high, xhigh, max, adaptive), or the wire's object as it is."""
    reasoning_effort: str | None = None
    """Another spelling of the level."""
    extra_body: dict[str, Any] | None = None
    """Merged over the request body, for what has no option."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    top_a: float | None = None
    min_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    repetition_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    seed: int | None = None
    n: int | None = None
    """How many answers; the first is the message, all of them are in `raw`."""
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    response_format: dict[str, Any] | None = None
    structured_outputs: bool | None = None
    verbosity: str | None = None
    modalities: list[str] | None = None
    audio: dict[str, Any] | None = None
    image_config: dict[str, Any] | None = None
    prediction: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    """Tools of every call, such as a server's own; those of a call replace them."""
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    provider: dict[str, Any] | None = None
    """Routing among providers: `order`, `only`, `ignore`, `sort`, `data_collection`, ..."""
    plugins: list[Any] | None = None
    transforms: list[str] | None = None
    models: list[str] | None = None
    route: str | None = None
    user: str | None = None
    request_metadata: dict[str, Any] | None = None
    """The option `metadata`, a name that LlamaIndex needs for its own; the constructor takes both."""
    session_id: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    include_reasoning: bool | None = None
    web_search_options: dict[str, Any] | None = None
    cache_control: dict[str, Any] | None = None
