"""What the gateway mends in the message list: tool calls without results, ids, cache marks. Returns copies."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.options import Version

INTERRUPTED = "Tool execution was interrupted before completion."
MISTRAL_ID_LENGTH = 9
_MARK = {"type": "ephemeral"}


def repair_tool_history(messages: list[Any]) -> list[Any]:
    """Return the messages with each call answered once: duplicates dropped, missing results added, orphans removed."""
    repaired: list[Any] = []
    open_ids: list[str] = []
    for message in messages:
        role = message.get("role") if isinstance(message, dict) else None
        if role == "tool":
            if message.get("tool_call_id") in open_ids:
                open_ids.remove(message["tool_call_id"])
                repaired.append(message)
            continue
        repaired.extend(_interrupted(open_ids))
        open_ids = []
        if role == "assistant" and isinstance(message.get("tool_calls"), list):
            calls = _unique_calls(message["tool_calls"])
            open_ids = [call["id"] for call in calls]
            repaired.append({**message, "tool_calls": calls})
        else:
            repaired.append(message)
    return [*repaired, *_interrupted(open_ids)]


def _unique_calls(calls: list[Any]) -> list[dict[str, Any]]:
    unique: dict[str, dict[str, Any]] = {}
    for call in calls:
        if isinstance(call, dict) and isinstance(call.get("id"), str):
            unique.setdefault(call["id"], call)
    return list(unique.values())


def _interrupted(open_ids: list[str]) -> list[dict[str, Any]]:
    return [{"role": "tool", "tool_call_id": call_id, "content": INTERRUPTED} for call_id in open_ids]


def _anthropic_id(call_id: str) -> str:
    return sha256(call_id.encode()).hexdigest() if "." in call_id else call_id


def _mistral_id(call_id: str) -> str:
    return call_id if len(call_id) == MISTRAL_ID_LENGTH else sha256(call_id.encode()).hexdigest()[:MISTRAL_ID_LENGTH]


_RENAMES: dict[str, Callable[[str], str]] = {"anthropic": _anthropic_id, "mistralai": _mistral_id}


def rename_call_ids(messages: list[Any], lab: str) -> list[Any]:
    """Return the messages with tool call ids as the lab accepts them."""
    rename = _RENAMES.get(lab)
    return messages if rename is None else [_renamed(message, rename) for message in messages]


def _renamed(message: Any, rename: Callable[[str], str]) -> Any:
    if not isinstance(message, dict):
        return message
    changed = dict(message)
    if isinstance(message.get("tool_call_id"), str):
        changed["tool_call_id"] = rename(message["tool_call_id"])
    if isinstance(message.get("tool_calls"), list):
        changed["tool_calls"] = [
            {**call, "id": rename(call["id"])} if isinstance(call, dict) and isinstance(call.get("id"), str) else call
            for call in message["tool_calls"]
        ]
    return changed


def add_cache_breakpoints(messages: list[Any], version: Version) -> list[Any]:
    """Return the messages with cache marks on the system and the last user or tool message, unless marked already."""
    system = next((i for i, one in enumerate(messages) if isinstance(one, dict) and one.get("role") == "system"), None)
    if version == "2026-02":
        if system is None or _is_marked(messages[system]):
            return messages
    elif any(_is_marked(message) for message in messages):
        return messages
    turns = [i for i, one in enumerate(messages) if isinstance(one, dict) and one.get("role") in ("user", "tool")]
    marked = list(messages)
    for index in {system, turns[-1] if turns else None} - {None}:
        marked[index] = _marked(messages[index])  # type: ignore[index]  # None was taken out above
    return marked


def _is_marked(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) else None
    parts = content if isinstance(content, list) else []
    return any(isinstance(part, dict) and "cache_control" in part for part in [message, *parts])


def _marked(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": [{"type": "text", "text": content, "cache_control": _MARK}]}
    if isinstance(content, list) and content and isinstance(content[-1], dict):
        return {**message, "content": [*content[:-1], {**content[-1], "cache_control": _MARK}]}
    return message
