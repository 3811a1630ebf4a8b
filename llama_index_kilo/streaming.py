"""Deltas of a streamed answer -> LlamaIndex responses, each a snapshot that later ones leave alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    MessageRole,
    ThinkingBlock,
    ToolCallBlock,
)

from kilo_gateway.adapters.copies import copier
from kilo_gateway.adapters.shown_costs import describe_usage
from kilo_gateway.adapters.wrapped_stream import WrappedStream
from llama_index_kilo.answers import parse_chat_response, text_block
from llama_index_kilo.tools import keep_one_call

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llama_index.core.base.llms.types import ChatResponseGen

    from kilo_gateway import AsyncChatStream, Completion, Delta, ToolCallDelta

_ASSISTANT = MessageRole.ASSISTANT


class PartialResponse(ChatResponse):
    """A response of a stream that goes on: the arguments of its last call may be incomplete."""


_thinking_block = copier(ThinkingBlock(content=""), "content")
_call_block = copier(
    ToolCallBlock(tool_call_id=None, tool_name="", tool_kwargs=""), "tool_call_id", "tool_name", "tool_kwargs"
)
_message = copier(ChatMessage(role=_ASSISTANT, blocks=[]), "blocks")
_message_with_calls = copier(
    ChatMessage(role=_ASSISTANT, blocks=[], additional_kwargs={}), "blocks", "additional_kwargs"
)
_response = copier(
    PartialResponse(message=ChatMessage(), delta="", raw={}, additional_kwargs={}),
    *("message", "delta", "raw", "additional_kwargs"),
)


class ResponseWriter:
    """Builds the responses of one stream: feed it every delta in turn, then ask for the last response."""

    __slots__ = ("_calls", "_choice", "_text", "_thinking", "_thoughts")

    def __init__(self) -> None:
        self._choice: int | None = None
        self._text = ""
        self._thoughts = ""
        self._thinking: ThinkingBlock | None = None
        self._calls: list[_PartialCallBlock] = []

    def is_shown_choice(self, delta: Delta) -> bool:
        """Return whether the delta belongs to the choice that this stream shows: the one that came first."""
        if self._choice is None:
            self._choice = delta.choice
        return delta.choice == self._choice

    def add(self, delta: Delta) -> ChatResponse:
        """Return the answer so far, with what the delta adds."""
        extras: dict[str, Any] = {}
        if delta.reasoning:
            self._thoughts += delta.reasoning
            self._thinking = _thinking_block(self._thoughts)
            extras["thinking_delta"] = delta.reasoning
        if delta.text:
            self._text += delta.text
        for call in delta.tool_calls:
            self._take_call(call)
        raw = {"usage": None, **cast("dict[str, Any]", delta.chunk)}
        return _response(self._render_message(), delta.text, raw, extras)

    def finish(self, completion: Completion) -> ChatResponse:
        """Return the whole answer, its delta being the text that no snapshot has shown yet."""
        place = next((i for i, choice in enumerate(completion.choices) if choice.index == self._choice), 0)
        response = parse_chat_response(completion, place)
        text = response.message.content or ""
        response.delta = text[len(self._text) :] if text.startswith(self._text) else ""
        return response

    def _render_message(self) -> ChatMessage:
        blocks: list[Any] = [] if self._thinking is None else [self._thinking]
        if self._text or not (blocks or self._calls):
            blocks.append(text_block(self._text))
        if not self._calls:
            return _message(blocks)
        blocks.extend(call.block for call in self._calls)
        return _message_with_calls(blocks, {"tool_calls": [call.wire for call in self._calls]})

    def _take_call(self, delta: ToolCallDelta) -> None:
        while len(self._calls) <= delta.position:
            self._calls.append(_PartialCallBlock())
        self._calls[delta.position].add(delta)


class _PartialCallBlock:
    """One tool call in the making; its block and its dict are made anew whenever something is added."""

    __slots__ = ("_arguments", "_id", "_name", "block", "wire")

    def __init__(self) -> None:
        self._id: str | None = None
        self._name = ""
        self._arguments = ""
        self._render()

    def add(self, delta: ToolCallDelta) -> None:
        self._id = delta.id or self._id
        self._name += delta.name or ""
        self._arguments += delta.arguments
        self._render()

    def _render(self) -> None:
        self.block = _call_block(self._id, self._name, self._arguments)
        function = {"name": self._name, "arguments": self._arguments}
        self.wire: dict[str, Any] = {"id": self._id, "type": "function", "function": function}


def respond(stream: Any, span: Any) -> ChatResponseGen:
    """Yield the responses of a stream; `span`, one of OpenInference's or None, gets what it used and cost."""
    writer = ResponseWriter()
    with stream:
        for delta in stream:
            if writer.is_shown_choice(delta):
                yield writer.add(delta)
        describe_usage(span, stream.completion.usage)
        yield writer.finish(stream.completion)


async def arespond(
    stream: AsyncChatStream, span: Any, parse: Callable[[ChatResponse], Any]
) -> AsyncGenerator[Any, None]:
    """Yield what `parse` makes of each response.

    The one asynchronous generator of a stream: a loop that ends closes all it has at once, and one inside another
    would be closed twice.
    """
    writer = ResponseWriter()
    async with stream:
        async for delta in stream:
            if writer.is_shown_choice(delta):
                yield parse(writer.add(delta))
        describe_usage(span, stream.completion.usage)
        yield parse(writer.finish(stream.completion))


def with_one_call(responses: ChatResponseGen) -> ChatResponseGen:
    """Yield the responses, each with its first tool call alone, for callers who take one at a time."""
    try:
        yield from map(keep_one_call, responses)
    finally:
        responses.close()


class OneCallStream(WrappedStream[ChatResponse]):
    """The same of an asynchronous stream."""

    async def asend(self, value: None) -> ChatResponse:
        """Return the next response."""
        return keep_one_call(await super().asend(value))

    async def athrow(self, *error: Any) -> ChatResponse:
        """Raise an error where the stream stands."""
        return keep_one_call(await super().athrow(*error))
