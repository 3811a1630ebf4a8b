"""How KiloLLM asks: whole or streamed, awaited or not. Translates; holds no rule of the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.adapters.shown_costs import describe_usage, openinference_span
from llama_index_kilo.answers import parse_chat_response
from llama_index_kilo.costs import counted, counting
from llama_index_kilo.messages import render_messages
from llama_index_kilo.parameters import options_of_call
from llama_index_kilo.streaming import arespond, respond

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, ChatResponseGen

    from llama_index_kilo.llm import KiloLLM


def chat(llm: KiloLLM, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> ChatResponse:
    """Return the whole answer; `given` are the options of this call."""
    options = options_of_call(llm.__dict__, given)
    with counting(llm.callback_manager):
        completion = llm._clients().client.complete(render_messages(messages), **options)
    describe_usage(openinference_span(), completion.usage)
    return parse_chat_response(completion)


async def achat(llm: KiloLLM, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> ChatResponse:
    """Return what `chat` does."""
    options, clients = options_of_call(llm.__dict__, given), await llm._async_clients()
    with counting(llm.callback_manager):
        completion = await clients.async_client.complete(render_messages(messages), **options)
    describe_usage(openinference_span(), completion.usage)
    return parse_chat_response(completion)


def stream(llm: KiloLLM, messages: Sequence[ChatMessage], given: Mapping[str, Any]) -> ChatResponseGen:
    """Return the answer as it grows."""
    options = options_of_call(llm.__dict__, given)
    begin, rendered = llm._clients().client.stream, render_messages(messages)
    return respond(counted(llm.callback_manager, begin, rendered, **options), openinference_span())


async def astream(
    llm: KiloLLM,
    messages: Sequence[ChatMessage],
    given: Mapping[str, Any],
    parse: Callable[[ChatResponse], Any] = lambda response: response,
) -> AsyncGenerator[Any, None]:
    """Return the answer as it grows, as an asynchronous generator of what `parse` makes of each response."""
    options, clients = options_of_call(llm.__dict__, given), await llm._async_clients()
    begin, rendered = clients.async_client.stream, render_messages(messages)
    return arespond(counted(llm.callback_manager, begin, rendered, **options), openinference_span(), parse)
