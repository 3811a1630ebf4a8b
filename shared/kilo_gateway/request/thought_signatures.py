"""Removes thought signatures that the model behind the gateway could not decode. Never drops or reorders a message.

Rules: src/agents/pi-embedded-helpers/bootstrap.ts of https://github.com/openclaw/openclaw for content parts; the same
applies here to the tool calls of the wire. `reasoning_details` is replayed as it came.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kilo_gateway.request.families import SignatureRule
    from kilo_gateway.wire import Message

_CLAUDE_ID_PREFIX = "msg_"
"""What a Claude message id starts with; such ids were stored as signatures (openclaw/openclaw#805)."""

_ONE_ALPHABET = re.compile(r"[A-Za-z0-9+/]+|[A-Za-z0-9_-]+")
_BLANKS = re.compile(r"[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
"""What JavaScript's `\\s` matches; Python's differs in U+FEFF, U+0085 and U+001C to U+001F."""

_LAST_CHARACTERS = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_",
    "",
    "AQgw",
    "AEIMQUYcgkosw048",
)
"""By length modulo 4: the last characters that an encoder writes, all bits beyond the last byte being zero."""


def is_base64_signature(value: object) -> bool:
    """Return whether a value is base64 or base64url of at least one byte, as an encoder writes it.

    Blanks anywhere and any number of trailing `=`, also none, are allowed; mixed alphabets are not.
    """
    if not isinstance(value, str):
        return False
    core = value.rstrip("=")
    if not _ONE_ALPHABET.fullmatch(core):
        core = _BLANKS.sub("", value).rstrip("=")
        if not _ONE_ALPHABET.fullmatch(core):
            return False
    return core[-1] in _LAST_CHARACTERS[len(core) % 4]


def _is_undecodable(value: object) -> bool:
    # Some Claude message ids happen to be well-formed base64.
    return not is_base64_signature(value) or cast("str", value).lstrip().startswith(_CLAUDE_ID_PREFIX)


def _is_claude_id(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_CLAUDE_ID_PREFIX)


class _Removal(NamedTuple):
    keys: tuple[str, ...]
    """Keys that are looked at."""
    removes: Callable[[object], bool]
    """Whether a value makes its key go."""


_REMOVALS: Mapping[SignatureRule, _Removal] = {
    "base64": _Removal(("thought_signature", "thoughtSignature"), _is_undecodable),
    "msg_prefix": _Removal(("thought_signature",), _is_claude_id),
}

_PART_PATHS: tuple[tuple[str, ...], ...] = ((),)
"""Where a content part may hold a signature: only at its top."""
_TOOL_CALL_PATHS: tuple[tuple[str, ...], ...] = ((), ("function",), ("extra_content", "google"))
"""Where a tool call may hold one. Google's own OpenAI-compatible API has it in `extra_content.google`."""


def sanitize_signatures(messages: Sequence[Message], *, rule: SignatureRule) -> list[Message]:
    """Return the messages without the signatures that the rule removes.

    Only assistant messages change, as shallow copies; every other message is the object that was passed in.
    """
    removal = _REMOVALS[rule]
    return [
        _sanitize_message(message, removal)
        if isinstance(message, dict) and message.get("role") == "assistant"
        else message
        for message in messages
    ]


def _sanitize_message(message: Message, removal: _Removal) -> Message:
    content = message.get("content")
    if isinstance(content, list):
        parts = _sanitize_items(content, _PART_PATHS, removal)
        if parts is not content:
            message = cast("Message", {**message, "content": parts})
    tool_calls: Any = message.get("tool_calls")
    if isinstance(tool_calls, list):
        calls = _sanitize_items(tool_calls, _TOOL_CALL_PATHS, removal)
        if calls is not tool_calls:
            message = cast("Message", {**message, "tool_calls": calls})
    return message


def _sanitize_items(items: list[Any], paths: tuple[tuple[str, ...], ...], removal: _Removal) -> list[Any]:
    """Return the same list when nothing is removed."""
    copied: list[Any] | None = None
    for position, item in enumerate(items):
        cleaned = _sanitize_item(item, paths, removal)
        if cleaned is not item:
            copied = items.copy() if copied is None else copied
            copied[position] = cleaned
    return items if copied is None else copied


def _sanitize_item(item: Any, paths: tuple[tuple[str, ...], ...], removal: _Removal) -> Any:
    """Return the same object when nothing is removed."""
    for path in paths:
        holder = item
        for step in path:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if not isinstance(holder, dict):
            continue
        for key in removal.keys:
            if key in holder and removal.removes(holder[key]):
                item = _copy_without(item, path, key)
    return item


def _copy_without(node: dict[str, Any], path: tuple[str, ...], key: str) -> dict[str, Any]:
    """Return the node with new dicts along the path, the last of them without the key."""
    if path:
        return {**node, path[0]: _copy_without(node[path[0]], path[1:], key)}
    return {name: value for name, value in node.items() if name != key}
