"""Messages of LangChain -> messages of the wire. Reasoning goes back as it came; nothing is made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from kilo_gateway.adapters.sent_back import find_thoughts, render_answer
from kilo_gateway.errors import InvalidRequestError
from langchain_kilo.content import as_own_block, join_texts, render_parts
from langchain_kilo.reasoning import find_noted_reasoning
from langchain_kilo.tools import answer_invalid_calls, render_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    Wire = dict[str, Any]

_SENT_BACK = frozenset({"refusal", "reasoning", "reasoning_details", "images", "annotations", "audio"})
"""What may stand in `response_metadata` that the gateway wants back, or another integration has noted there."""


def render_messages(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return the messages as the wire has them.

    Raises:
        InvalidRequestError: a message or a block that has no form on the wire; the error names it.
    """
    rendered: list[dict[str, Any]] = []
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    for message in messages:
        written = (_RENDERER_OF.get(type(message)) or _find_renderer(message))(message)
        if len(written) > 1 and isinstance(message, AIMessage):
            written = [one for one in written if not _is_answered_elsewhere(one, answered)]
        rendered += written
    return rendered


def _find_renderer(message: BaseMessage) -> Callable[[Any], list[Wire]]:
    render = next((by for kind, by in _RENDERER_OF.items() if isinstance(message, kind)), None)
    if render is None:
        raise InvalidRequestError(
            f"A {type(message).__name__} cannot be sent: use system, human, AI, tool or chat messages."
        )
    return render


def _is_answered_elsewhere(wire: Wire, answered: Collection[str]) -> bool:
    """Return whether a tool message was made up for an invalid call that the history answers itself."""
    return wire["role"] == "tool" and wire["tool_call_id"] in answered


def _named(message: BaseMessage, wire: Wire) -> Wire:
    name = message.name or message.additional_kwargs.get("name")
    return {**wire, "name": name} if name else wire


def _render_system(message: BaseMessage) -> list[Wire]:
    return [_named(message, {"role": "system", "content": render_parts(message.content, role="system")})]


def _render_human(message: BaseMessage) -> list[Wire]:
    """Return the user's message; tool results in Anthropic's shape become tool messages of their own before it."""
    content = message.content
    if isinstance(content, str) or not any(map(_is_tool_result, content)):
        return [_named(message, {"role": "user", "content": render_parts(content, role="user")})]
    rendered = [_render_tool_result(block) for block in content if _is_tool_result(block)]
    rest = [block for block in content if not _is_tool_result(block)]
    if rest:
        rendered.append(_named(message, {"role": "user", "content": render_parts(rest, role="user")}))
    return rendered


def _is_tool_result(block: Any) -> bool:
    return isinstance(block, Mapping) and block.get("type") == "tool_result"


def _render_tool_result(block: Any) -> Wire:
    content = join_texts(render_parts(block.get("content") or "", role="tool"))
    return {"role": "tool", "tool_call_id": str(block.get("tool_use_id") or ""), "content": content}


def _render_tool(message: ToolMessage) -> list[Wire]:
    content = render_parts(message.content, role="tool")
    return [_named(message, {"role": "tool", "tool_call_id": message.tool_call_id, "content": content})]


def _render_function(message: BaseMessage) -> list[Wire]:
    return [{"role": "function", "name": message.name, "content": render_parts(message.content, role="function")}]


def _render_chat(message: ChatMessage) -> list[Wire]:
    return [_named(message, {"role": message.role, "content": render_parts(message.content, role=message.role)})]


def _render_ai(message: AIMessage) -> list[Wire]:
    """Return an answer of the history: its text, its tool calls, and all that the gateway wants back of it.

    Answers to invalid calls, which nobody runs, come behind it.
    """
    content = message.content
    if content.__class__ is str and _says_nothing_else(message):
        return [_named(message, {"role": "assistant", "content": content})]
    images, rest = _split_images(content)
    calls = render_calls(message)
    wire = render_answer(
        join_texts(render_parts(rest, role="assistant")),
        calls=calls,
        reasoning=find_noted_reasoning(message) or find_thoughts(content),
        details=_fact(message, "reasoning_details"),
        images=images or message.response_metadata.get("images"),
        annotations=message.response_metadata.get("annotations"),
        refusal=_fact(message, "refusal"),
        audio=_fact(message, "audio"),
    )
    if not calls and (function_call := message.additional_kwargs.get("function_call")):
        wire |= {"content": wire["content"] or None, "function_call": function_call}
    return [_named(message, wire), *answer_invalid_calls(message, calls)]


def _says_nothing_else(message: AIMessage) -> bool:
    """Return whether an answer is its text alone, as most of a history are.

    Saves looking for each thing that may go back. `test_texts_of_a_history_are_written_as_ever` holds both ways equal.
    """
    return not (
        message.additional_kwargs or message.tool_calls or message.invalid_tool_calls
    ) and _SENT_BACK.isdisjoint(message.response_metadata)


def _fact(message: BaseMessage, name: str) -> Any:
    """Return what ChatKilo, or another integration, noted about an answer."""
    noted = dict.get(message.additional_kwargs, name)  # what it only answers for stands in the metadata
    return message.response_metadata.get(name) if noted is None else noted


def _split_images(content: str | list[Any]) -> tuple[list[Wire], str | list[Any]]:
    """Return the pictures that the model made, as parts, and the content without them."""
    if isinstance(content, str):
        return [], content
    kinds = ("image", "image_url")
    made = [block for block in content if isinstance(block, Mapping) and as_own_block(block).get("type") in kinds]
    rest = [block for block in content if not any(block is one for one in made)]
    rendered = render_parts(made, role="assistant")
    return rendered if isinstance(rendered, list) else [], _without_audio(rest)


def _without_audio(content: list[Any]) -> list[Any]:
    """Return the content without the model's own voice, which goes back by its id."""
    return [block for block in content if not (isinstance(block, Mapping) and block.get("type") == "audio")]


_RENDERER_OF: dict[type[BaseMessage], Callable[[Any], list[Wire]]] = {
    HumanMessage: _render_human,
    AIMessage: _render_ai,
    ToolMessage: _render_tool,
    SystemMessage: _render_system,
    FunctionMessage: _render_function,
    ChatMessage: _render_chat,
}
"""Message class -> how it and its subclasses, such as chunks, are written; no class is a subclass of another."""
