"""LlamaIndex chat messages -> messages of the wire. Never changes what it is given."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitationBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from pydantic import ValidationError

from kilo_gateway.adapters.sent_back import render_answer
from kilo_gateway.errors import InvalidRequestError
from llama_index_kilo.content import render_parts
from llama_index_kilo.tools import find_uncalled, render_tool_calls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_ROLES = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}

DETAILS = "reasoning_details"
"""Where `additional_information` of a thinking block, or `additional_kwargs` of a message, keeps the entries."""

_OWN_PLACE = (ThinkingBlock, ToolCallBlock, ImageBlock, CitationBlock, AudioBlock)
"""Blocks of an answer that are no part of its content: they have a place beside it, or do not go back."""


def render_messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Return the messages as the wire has them.

    Raises:
        InvalidRequestError: a block that cannot be sent, or a tool result that answers no call.
    """
    nameless = _NamelessCalls()
    uncalled: dict[str, tuple[str, str]] = {}
    rendered = []
    for one in messages:
        message = one if isinstance(one, ChatMessage) else _parse_message(one)
        if found := find_uncalled(message.blocks):
            uncalled |= found
        wire = _render_message(message, nameless)
        rendered.append(_explain_uncalled(wire, uncalled) if uncalled else wire)
    return rendered


def _parse_message(given: Any) -> ChatMessage:
    """Return a message that was given as a mapping, as LlamaIndex itself lets it pass.

    Raises:
        InvalidRequestError: it is none.
    """
    try:
        return ChatMessage.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(
            "A message is no ChatMessage: write ChatMessage(role='user', content='...')."
        ) from error


def _explain_uncalled(rendered: dict[str, Any], uncalled: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
    """Return the message; where an agent says of a call that may not be run that there is no such tool, with why."""
    name, flaw = uncalled.get(rendered.get("tool_call_id") or "", ("", ""))
    content = rendered["content"]
    if name and isinstance(content, str) and name in content:
        return {**rendered, "content": f"The tool was not called. {flaw} Call it again with whole arguments."}
    return rendered


class _NamelessCalls:
    """Ids for calls of a history that has none, as other packages write it: results answer them in order."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque()
        self._count = 0

    def name(self, call: dict[str, Any]) -> dict[str, Any]:
        """Return the call with an id."""
        if call.get("id"):
            return call
        self._count += 1
        self._waiting.append(f"call_{self._count}")
        return {**call, "id": self._waiting[-1]}

    def next_answered(self) -> str:
        """Return the id of the call that the next nameless result answers."""
        if not self._waiting:
            raise InvalidRequestError(
                "A tool message answers no tool call: put the call's id into its additional_kwargs['tool_call_id']."
            )
        return self._waiting.popleft()


def _render_message(message: ChatMessage, nameless: _NamelessCalls) -> dict[str, Any]:
    role = _ROLES[message.role]
    if role == "assistant":
        return _render_assistant(message, nameless)
    rendered: dict[str, Any] = {"role": role, "content": _render_content(message.blocks)}
    if isinstance(name := message.additional_kwargs.get("name"), str) and name:
        rendered["name"] = name
    if role == "tool":
        rendered["tool_call_id"] = message.additional_kwargs.get("tool_call_id") or nameless.next_answered()
    return rendered


def _render_content(blocks: Sequence[Any]) -> str | list[dict[str, Any]]:
    """Return text alone as text, as LlamaIndex joins it; anything else as parts."""
    if len(blocks) == 1 and isinstance(blocks[0], TextBlock):
        return blocks[0].text
    if all(isinstance(block, TextBlock) for block in blocks):
        return "\n".join(block.text for block in blocks)
    return render_parts(blocks)


def _render_assistant(message: ChatMessage, nameless: _NamelessCalls) -> dict[str, Any]:
    """Return an answer as the gateway gave it, each thing in its own place.

    Most of a history are texts and nothing else, for which nothing is looked for;
    `test_texts_of_a_history_are_written_as_ever` holds both ways equal.
    """
    if not message.additional_kwargs and len(message.blocks) == 1 and type(block := message.blocks[0]) is TextBlock:
        return {"role": "assistant", "content": block.text}
    said = [block for block in message.blocks if not isinstance(block, _OWN_PLACE)]
    if all(isinstance(block, CachePoint) for block in said):
        said = []
    extra = message.additional_kwargs
    thoughts = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
    details = [item for block in thoughts for item in block.additional_information.get(DETAILS) or ()]
    wire = render_answer(
        _render_content(said),
        calls=[nameless.name(call) for call in render_tool_calls(message)],
        reasoning="".join(block.content for block in thoughts if block.content) or _find_noted_reasoning(extra),
        details=details or extra.get(DETAILS),
        images=render_parts(block for block in message.blocks if isinstance(block, ImageBlock)),
        annotations=extra.get("annotations"),
        refusal=extra.get("refusal"),
        audio=extra.get("audio"),
    )
    return {**wire, "name": extra["name"]} if extra.get("name") else wire


def _find_noted_reasoning(extra: Mapping[str, Any]) -> str:
    """Return the readable reasoning that another package noted beside the message; "" without any."""
    noted = (extra.get(name) for name in ("reasoning_content", "reasoning"))
    return next((text for text in noted if isinstance(text, str) and text), "")
