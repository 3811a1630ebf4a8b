"""Tool calls and tool choices between LlamaIndex and the wire. Never completes arguments that were cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.llms.llm import ToolSelection
from pydantic import BaseModel

from kilo_gateway import parse_arguments
from kilo_gateway.adapters.objects import LOST, find_flaw, find_partial_object, read_arguments, render_arguments
from kilo_gateway.adapters.schemas import recursive_schema, render_function
from kilo_gateway.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llama_index.core.base.llms.types import ChatMessage, ChatResponse
    from llama_index.core.tools.types import BaseTool

REASON = "reason"
"""Argument of a selection that may not be run: why."""

_TOOL_CHOICES = frozenset({"auto", "none", "required"})


class NoToolCallError(AnswerError, ValueError):
    """The model was expected to call a tool and answered without one."""


def no_tool_call(model: str) -> NoToolCallError:
    """Return the error of an answer without a call."""
    return NoToolCallError(
        f"Model {model!r} was expected to call a tool and answered without a call. "
        "Ask with tool_required=True, or choose another model.",
        model=model,
    )


def render_tool(tool: BaseTool, *, strict: bool) -> dict[str, Any]:
    """Return a tool as the wire has it; `strict` asks the provider to hold the arguments to the schema."""
    spec: dict[str, Any] = tool.metadata.to_openai_tool(skip_length_check=True)
    function = spec["function"]
    if "$defs" in function["parameters"] and (own := recursive_schema(tool.metadata.fn_schema)):
        function = {**function, "parameters": own}
    return {**spec, "function": render_function(function, strict=strict or None)}


def render_tool_choice(choice: str | dict[str, Any] | None, *, required: bool) -> str | dict[str, Any]:
    """Return the choice as the wire has it: one of its words, an object, or a tool's name made one.

    An explicit choice wins over `required`.
    """
    if choice is None:
        return "required" if required else "auto"
    if isinstance(choice, dict):
        return choice
    return choice if choice in _TOOL_CHOICES else {"type": "function", "function": {"name": choice}}


def parse_tool_call_block(call: Any, finish_reason: str | None) -> ToolCallBlock:
    """Return a call of the wire as a block: arguments as a dict, or as text where they are not whole."""
    function = call["function"]
    arguments = read_arguments(function["arguments"], finish_reason)
    kwargs = function["arguments"] if arguments is None else arguments
    return ToolCallBlock(tool_call_id=call["id"], tool_name=function["name"], tool_kwargs=kwargs)


def render_tool_calls(message: ChatMessage) -> list[dict[str, Any]]:
    """Return the tool calls of an assistant message as the wire has them.

    The blocks say which calls there are; the list under `additional_kwargs["tool_calls"]` adds what a block cannot
    hold, such as thought signatures and the exact text of the arguments, and stands alone where there are no blocks.
    """
    wire = [_as_dict(call) for call in message.additional_kwargs.get("tool_calls") or ()]
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if not blocks:
        return [_render_wire_call(call) for call in wire]
    by_id = {call.get("id"): call for call in wire}
    return [_render_block(block, by_id.get(block.tool_call_id) or {}) for block in blocks]


def _render_block(block: ToolCallBlock, wire: dict[str, Any]) -> dict[str, Any]:
    function = _as_dict(wire.get("function"))
    sent = function.get("arguments")
    arguments = sent if _is_same_text(sent, block.tool_kwargs) else block.tool_kwargs
    call = {**wire, "function": {**function, "name": block.tool_name, "arguments": arguments}}
    return _render_wire_call({**call, "id": block.tool_call_id} if block.tool_call_id else call)


def _is_same_text(text: Any, arguments: dict[str, Any] | str) -> bool:
    """Return whether a text says what a block holds, so that it can be sent to the letter."""
    return text == arguments or (isinstance(text, str) and parse_arguments(text) == arguments)


def _render_wire_call(call: dict[str, Any]) -> dict[str, Any]:
    """Return the call without its place in a stream, its arguments as text; the core sees to those that are no JSON."""
    function = _as_dict(call.get("function"))
    if "name" not in function and call.get("name"):
        call, function = _as_wire_call(call)
    kept = {key: value for key, value in call.items() if key != "index"}
    return {
        "type": "function",
        **kept,
        "function": {
            **function,
            "arguments": render_arguments(function.get("arguments"), name=str(function.get("name"))),
        },
    }


def _as_wire_call(call: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a call that another provider's class stored with its name beside the id, and its function."""
    given = next((call[key] for key in ("arguments", "input", "args") if call.get(key) is not None), None)
    kept = {key: call[key] for key in ("id", "extra_content") if call.get(key)}
    return kept, {"name": call["name"], "arguments": given}


