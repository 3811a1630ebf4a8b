"""Whole answers of the core -> LangChain messages and results. Reads; never asks the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from kilo_gateway import render_metadata
from kilo_gateway.adapters.copies import copier
from kilo_gateway.adapters.secrets import mask_headers
from langchain_kilo.reasoning import with_aliases
from langchain_kilo.tools import parse_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

    from kilo_gateway import Completion, Usage

PROVIDER = "kilo"
"""What LangSmith and LangChain's middleware know this integration by; messages and traces must agree on it."""

_INPUT_DETAILS = {
    "cache_read": "cached_tokens",
    "cache_creation": "cache_write_tokens",
    "audio": "audio_input_tokens",
    "image": "image_input_tokens",
    "video": "video_input_tokens",
}
_OUTPUT_DETAILS = {
    "reasoning": "reasoning_tokens",
    "audio": "audio_output_tokens",
    "image": "image_output_tokens",
    "video": "video_output_tokens",
}


_MESSAGE = AIMessage(
    content="text",
    additional_kwargs={},
    response_metadata={},
    tool_calls=[],
    invalid_tool_calls=[],
    usage_metadata=None,
)
_FIELDS = ("content", "additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls", "usage_metadata")
_copy_message = copier(_MESSAGE, *_FIELDS)
_copy_generation = copier(ChatGeneration(message=_MESSAGE, generation_info=None), "text", "message", "generation_info")


def parse_result(completion: Completion, *, with_headers: bool = False) -> ChatResult:
    """Return the result of a call: one generation for each choice, with the headers of the answer if wanted."""
    generations = []
    for place in range(len(completion.choices)):
        message = parse_message(completion, place, with_headers=with_headers)
        information = generation_info(message.response_metadata)
        generations.append(_copy_generation(message.content, message, information))
    return ChatResult(generations=generations, llm_output=llm_output(completion))


def parse_message(completion: Completion, choice_index: int = 0, *, with_headers: bool = False) -> AIMessage:
    """Return one choice as a message; `choice_index` is its place in `completion.choices`."""
    choice = completion.choices[choice_index]
    calls, invalid = parse_calls(cast("list[dict[str, Any]]", choice.tool_calls), choice.finish_reason)
    metadata = response_metadata(completion, choice_index, with_headers=with_headers)
    said: dict[str, Any] = {
        "content": choice.text,
        "additional_kwargs": late_kwargs(metadata),
        "response_metadata": metadata,
        "tool_calls": calls,
        "invalid_tool_calls": invalid,
        "usage_metadata": usage_metadata(completion.usage),
    }
    return with_aliases(AIMessage(**said) if calls or invalid else _copy_message(**said), metadata)


def response_metadata(completion: Completion, choice_index: int = 0, *, with_headers: bool = False) -> dict[str, Any]:
    """Return what is known about an answer: the core's keys, and LangChain's names for the model and the provider."""
    headers = {"headers": _shown(completion.headers)} if with_headers else {}
    return {
        **headers,
        **render_metadata(completion, choice_index),
        "model_name": completion.model or completion.requested_model or "",
        "model_provider": PROVIDER,
    }


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers by lower-case names, without cookies and the like: messages are stored and traced."""
    return {name.lower(): value for name, value in mask_headers(headers).items()}


def without_cost(message: AIMessage) -> AIMessage:
    """Return a message out of a cache: it costs nothing, says so by `cached`, and is otherwise as it was."""
    metadata = message.response_metadata
    free: dict[str, Any] = {key: 0.0 for key in _COSTS if key in metadata}
    if isinstance(usage := metadata.get("usage"), dict) and "cost" in usage:
        free["usage"] = {key: 0.0 if key == "cost" else value for key, value in usage.items() if key != _COST_DETAILS}
    kept = {key: value for key, value in metadata.items() if key != _COST_DETAILS}
    return message.model_copy(update={"response_metadata": {**kept, **free, "cached": True}})


_COSTS = ("cost", "billed_cost")
_COST_DETAILS = "cost_details"


def late_kwargs(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the `additional_kwargs` that are known at the end of an answer only."""
    return {name: metadata[name] for name in ("refusal",) if name in metadata}


def generation_info(metadata: dict[str, Any]) -> dict[str, Any] | None:
    """Return what callbacks look for beside the message."""
    return {name: metadata[name] for name in ("finish_reason", "logprobs") if name in metadata} or None


def llm_output(completion: Completion) -> dict[str, Any]:
    """Return what is known about the call as a whole.

    LangChain copies it into the message of a call that was not streamed: so no key here that the message lacks.
    """
    output: dict[str, Any] = {"model_name": completion.model or completion.requested_model or ""}
    if completion.usage is not None:
        output["usage"] = completion.usage.body
    return output


def usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Return the tokens as LangChain counts them; whole numbers only, for it adds them up. Costs stand elsewhere."""
    if usage is None:
        return None
    counted: UsageMetadata = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
    if details := _details(usage, _INPUT_DETAILS):
        counted["input_token_details"] = cast("InputTokenDetails", details)
    if details := _details(usage, _OUTPUT_DETAILS):
        counted["output_token_details"] = cast("OutputTokenDetails", details)
    return counted


def _details(usage: Usage, names: dict[str, str]) -> dict[str, int]:
    return {name: count for name, attribute in names.items() if (count := getattr(usage, attribute)) is not None}
