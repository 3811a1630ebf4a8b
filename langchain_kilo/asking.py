"""How ChatKilo asks: whole or streamed, awaited or not. Translates; never retries.

The four functions are the methods of ChatKilo that LangChain calls.
"""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors import KiloError
from langchain_kilo.answers import parse_result
from langchain_kilo.costs import counted, counting
from langchain_kilo.errors import chat_error
from langchain_kilo.messages import render_messages
from langchain_kilo.observers import observed_run, show_usage
from langchain_kilo.parameters import arguments_of
from langchain_kilo.retries import listener
from langchain_kilo.streaming import ChunkWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGenerationChunk, ChatResult

    from langchain_kilo.chat_model import ChatKilo


def generate(
    model: ChatKilo,
    /,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: CallbackManagerForLLMRun | None = None,
    **given: Any,
) -> ChatResult:
    """Return the whole answer; `given` are the options of this call.

    Raises:
        ChatKiloError: whatever went wrong, as an error that is LangChain's too.
    """
    try:
        call = arguments_of(model.__dict__, stop, given)
        clients = model._clients(call.settings)
        on_retry = listener(run_manager)
        with counting(run_manager):
            completion = clients.client.complete(render_messages(messages), on_retry=on_retry, **call.client)
        show_usage(observed_run(run_manager), completion.usage)
        return parse_result(completion, with_headers=model.include_response_headers)
    except KiloError as error:
        raise chat_error(error) from error.__cause__


async def agenerate(
    model: ChatKilo,
    /,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: AsyncCallbackManagerForLLMRun | None = None,
    **given: Any,
) -> ChatResult:
    """Return what `generate` does."""
    try:
        call = arguments_of(model.__dict__, stop, given)
        clients = await model._async_clients(call.settings)
        on_retry, client = listener(run_manager), clients.async_client
        with counting(run_manager):
            completion = await client.complete(render_messages(messages), on_retry=on_retry, **call.client)
        show_usage(observed_run(run_manager), completion.usage)
        return parse_result(completion, with_headers=model.include_response_headers)
    except KiloError as error:
        raise chat_error(error) from error.__cause__


def stream(
    model: ChatKilo,
    /,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: CallbackManagerForLLMRun | None = None,
    **given: Any,
) -> Iterator[ChatGenerationChunk]:
    """Yield the answer as it grows, the last chunk with all metadata; raises what `generate` does."""
    writer, run = _chunk_writer(model, run_manager), observed_run(run_manager)
    try:
        call = arguments_of(model.__dict__, stop, given, is_stream=True)
        clients = model._clients(call.settings)
        on_retry = listener(run_manager)
        begin, rendered = clients.client.stream, render_messages(messages)
        with counted(run_manager, begin, rendered, on_retry=on_retry, **call.client) as deltas:
            for delta in deltas:
                if (chunk := writer.write(delta)) is not None:
                    if run_manager is not None:
                        run_manager.on_llm_new_token(delta.text, chunk=chunk)
                    yield chunk
            last = writer.finish(deltas.completion)
            show_usage(run, deltas.completion.usage)
            if run_manager is not None:
                run_manager.on_llm_new_token("", chunk=last)
            yield last
    except KiloError as error:
        raise chat_error(error) from error.__cause__


async def astream(
    model: ChatKilo,
    /,
    messages: list[BaseMessage],
    stop: list[str] | None = None,
    run_manager: AsyncCallbackManagerForLLMRun | None = None,
    **given: Any,
) -> AsyncIterator[ChatGenerationChunk]:
    """Yield what `stream` does."""
    writer, run = _chunk_writer(model, run_manager), observed_run(run_manager)
    try:
        call = arguments_of(model.__dict__, stop, given, is_stream=True)
        clients = await model._async_clients(call.settings)
        on_retry, client = listener(run_manager), clients.async_client
        rendered = render_messages(messages)
        async with counted(run_manager, client.stream, rendered, on_retry=on_retry, **call.client) as deltas:
            async for delta in deltas:
                if (chunk := writer.write(delta)) is not None:
                    if run_manager is not None:
                        await run_manager.on_llm_new_token(delta.text, chunk=chunk)
                    yield chunk
            last = writer.finish(deltas.completion)
            show_usage(run, deltas.completion.usage)
            if run_manager is not None:
                await run_manager.on_llm_new_token("", chunk=last)
            yield last
    except KiloError as error:
        raise chat_error(error) from error.__cause__


def _chunk_writer(model: ChatKilo, run_manager: Any) -> ChunkWriter:
    """Return what makes the chunks of a stream; LangChain names a run here only for its events of version 3."""
    return ChunkWriter(with_headers=model.include_response_headers, for_events=run_manager is not None)


# LangChain asks for the signature of these at each call; it is made once, which saves a dozen microseconds of each.
for _function in (generate, agenerate):
    _function.__signature__ = signature(_function)  # type: ignore[union-attr] # where `inspect` looks for it
