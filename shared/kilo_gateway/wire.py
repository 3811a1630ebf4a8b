"""The shapes of the wire, as TypedDicts: what is sent and what comes back. They describe; they never validate.

Every key is optional, because gateways leave out, null and add: read with `.get`.
Source: the gateway's chat completions API, which is OpenAI-compatible with OpenRouter's additions.
"""

from __future__ import annotations

from typing import Any, TypedDict


class FunctionCall(TypedDict, total=False):
    """`function` of a tool call; `arguments` is JSON text."""

    name: str
    arguments: str


class ToolCall(TypedDict, total=False):
    """One tool call of an assistant message."""

    index: int
    id: str
    type: str
    function: FunctionCall


class ReasoningDetail(TypedDict, total=False):
    """One entry of `reasoning_details`; unknown types and keys are kept as they are."""

    type: str
    text: str | None
    summary: str | None
    data: str | None
    signature: str | None
    id: str | None
    format: str | None
    index: int | None


class Message(TypedDict, total=False):
    """A message of a request, or the `message` of a choice."""

    role: str
    content: str | list[dict[str, Any]] | None
    name: str
    tool_calls: list[ToolCall]
    tool_call_id: str
    reasoning: str | None
    reasoning_details: list[ReasoningDetail]
    refusal: str | None
    annotations: list[dict[str, Any]]
    images: list[dict[str, Any]]
    audio: dict[str, Any]


class Choice(TypedDict, total=False):
    """One choice of a whole answer."""

    index: int
    message: Message
    finish_reason: str | None
    native_finish_reason: str | None
    logprobs: dict[str, Any] | None
    error: dict[str, Any]


class UsageBody(TypedDict, total=False):
    """`usage` as sent: token counts, and `cost` in USD."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost: float | None
    is_byok: bool | None
    prompt_tokens_details: dict[str, int | None] | None
    completion_tokens_details: dict[str, int | None] | None
    cost_details: dict[str, float | None] | None


class CompletionBody(TypedDict, total=False):
    """A whole answer: `{id, provider, model, object, created, choices, usage}`."""

    id: str
    provider: str
    model: str
    object: str
    created: int
    choices: list[Choice]
    usage: UsageBody
    error: dict[str, Any]


class Chunk(TypedDict, total=False):
    """One event of a stream; `choices[].delta` instead of `choices[].message`."""

    id: str
    provider: str
    model: str
    object: str
    created: int
    choices: list[dict[str, Any]]
    usage: UsageBody
    error: dict[str, Any]
