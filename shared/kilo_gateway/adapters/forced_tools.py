"""Whether a model may be forced to call a tool while it thinks; those that refuse are asked in words instead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kilo_gateway.errors import KiloError
from kilo_gateway.refs import parse_model_id

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Family(NamedTuple):
    pattern: re.Pattern[str]
    """Of lower-case ids."""
    thinks_unasked: bool
    """Whether its models think unless that is switched off."""


def _family(pattern: str, *, thinks_unasked: bool = False) -> _Family:
    return _Family(re.compile(pattern), thinks_unasked)


_REFUSING = (
    _family(r":thinking$", thinks_unasked=True),
    _family(r"^~?anthropic/|claude"),
    _family(r"qwq|qwen.*thinking", thinks_unasked=True),
    _family(r"^~?qwen/|qwen3"),
    _family(r"deepseek-(?:r\d|reasoner)|deepseek.*speciale", thinks_unasked=True),
    _family(r"^~?deepseek/|deepseek-(?:v|chat)"),
    _family(r"kimi-k2\.\d|kimi.*thinking", thinks_unasked=True),
)
"""Families that refuse a forced tool while they think; the first that matches counts.

Their words: "Thinking may not be enabled when tool_choice forces tool use" (Anthropic), "The tool_choice parameter does
not support being set to required or object in thinking mode" (Qwen), "tool_choice 'specified' is incompatible with
thinking enabled" (Moonshot), "deepseek-reasoner does not support this tool_choice".
"""

_REQUEST_TO_CALL = "Give your answer by calling this tool, and in no other way."


def refuses_forced_tool(model: Any, options: Mapping[str, Any]) -> bool:
    """Return whether the model refuses to be forced to call a tool, asked with these options."""
    try:
        id_ = parse_model_id(model).lower()
    except KiloError:
        return False
    family = next((one for one in _REFUSING if one.pattern.search(id_)), None)
    if family is None:
        return False
    thinks = _is_asked_to_think(options)
    return family.thinks_unasked if thinks is None else thinks


def _is_asked_to_think(options: Mapping[str, Any]) -> bool | None:
    """Return what the options say about thinking; None when they say nothing."""
    body = options.get("extra_body")
    layers: Sequence[Mapping[str, Any]] = (body, options) if isinstance(body, Mapping) else (options,)
    for layer in layers:
        for name in ("reasoning", "reasoning_effort"):
            if (said := _read_reasoning(layer.get(name))) is not None:
                return said
    return None


def _read_reasoning(value: Any) -> bool | None:
    if isinstance(value, str):
        return value.strip().lower() not in ("off", "none", "")
    if not isinstance(value, Mapping):
        return None
    if value.get("enabled") is False or value.get("effort") == "none":
        return False
    return True if value.get("enabled") or value.get("effort") or value.get("max_tokens") else None


def request_call(tools: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the tools, with words in the description of one that ask for its call."""
    return [_with_request(tool) if _name(tool) == name else dict(tool) for tool in tools]


def _name(tool: Mapping[str, Any]) -> Any:
    function = tool.get("function")
    return function.get("name") if isinstance(function, Mapping) else None


def _with_request(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    described = " ".join(text for text in (function.get("description"), _REQUEST_TO_CALL) if text)
    return {**tool, "function": {**function, "description": described}}
