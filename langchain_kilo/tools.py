"""Tools and tool calls between LangChain and the wire. Never completes arguments that were cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic.errors import PydanticUserError

from kilo_gateway.adapters.forced_tools import refuses_forced_tool, request_call
from kilo_gateway.adapters.objects import LOST, find_flaw, read_arguments, render_arguments
from kilo_gateway.adapters.schemas import recursive_schema, render_function
from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.errors.nearest import nearest_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import AIMessage, InvalidToolCall, ToolCall

_NOTHING_CAME = "(cut off)"
"""What stands for the arguments of a call that lost them; not "", which says that a call takes none."""

_KEPT_EXTRAS = ("cache_control", "defer_loading")
"""Keys of a tool beside its function that the gateway passes on."""

_CUSTOM = ("name", "description", "format")

UNUSABLE = (ValueError, TypeError, AttributeError, KeyError, NameError, RuntimeError, PydanticUserError)
"""What LangChain's conversion raises for things of which it can make no schema."""

_JSON_SCHEMA_TYPES = frozenset({"object", "function"})


def render_tools(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Return the tools as the wire has them; a gateway's own tool, such as `{"type": "web_search"}`, goes as it is.

    Raises:
        InvalidRequestError: something that no tool can be made of.
    """
    return [_render_tool(tool, place, strict) for place, tool in enumerate(tools)]


def _render_tool(tool: Any, place: int, strict: bool | None) -> dict[str, Any]:
    if isinstance(tool, Mapping) and (ready := _ready_tool(tool, strict)) is not None:
        return ready
    try:
        rendered = convert_to_openai_tool(tool)
    except UNUSABLE as error:
        raise InvalidRequestError(f"tools[{place}] is no tool that can be sent: {error}") from error
    if "function" not in rendered:  # one of OpenAI's tools that take no JSON
        return {"type": "custom", "custom": {name: rendered[name] for name in _CUSTOM if name in rendered}}
    if _allows_anything(rendered["function"].get("parameters")):  # as where LangChain has lost a type that holds itself
        own = recursive_schema(tool.tool_call_schema if isinstance(tool, BaseTool) else tool)
        rendered["function"]["parameters"] = own or rendered["function"]["parameters"]
    extras: Any = (
        tool if isinstance(tool, Mapping) else getattr(tool, "extras", None) if isinstance(tool, BaseTool) else {}
    )
    kept = {name: extras[name] for name in _KEPT_EXTRAS if name in (extras or {})}
    return {**rendered, "function": render_function(rendered["function"], strict=strict), **kept}


def _allows_anything(schema: Any) -> bool:
    """Return whether a schema of LangChain's has a place for any value whatever."""
    if isinstance(schema, list):
        return any(map(_allows_anything, schema))
    if not isinstance(schema, Mapping):
        return False
    is_empty = any(value == {} for key, value in schema.items() if key not in ("properties", "default"))
    return is_empty or any(map(_allows_anything, schema.values()))


def _ready_tool(tool: Mapping[str, Any], strict: bool | None) -> dict[str, Any] | None:
    """Return a tool that is in the wire's shape already; None for one to convert."""
    kind = tool.get("type")
    function = tool.get("function")
    if kind == "function" and isinstance(function, Mapping):
        return dict(tool) if "strict" in function else {**tool, "function": render_function(function, strict=strict)}
    name, schema = tool.get("name"), tool.get("inputSchema")
    if isinstance(name, str) and (kind == "function" or isinstance(schema, Mapping)):  # OpenAI's Responses, MCP
        flat = {key: tool[key] for key in ("name", "description", "parameters", "strict") if tool.get(key) is not None}
        flat = flat if schema is None else {**flat, "parameters": schema}
        return {"type": "function", "function": flat if "strict" in flat else render_function(flat, strict=strict)}
    if isinstance(kind, str) and kind not in _JSON_SCHEMA_TYPES and "input_schema" not in tool:
        return dict(tool)
    return None


def render_tool_choice(choice: Any, tools: Sequence[Mapping[str, Any]]) -> Any:
    """Return `tool_choice` as the wire has it; None for no preference.

    `True`, `"any"` and `"required"` mean some tool; a name means that tool; a mapping is sent as it is.

    Raises:
        InvalidRequestError: a name that none of the tools has.
    """
    if choice is None or choice is False:
        return None
    if choice is True or choice in ("any", "required"):
        return "required"
    if isinstance(choice, str):
        return choice if choice in ("auto", "none") else _choose_by_name(choice, tools)
    if isinstance(choice, Mapping):
        return _render_choice_object(choice)
    raise InvalidRequestError(
        f"tool_choice must be a tool's name, 'auto', 'any', 'none', a flag or a mapping, not {type(choice).__name__}."
    )


def _choose_by_name(name: str, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = [tool_name(tool) for tool in tools]
    if name in names:
        return {"type": "function", "function": {"name": name}}
    own = next((tool for tool in tools if tool.get("type") == name), None)
    if own is not None:
        return {"type": name}
    near = nearest_name(name, names)
    hint = f"did you mean {near!r}? There are" if near else "there are"
    raise InvalidRequestError(f"tool_choice={name!r} names no tool: {hint} {', '.join(map(repr, names)) or 'none'}.")


def _render_choice_object(choice: Mapping[str, Any]) -> Any:
    """Return a mapping as it is, but Anthropic's spellings in the wire's."""
    kind = choice.get("type")
    if kind == "tool" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    if kind in ("auto", "none", "any", "required") and len(choice) == 1:
        return "required" if kind == "any" else kind
    return dict(choice)


class AnswerChoice(dict[str, Any]):
    """The choice of the tool whose arguments are a structured answer: given up where the model would refuse it."""

    name: str
    """The tool's name."""


def choose_answer(tool: Mapping[str, Any], others: Sequence[Any] | None) -> AnswerChoice:
    """Return the choice of a tool for structured answers, or of any, where others may be called as well."""
    name = tool_name(tool)
    choice = AnswerChoice({"type": "any"} if others else {"type": "function", "function": {"name": name}})
    choice.name = name
    return choice


def settle_answer_choice(choice: AnswerChoice, client: dict[str, Any]) -> None:
    """Ask for the tool in words, instead of forcing it, where the model refuses to be forced as it is asked.

    `client` are the arguments of the call, which are changed.
    """
    if refuses_forced_tool(client["model"], client):
        client["tool_choice"] = "auto"
        client["tools"] = request_call(client["tools"], choice.name)


def tool_name(tool: Mapping[str, Any]) -> str:
    """Return the name by which a rendered tool is called."""
    function = tool.get("function")
    holder = function if isinstance(function, Mapping) else tool
    return str(holder.get("name") or tool.get("type") or "")


def parse_calls(
    calls: Sequence[Mapping[str, Any]], finish_reason: str | None
) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls of a whole answer that may be executed, and those that may not."""
    valid: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in calls:
        function = call.get("function") or {}
        arguments = function.get("arguments")
        parsed = read_arguments(arguments, finish_reason)
        name, id_ = function.get("name") or "", call.get("id")
        if parsed is None:
            flaw = find_flaw(arguments, finish_reason)
            invalid.append(invalid_tool_call(name=name, args=arguments, id=id_, error=flaw))
        else:
            valid.append(tool_call(name=name, args=parsed, id=id_))
    return valid, invalid


def render_calls(message: AIMessage) -> list[dict[str, Any]]:
    """Return the tool calls of a message of the history, invalid ones as the model wrote them.

    The core sees to those, and to calls without an id.

    Raises:
        InvalidRequestError: arguments that JSON cannot carry.
    """
    rendered: list[dict[str, Any]] = []
    beside = _beside_calls(message)
    for call in message.tool_calls:
        name = call["name"]
        wire = _render_call(call.get("id"), name, render_arguments(call["args"], name=name))
        if extra := beside.get(wire["id"]):
            wire = {**extra, **wire, "function": {**extra.get("function", {}), **wire["function"]}}
        rendered.append(wire)
    for broken in message.invalid_tool_calls:
        text = broken.get("args") or _NOTHING_CAME
        id_ = broken.get("id") or f"call_{len(rendered)}"
        rendered.append(_render_call(id_, broken.get("name") or "unknown", text))
    return rendered


def _beside_calls(message: AIMessage) -> dict[str, dict[str, Any]]:
    """Return what came beside name and arguments of calls, by their ids: signatures of thoughts have to go back."""
    extra = message.response_metadata.get("extra")
    held = extra.get("tool_calls") if isinstance(extra, Mapping) else None
    found = [one for one in held if isinstance(one, dict)] if isinstance(held, list) else []
    return {one["id"]: one for one in found if isinstance(one.get("id"), str)}


def _render_call(id_: str | None, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def answer_invalid_calls(message: AIMessage, calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a tool message for each invalid call, which no tool answers: it tells the model why it was not made.

    `calls` are the calls of the message as rendered, the invalid ones at their end.
    """
    invalid = message.invalid_tool_calls
    if not invalid:
        return []
    rendered = calls[len(calls) - len(invalid) :]
    return [
        {"role": "tool", "tool_call_id": call["id"], "content": _not_called(broken)}
        for call, broken in zip(rendered, invalid, strict=True)
    ]


def _not_called(broken: InvalidToolCall) -> str:
    flaw = broken.get("error") or find_flaw(broken.get("args") or "") or LOST
    return f"The tool was not called. {flaw} Call it again with whole arguments."
