"""Messages and answers as a span holds them: JSON of roles and parts, by OpenTelemetry's GenAI conventions.

Media that are part of a request are named by their kind only: a span is no place for a picture's bytes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kilo_gateway.jsontext import dumps, loads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.embeddings import Embeddings


def render_input(messages: Iterable[Mapping[str, Any]]) -> str:
    """Return `gen_ai.input.messages`: `[{"role", "parts": [...]}]`."""
    return _text([{"role": message.get("role", ""), "parts": _parts(message)} for message in messages])


def render_output(answer: Completion | Embeddings) -> str:
    """Return `gen_ai.output.messages`: `[{"role", "parts", "finish_reason"}]`, one for each choice."""
    choices = getattr(answer, "choices", ())
    return _text(
        [
            {"role": "assistant", "parts": _parts(choice.message), "finish_reason": choice.finish_reason or ""}
            for choice in choices
        ]
    )


def _text(value: Any) -> str:
    return dumps(value).decode()


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if message.get("role") == "tool":
        return [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}]
    reasoning = message.get("reasoning")
    parts = [{"type": "reasoning", "content": reasoning}] if isinstance(reasoning, str) and reasoning else []
    if isinstance(content, str) and content:
        parts.append({"type": "text", "content": content})
    elif isinstance(content, list):
        parts += [_part(part) for part in content if isinstance(part, dict)]
    return parts + [_tool_call(call) for call in message.get("tool_calls") or ()]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    if kind == "text":
        return {"type": "text", "content": part.get("text", "")}
    modality = str(kind).removesuffix("_url").removeprefix("input_")
    holder = part.get(str(kind))
    url = holder.get("url") if isinstance(holder, dict) else None
    if isinstance(url, str) and not url.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": url}
    return {"type": "blob", "modality": modality}


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function") or {}
    arguments = function.get("arguments", "")
    with suppress(ValueError, TypeError):
        arguments = loads(arguments)
    return {"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": arguments}
