"""Messages and deltas in other servers' spellings -> the gateway's own keys. Drops nothing that it cannot say there.

A call as `function_call` or among the parts of the content, content that is one part, reasoning under other names or as
an object. Works alike on a whole message and on each delta of a stream.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from kilo_gateway.answer.thinking import REASONING_KEYS, THINKING_TYPES, is_sealed, thinking_detail, thinking_text

_OTHER_REASONING_KEYS = ("thinking", "thoughts", "thought", "thinking_blocks")
_ODD_KEYS = frozenset({"function_call", *_OTHER_REASONING_KEYS})
_KEYS_OF_CALLS = (*((key, key) for key in ("id", "name", "input", "arguments")), ("partial_json", "arguments"))
_CALL_PARTS = ("tool_use", "tool_call", "function_call")
_PART_TYPES = THINKING_TYPES.union(
    {"text", "output_text", "text_delta", "refusal", "image_url", "input_audio"}, _CALL_PARTS
)


def find_thinking(delta: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the pieces of `reasoning_details` that a delta holds as blocks of other servers, signed or not."""
    held = (delta.get(key) for key in (*REASONING_KEYS, *_OTHER_REASONING_KEYS))
    return [thinking_detail(block) for value in held if isinstance(value, (dict, list)) for block in _objects(value)]


def is_odd(message: dict[str, Any]) -> bool:
    """Return whether anything of the message or delta is spelt otherwise; most are not."""
    if not _ODD_KEYS.isdisjoint(message):
        return True
    for key in REASONING_KEYS:
        if isinstance(message.get(key), (dict, list)):
            return True
    content = message.get("content")
    if content.__class__ is str or content is None:
        return False
    return isinstance(content, dict) or bool(_call_parts(content)) or any(map(_is_refusal, _objects(content)))


def regular(message: dict[str, Any]) -> dict[str, Any]:
    """Return the message or delta in the gateway's spelling; itself when it is in that already."""
    if not is_odd(message):
        return message
    mended = dict(message)
    _mend_content(mended)
    _mend_calls(mended)
    _mend_reasoning(mended)
    return mended


def _call_parts(content: Any) -> list[dict[str, Any]]:
    parts = content if isinstance(content, list) else []
    return [part for part in parts if isinstance(part, dict) and (_is_call(part) or _is_piece_of_call(part))]


def _is_call(part: dict[str, Any]) -> bool:
    return part.get("type") in _CALL_PARTS and "name" in part


def _is_piece_of_call(part: dict[str, Any]) -> bool:
    """Whether a part is the next piece of the arguments of a call, as Anthropic streams them."""
    return part.get("type") == "input_json_delta" and isinstance(part.get("partial_json"), str)


def _is_part(content: dict[str, Any]) -> bool:
    """Return whether an object is one part of a content, and not the JSON that a model was asked for."""
    kind = content.get("type")
    return kind in _PART_TYPES if isinstance(kind, str) else content.keys() <= {"text", "thought", "type"}


def _is_refusal(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "refusal" and isinstance(part.get("refusal"), str)


def _mend_content(message: dict[str, Any]) -> None:
    content = message.get("content")
    if isinstance(content, dict) and (isinstance(content.get("parts"), list) or _is_part(content)):
        message["content"] = content["parts"] if isinstance(content.get("parts"), list) else [content]
    elif isinstance(content, dict):  # what was to be JSON text came as JSON
        message["content"] = _render_json(content)
    refusals = [part for part in _objects(message.get("content")) if _is_refusal(part)]
    if refusals and not message.get("refusal"):
        message["content"] = [part for part in message["content"] if part not in refusals]
        message["refusal"] = "".join(part["refusal"] for part in refusals)


def _mend_calls(message: dict[str, Any]) -> None:
    """Move calls to `tool_calls`; where the message holds calls there already, it says the same twice."""
    has_calls = bool(message.get("tool_calls"))
    if parts := _call_parts(message.get("content")):
        message["content"] = [part for part in message["content"] if part not in parts]
        calls = [{ours: part[theirs] for theirs, ours in _KEYS_OF_CALLS if theirs in part} for part in parts]
        message["tool_calls"] = message["tool_calls"] if has_calls else calls
    if isinstance(function := message.get("function_call"), dict):
        del message["function_call"]
        message["tool_calls"] = message["tool_calls"] if message.get("tool_calls") else [{"function": function}]


def _mend_reasoning(message: dict[str, Any]) -> None:
    """Move readable reasoning to `reasoning`, and what is signed to `reasoning_details`."""
    text = next((value for key in REASONING_KEYS if isinstance(value := message.get(key), str) and value), "")
    for key in (*REASONING_KEYS, *_OTHER_REASONING_KEYS):
        value = message.get(key)
        if key in REASONING_KEYS and not isinstance(value, (dict, list)):
            continue
        sealed = list(filter(is_sealed, map(thinking_detail, _objects(value))))
        said = thinking_text(value)
        if text and said and said != text:
            continue  # something else: it stays where it is
        if said or sealed:
            del message[key]
        if sealed and not message.get("reasoning_details"):
            message["reasoning_details"] = sealed
        if said:
            message["reasoning"] = text = said


def _render_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer of more than 64 bits, half a surrogate pair, or nesting deeper than orjson goes
        return json.dumps(value)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
