"""Turns tool results into a final answer. Says what the tools said; adds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.testing.builtin_models.search import find_answer

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.conversation import ReadConversation, ToolResult

_LONG = 300
_WORDS_OF_A_SENTENCE = 3
_LEAST_COVERAGE = 0.3


def compose_results(conversation: ReadConversation) -> str:
    """Return the answer that the results since the last user message give."""
    long = [result.text for result in conversation.results if len(result.text) > _LONG]
    if long:
        found = find_answer(conversation.last, long, least_coverage=_LEAST_COVERAGE)
        if found:
            return " ".join(one.sentence for one in found)
    return "\n".join(dict.fromkeys(_say(result) for result in conversation.results))


def _say(result: ToolResult) -> str:
    text = result.text.strip()
    if not text:
        return f"{result.name} returned nothing."
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = text
    if isinstance(value, dict):
        rows = ", ".join(f"{key}: {_plain(one)}" for key, one in value.items())
        return f"{_call(result)} gives {rows}."
    if isinstance(value, list):
        return f"{_call(result)} gives {', '.join(_plain(one) for one in value)}."
    text = _plain(value)
    if len(text.split()) > _WORDS_OF_A_SENTENCE and text[:1].isupper():
        return text if len(text) <= _LONG else text[:_LONG].rsplit(" ", 1)[0] + " ..."
    return f"{_call(result)} gives {text.rstrip('.')}."


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _call(result: ToolResult) -> str:
    arguments = result.arguments if isinstance(result.arguments, dict) else {}
    given = ", ".join(_plain(one) for one in arguments.values())
    return f"{result.name}({given})"
