"""Tools that an answer calls, run by `predict_and_call`: those whose arguments are whole, and no others."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.tools.calling import acall_tool_with_selection, call_tool_with_selection
from llama_index.core.tools.types import ToolOutput

from llama_index_kilo.tools import REASON

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse
    from llama_index.core.llms.llm import ToolSelection
    from llama_index.core.tools.types import BaseTool

    from llama_index_kilo.llm import KiloLLM


def predict_and_call(
    llm: KiloLLM,
    tools: Sequence[BaseTool],
    user_msg: str | ChatMessage | None = None,
    chat_history: list[ChatMessage] | None = None,
    verbose: bool = False,
    allow_parallel_tool_calls: bool = False,
    error_on_no_tool_call: bool = True,
    error_on_tool_error: bool = False,
    **kwargs: Any,
) -> AgentChatResponse:
    """Return what the tools return that the model calls.

    Raises:
        NoToolCallError: the model calls none, and `error_on_no_tool_call` is set.
        ValueError: a call failed, and `error_on_tool_error` is set.
    """
    given = (tools, user_msg, chat_history, verbose, allow_parallel_tool_calls)
    response = llm.chat_with_tools(*given, **kwargs)
    selections = llm.get_tool_calls_from_response(response, error_on_no_tool_call=error_on_no_tool_call)
    outputs = [
        call_tool_with_selection(one, tools, verbose=verbose) if _is_known(one, tools) else _refuse(one, tools)
        for one in selections
    ]
    return _respond(response, outputs, is_parallel=allow_parallel_tool_calls, is_strict=error_on_tool_error)


async def apredict_and_call(
    llm: KiloLLM,
    tools: Sequence[BaseTool],
    user_msg: str | ChatMessage | None = None,
    chat_history: list[ChatMessage] | None = None,
    verbose: bool = False,
    allow_parallel_tool_calls: bool = False,
    error_on_no_tool_call: bool = True,
    error_on_tool_error: bool = False,
    **kwargs: Any,
) -> AgentChatResponse:
    """Return what `predict_and_call` does; all tools run at once."""
    given = (tools, user_msg, chat_history, verbose, allow_parallel_tool_calls)
    response = await llm.achat_with_tools(*given, **kwargs)
    selections = llm.get_tool_calls_from_response(response, error_on_no_tool_call=error_on_no_tool_call)

    async def call(one: ToolSelection) -> ToolOutput:
        if not _is_known(one, tools):
            return _refuse(one, tools)
        return await acall_tool_with_selection(one, tools, verbose=verbose)

    outputs = list(await asyncio.gather(*map(call, selections)))
    return _respond(response, outputs, is_parallel=allow_parallel_tool_calls, is_strict=error_on_tool_error)


def _is_known(selection: ToolSelection, tools: Sequence[BaseTool]) -> bool:
    return selection.tool_name in {tool.metadata.name for tool in tools}


def _refuse(selection: ToolSelection, tools: Sequence[BaseTool]) -> ToolOutput:
    names = ", ".join(repr(tool.metadata.name) for tool in tools)
    unknown = f"There is no tool {selection.tool_name!r}. There are: {names}."
    said = str(selection.tool_kwargs.get(REASON) or unknown)
    return ToolOutput(
        content=f"Encountered error: {said}",
        tool_name=selection.tool_name,
        raw_input=selection.tool_kwargs,
        raw_output=said,
        is_error=True,
    )


def _respond(
    response: ChatResponse, outputs: list[ToolOutput], *, is_parallel: bool, is_strict: bool
) -> AgentChatResponse:
    """Return the answer as LlamaIndex puts it together."""
    text = "\n\n".join(output.content for output in outputs)
    if is_strict and any(output.is_error for output in outputs):
        raise ValueError(text)
    if not outputs and not is_parallel:
        text = response.message.content or ""
    return AgentChatResponse(response=text, sources=outputs)
