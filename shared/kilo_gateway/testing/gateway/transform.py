"""The body that the upstream would see: what the gateway adds, replaces and removes. Returns copies; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.history import add_cache_breakpoints, rename_call_ids, repair_tool_history
from kilo_gateway.testing.gateway.identity import cache_key, header_value, user_hash
from kilo_gateway.testing.gateway.models import is_hosted_free
from kilo_gateway.testing.gateway.policy import routing

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.ask import Ask

QWEN_MAX_TOKENS = 32_768
MISTRAL_TEMPERATURE = 0.2
PREFERRED_PROVIDERS = {"anthropic": ["amazon-bedrock"], "moonshotai": ["moonshotai"], "minimax": ["minimax"]}
_REMOVED_IN_NEWEST = ("usage", "description", "reasoningEffort")


def forwarded_body(ask: Ask) -> dict[str, Any]:
    """Return the body after the gateway's transformation; the request's own body stays as it is."""
    body = dict(ask.body)
    lab = ask.resolved.partition("/")[0]
    body["model"] = _forwarded_model(ask)
    body.pop("models", None)
    _set_stream_options(body, ask)
    _set_caller(body, ask)
    _set_provider(body, ask, lab)
    if ask.version == "2026-02":
        _apply_february_quirks(body, lab)
    else:
        for name in _REMOVED_IN_NEWEST:
            body.pop(name, None)
    if ask.model == "kilo-auto/frontier":
        body.pop("reasoning_effort", None)
        body.update(reasoning={"effort": "medium"}, verbosity="medium")
    messages = rename_call_ids(repair_tool_history(body["messages"]), lab)
    body["messages"] = add_cache_breakpoints(messages, ask.version) if lab == "anthropic" else messages
    return body


def _forwarded_model(ask: Ask) -> str:
    if is_hosted_free(ask.resolved, ask.state):
        return ask.resolved.removesuffix(":free")
    return str(ask.body["model"]) if ask.resolved == ask.model else ask.resolved


def _set_stream_options(body: dict[str, Any], ask: Ask) -> None:
    if ask.version == "2026-02" or body.get("stream"):
        given = body.get("stream_options")
        body["stream_options"] = {**(given if isinstance(given, dict) else {}), "include_usage": True}


def _set_caller(body: dict[str, Any], ask: Ask) -> None:
    body["user"] = body["safety_identifier"] = user_hash(ask.user_id)
    task_id = header_value(ask.headers, "x-kilocode-taskid")
    if task_id is not None:
        body["prompt_cache_key"] = cache_key(ask.user_id, task_id)


def _set_provider(body: dict[str, Any], ask: Ask, lab: str) -> None:
    if is_hosted_free(ask.resolved, ask.state):
        body["provider"] = {"only": [ask.state.hosting[ask.resolved].get("provider", "kilo")]}
        return
    provider = routing(ask.provider, ask)
    preferred = PREFERRED_PROVIDERS.get(lab)
    if preferred and "order" not in provider and "only" not in provider:
        provider["order"] = list(preferred)
    if provider:
        body["provider"] = provider


def _apply_february_quirks(body: dict[str, Any], lab: str) -> None:
    if lab == "qwen":
        for name in ("max_tokens", "max_completion_tokens"):
            if isinstance(body.get(name), int):
                body[name] = min(body[name], QWEN_MAX_TOKENS)
    elif lab == "moonshotai":
        body.pop("temperature", None)
        reasoning = body.get("reasoning")
        if isinstance(reasoning, dict):
            body["reasoning"] = {"enabled": reasoning.get("enabled", reasoning.get("effort") != "none")}
    elif lab == "mistralai":
        body.setdefault("temperature", MISTRAL_TEMPERATURE)
        if isinstance(body.get("tools"), list):
            body["tools"] = [_without_strict(tool) for tool in body["tools"]]


def _without_strict(tool: Any) -> Any:
    if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
        return tool
    return {**tool, "function": {key: value for key, value in tool["function"].items() if key != "strict"}}
