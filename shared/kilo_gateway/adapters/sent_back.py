"""What of an answer goes back to the model in a history: one rule for the messages of every framework.

Decides what is said and where; each framework finds it in its own messages. Changes nothing that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kilo_gateway.answer.choice import parse_objects
from kilo_gateway.answer.thinking import is_thinking, thinking_text
from kilo_gateway.errors import InvalidRequestError

_PARSED_FILES = ("file", "file_annotation")
"""Annotations that save the gateway from parsing a file again. Citations are for readers, and strict servers refuse
what they do not know."""


def render_answer(
    content: str | list[dict[str, Any]] | None,
    *,
    calls: Sequence[Any] = (),
    reasoning: str = "",
    details: Any = None,
    images: Any = None,
    annotations: Any = None,
    refusal: Any = None,
    audio: Any = None,
) -> dict[str, Any]:
    """Return an answer of the history as the wire has it.

    - Reasoning goes back as the gateway's `reasoning_details`, unchanged, and as text only where there are none: both
      say the same words.
    - A refusal is the text of an answer that has no other.
    - Made pictures go back, without their place in a stream; so do files that were parsed, but no citations. A voice
      goes back by its id.
    - An answer that says nothing is `""`, or null beside calls or a voice.

    Raises:
        InvalidRequestError: details that are no list of objects, with which the gateway would fail.
    """
    voice = id_ if isinstance(audio, Mapping) and isinstance(id_ := audio.get("id"), str) else None
    words = content or (refusal if isinstance(refusal, str) and not calls else "")
    wire: dict[str, Any] = {"role": "assistant", "content": words or (None if calls or voice else "")}
    if calls:
        wire["tool_calls"] = list(calls)
    if details:
        wire["reasoning_details"] = _check_details(details)
    elif reasoning:
        wire["reasoning"] = reasoning
    if pictures := parse_objects(images):
        wire["images"] = [{key: value for key, value in one.items() if key != "index"} for one in pictures]
    if files := [one for one in parse_objects(annotations) if one.get("type") in _PARSED_FILES]:
        wire["annotations"] = files
    if voice:
        wire["audio"] = {"id": voice}
    return wire


def find_thoughts(content: Any) -> str:
    """Return the readable reasoning among the parts of a content, in the forms that models and frameworks write."""
    parts = content if isinstance(content, list) else []
    return "".join(thinking_text(part) for part in parts if is_thinking(part))


def _check_details(details: Any) -> list[Any]:
    if not isinstance(details, list) or not all(isinstance(detail, Mapping) for detail in details):
        raise InvalidRequestError(
            "reasoning_details of an answer in the history must be a list of objects, as the gateway sent them."
        )
    return details