def _as_dict(value: Any) -> dict[str, Any]:
    """Return a call that another package stored, as a dict."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return value if isinstance(value, dict) else {}


def parse_selections(response: ChatResponse, *, is_whole: bool) -> list[ToolSelection]:
    """Return the tools that a message calls.

    In the middle of a stream (`is_whole` false) arguments hold what can be read so far. In a whole answer, a call whose
    arguments are not whole names a tool that nobody has, so that no tool runs, whatever it takes; the name says why.
    """
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if not calls:
        wire = [_as_dict(call) for call in response.message.additional_kwargs.get("tool_calls") or ()]
        calls = [_parse_stored_call(call) for call in wire]
    read = _select_whole if is_whole else _select_partial
    return [read(call) for call in calls]


def _parse_stored_call(call: dict[str, Any]) -> ToolCallBlock:
    function = _as_dict(call.get("function"))
    name, arguments = function.get("name"), function.get("arguments")
    kwargs = arguments if isinstance(arguments, dict) or (isinstance(arguments, str) and arguments.strip()) else {}
    return ToolCallBlock(tool_call_id=call.get("id"), tool_name=str(name or ""), tool_kwargs=kwargs)


def _select_whole(call: ToolCallBlock) -> ToolSelection:
    flaw = _find_block_flaw(call)
    if flaw is None:
        return _select(call, parse_arguments(call.tool_kwargs) or {})
    return _select(call, {"invalid_arguments": call.tool_kwargs, REASON: flaw}, name=uncalled_name(call, flaw))


def _select_partial(call: ToolCallBlock) -> ToolSelection:
    arguments = call.tool_kwargs
    return _select(call, arguments if isinstance(arguments, dict) else find_partial_object(arguments) or {})


def _select(call: ToolCallBlock, arguments: dict[str, Any], *, name: str | None = None) -> ToolSelection:
    return ToolSelection(tool_id=call.tool_call_id or "", tool_name=name or call.tool_name, tool_kwargs=arguments)


def _find_block_flaw(call: ToolCallBlock) -> str | None:
    """Return why a call may not be run; a block holds text only where arguments are not whole."""
    arguments = call.tool_kwargs
    return LOST if isinstance(arguments, str) and not arguments.strip() else find_flaw(arguments)


def uncalled_name(call: ToolCallBlock, flaw: str) -> str:
    """Return the name under which a call that may not be run is selected; LlamaIndex's answer then states the flaw."""
    return f"{call.tool_name} (not called: {flaw.rstrip('.')})"


def find_uncalled(blocks: Sequence[Any]) -> dict[str, tuple[str, str]]:
    """Return the calls among the blocks that may not be run: id -> the name it was selected by, and why."""
    calls = [block for block in blocks if isinstance(block, ToolCallBlock)]
    if not calls:
        return {}
    flaws = [(call, flaw) for call in calls if (flaw := _find_block_flaw(call)) is not None]
    return {call.tool_call_id or "": (uncalled_name(call, flaw), flaw) for call, flaw in flaws}


def keep_one_call(response: ChatResponse) -> ChatResponse:
    """Return the answer with its first tool call alone, for a caller who takes one call at a time."""
    calls = [block for block in response.message.blocks if isinstance(block, ToolCallBlock)]
    if len(calls) <= 1:
        return response
    message = response.message
    blocks = [block for block in message.blocks if not isinstance(block, ToolCallBlock) or block is calls[0]]
    stored: Sequence[Any] = message.additional_kwargs.get("tool_calls") or ()
    additional = {**message.additional_kwargs, "tool_calls": list(stored[:1])}
    kept = message.model_copy(update={"blocks": blocks, "additional_kwargs": additional})
    return response.model_copy(update={"message": kept})
