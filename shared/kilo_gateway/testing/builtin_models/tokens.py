"""Counts and cuts text into the pieces that this gateway calls tokens. Deterministic; close to no real tokenizer."""

from __future__ import annotations

import re
from typing import Any

import orjson

_PIECE = re.compile(r"\s?\w{1,8}|\s?[^\w\s]+|\s+")
_EXACT_CHARACTERS = 200_000
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


def split_tokens(text: str) -> list[str]:
    """Return the text cut into tokens; joined again it is the same text."""
    return _PIECE.findall(text)


def count_tokens(text: str) -> int:
    """Return how many tokens the text has; long texts are estimated from their length."""
    if len(text) > _EXACT_CHARACTERS:
        return len(text) // _CHARACTERS_PER_TOKEN
    return len(_PIECE.findall(text))


def content_text(content: Any) -> str:
    """Return the text of a message's content, be it a string, a list of parts or something else."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def count_prompt(body: dict[str, Any]) -> int:
    """Return how many tokens the messages and tools of a request have."""
    total = 0
    for message in body.get("messages") or []:
        if isinstance(message, dict):
            total += _TOKENS_PER_MESSAGE + count_tokens(content_text(message.get("content")))
            if message.get("tool_calls"):
                total += count_tokens(_as_json(message["tool_calls"]))
    if body.get("tools"):
        total += count_tokens(_as_json(body["tools"]))
    return total


def _as_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
