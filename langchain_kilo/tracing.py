"""What LangChain is told about a model object for traces, caches and dumps. No secret is among it.

What takes a model first is a method of ChatKilo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage
from langchain_core.messages.utils import count_tokens_approximately

from kilo_gateway import parse_model_id
from kilo_gateway.adapters.arguments import FIELD_OF
from kilo_gateway.adapters.secrets import mask_headers
from kilo_gateway.errors import InvalidModelError
from langchain_kilo.answers import PROVIDER, without_cost
from langchain_kilo.tools import render_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import ChatGeneration

    from langchain_kilo.chat_model import ChatKilo

_IDENTIFYING = ("model", "base_url", "organization_id", "task_id", "mode", *FIELD_OF.values())
_CREDENTIALS = frozenset({"headers", "authorization", "authorization_token", "api_key"})
"""Keys of a tool that hold secrets."""
_HEADERS = ("extra_headers", "default_headers")
_BYTES_PER_TOKEN = 4


def identifying_params(model: ChatKilo) -> dict[str, Any]:
    """Return everything that changes answers."""
    fields = model.__dict__
    return mask_arguments({name: value for name in _IDENTIFYING if (value := fields.get(name)) is not None})


def invocation_params(model: ChatKilo, /, stop: list[str] | None = None, **given: Any) -> dict[str, Any]:
    """Return what LangChain tells callbacks of a call.

    Its own way leads through a deprecated method and costs 20 us of each call; `test_tracing.py` holds the two equal.
    """
    stops = model.stop if stop is None else stop
    return {**model.asdict(), "stop": stops, **mask_arguments(given)}


def langsmith_params(model: ChatKilo, /, stop: list[str] | None = None, **given: Any) -> LangSmithParams:
    """Return what LangSmith shows; the call's own values count."""
    said = {**{name: getattr(model, name) for name in ("temperature", "max_tokens")}, **given}
    params = LangSmithParams(
        ls_provider=PROVIDER, ls_model_type="chat", ls_model_name=_bare_id(given.get("model") or model.model)
    )
    if isinstance(temperature := said.get("temperature"), (int, float)):
        params["ls_temperature"] = temperature
    most = said.get("max_tokens") or said.get("max_completion_tokens") or model.max_completion_tokens
    if isinstance(most, int):
        params["ls_max_tokens"] = most
    if stops := model.stop if stop is None else stop:
        params["ls_stop"] = [stops] if isinstance(stops, str) else list(stops)
    return params


def without_costs(generations: list[ChatGeneration]) -> list[ChatGeneration]:
    """Return what a cache kept, as answers that cost nothing."""
    for generation in generations:
        if isinstance(generation.message, AIMessage):
            generation.message = without_cost(generation.message)
    return generations


def combine_outputs(_: ChatKilo, llm_outputs: Sequence[Mapping[str, Any] | None], /) -> dict[str, Any]:
    """Return the tokens and costs of several calls, added up."""
    total: dict[str, Any] = {}
    names: list[str] = []
    for output in llm_outputs:
        for key, value in ((output or {}).get("usage") or {}).items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                total[key] = total.get(key, 0) + value
        if output and output.get("model_name"):
            names.append(output["model_name"])
    combined: dict[str, Any] = {"token_usage": total} if total else {}
    return {**combined, "model_name": names[0]} if names else combined


def estimate_tokens(model: ChatKilo, text: str) -> int:
    """Return about how many tokens a text has: by `custom_get_token_ids`, else one for each four bytes of UTF-8."""
    if model.custom_get_token_ids is not None:
        return len(model.custom_get_token_ids(text))
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def count_message_tokens(model: ChatKilo, messages: Sequence[BaseMessage], tools: Sequence[Any] | None) -> int:
    """Return about how many tokens messages and tools have, without asking anybody."""
    tools_have = estimate_tokens(model, json.dumps(render_tools(tools))) if tools else 0
    if model.custom_get_token_ids is None:
        return count_tokens_approximately(messages) + tools_have
    return sum(estimate_tokens(model, str(message.text)) for message in messages) + tools_have


def _bare_id(model: Any) -> str:
    """Return the id that goes on the wire, which price tables know; for anything that is no id, its text."""
    try:
        return parse_model_id(model)
    except InvalidModelError:
        return str(model)


def mask_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call without keys and secret headers."""
    masked = dict(arguments)
    if masked.get("api_key") is not None:
        masked["api_key"] = "***"
    for name in _HEADERS:
        if isinstance(headers := masked.get(name), Mapping):
            masked[name] = mask_headers(headers)
    if isinstance(tools := masked.get("tools"), list):
        masked["tools"] = [_mask_tool(tool) for tool in tools]
    return masked


def _mask_tool(tool: Any) -> Any:
    """Return a tool that runs elsewhere, such as an MCP server, without the credentials that it is given."""
    if not isinstance(tool, Mapping):
        return tool
    return {name: "***" if name in _CREDENTIALS else value for name, value in tool.items()}
