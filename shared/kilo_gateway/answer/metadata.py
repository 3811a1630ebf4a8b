"""What is known about an answer beside its text and tool calls. Reads a completion; changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.answer.choice import CompletionChoice, parse_objects, parse_text_part
from kilo_gateway.answer.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.answer.completion import Completion

_ANYTHING = (object,)
BODY_KEYS: Mapping[str, tuple[type, ...]] = {
    "id": (str,),
    "object": _ANYTHING,
    "created": (int, float),
    "model": (str,),
    "provider": (str,),
    "choices": (list,),
    "usage": (dict,),
    "system_fingerprint": _ANYTHING,
    "service_tier": _ANYTHING,
}
"""Keys that have a name of their own here, with the types that are understood; the rest goes into `extra`."""
_CHOICE_KEYS: Mapping[str, tuple[type, ...]] = {
    "index": (int, float, str),
    "message": (dict,),
    "delta": (dict,),
    "text": (str,),
    "finish_reason": (str,),
    "finishReason": (str,),
    "native_finish_reason": (str,),
    "logprobs": (dict,),
    "usage": (dict,),
}
_MESSAGE_KEYS: Mapping[str, tuple[type, ...]] = {
    "role": (str,),
    "name": (str,),
    "content": (str, list),
    "reasoning": (str,),
    "reasoning_content": (str,),
    "reasoning_text": (str,),
    "reasoning_details": (list,),
    "tool_calls": (list, dict),
    "annotations": (list,),
    "images": (list,),
    "refusal": (str,),
    "audio": (dict,),
}

_CALL_KEYS = frozenset({"id", "type", "index", "function"})
_FUNCTION_KEYS = frozenset({"name", "arguments"})

_NO_CHOICE = CompletionChoice()


def render_metadata(completion: Completion, choice_index: int = 0) -> dict[str, Any]:
    """Return what is known about an answer beside its text and tool calls, as JSON values, without empty ones.

    `choice_index` is a place in `completion.choices`. What has no name here comes under `extra` as sent; where two
    levels use one name, the whole answer's value stands, then the choice's, then the message's.
    """
    is_known = 0 <= choice_index < len(completion.choices)
    choice = completion.choices[choice_index] if is_known else _NO_CHOICE
    body = cast("dict[str, Any]", completion.body)
    usage = completion.usage or Usage()
    raw_choice = parse_objects(body.get("choices"))[choice_index] if is_known else {}
    requested = completion.requested_model
    values = {
        "id": completion.id,
        "model": completion.model,
        "requested_model": None if requested == completion.model else requested,
        "sent_model": completion.sent_model,
        "provider": completion.provider,
        "created": completion.created,
        "system_fingerprint": body.get("system_fingerprint"),
        "service_tier": body.get("service_tier"),
        "finish_reason": choice.finish_reason,
        "native_finish_reason": choice.native_finish_reason,
        "logprobs": choice.logprobs,
        "cost": usage.cost,
        "billed_cost": usage.billed_cost,
        "cost_details": cast("dict[str, Any]", usage.body).get("cost_details"),
        "is_byok": usage.is_byok,
        "usage": usage.body,
    }
    extra: dict[str, Any] = {}
    if not choice.is_text_alone:  # saves two fifths; test_metadata.py holds the two equal
        values |= _found_in_message(choice)
        extra = _unknown_in_message(cast("dict[str, Any]", choice.message))
    extra |= _unknown(raw_choice, _CHOICE_KEYS)
    extra |= _unknown(body, BODY_KEYS)
    values["extra"] = extra
    return {key: value for key, value in values.items() if value or value == 0}


def _found_in_message(choice: CompletionChoice) -> dict[str, Any]:
    return {
        "reasoning": choice.reasoning,
        "reasoning_details": choice.reasoning_details,
        "annotations": choice.annotations,
        "images": choice.images,
        "refusal": choice.refusal,
        "audio": choice.audio,
    }


def _unknown_in_message(message: dict[str, Any]) -> dict[str, Any]:
    """Return what `_unknown` does, and a content with a part that is not understood."""
    unknown = _unknown(message, _MESSAGE_KEYS)
    content = message.get("content")
    if isinstance(content, list) and not all(map(_is_known_part, content)):
        unknown["content"] = content
    if extras := _beside_calls(parse_objects(message.get("tool_calls"))):
        unknown["tool_calls"] = extras
    return unknown


def _beside_calls(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what calls hold beside name and arguments, such as thought signatures, each with the id of its call."""
    extras = []
    for call in calls:
        function = call.get("function")
        own = {key: value for key, value in call.items() if key not in _CALL_KEYS}
        if isinstance(function, dict) and not function.keys() <= _FUNCTION_KEYS:
            own["function"] = {key: value for key, value in function.items() if key not in _FUNCTION_KEYS}
        if own:
            extras.append({"id": call.get("id"), **own})
    return extras


def _is_known_part(part: Any) -> bool:
    is_image = isinstance(part, dict) and part.get("type") == "image_url"
    return is_image or part == {"type": "text", "text": None} or parse_text_part(part) is not None


def _unknown(values: dict[str, Any], known: Mapping[str, tuple[type, ...]]) -> dict[str, Any]:
    """Return what has a value, which no empty text, list or object is, and no name of its own."""
    unknown: dict[str, Any] = {}
    for key, value in values.items():
        if not value and value != 0:
            continue
        types = known.get(key)
        is_usual = types is not None and value.__class__ in types and value.__class__ is not list  # saves most calls
        if not is_usual and not _is_known(value, types):
            unknown[key] = value
    return unknown


def _is_known(value: Any, types: tuple[type, ...] | None) -> bool:
    """Return whether a value has a name of its own: of a type that is understood, and a list only of objects."""
    if types is None or not isinstance(value, types):
        return False
    if types is _ANYTHING or not isinstance(value, list):
        return True
    return all(isinstance(item, dict) or (str in types and isinstance(item, str)) for item in value)
