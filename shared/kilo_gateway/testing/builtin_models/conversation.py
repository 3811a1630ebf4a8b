"""Reads a request's messages into what the built-in models look at. Tolerates every odd shape; changes nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from kilo_gateway.testing.builtin_models.tokens import content_text


@dataclass(frozen=True)
class ToolResult:
    """One finished call since the last user message."""

    name: str
    arguments: Any
    """Parsed; the raw text when it is not JSON."""
    text: str


@dataclass
class ReadConversation:
    """The messages, sorted by what they are good for."""

    system: str = ""
    earlier: list[tuple[str, str]] = field(default_factory=list)
    """(role, text) of the user and assistant messages before the last user message."""
    last: str = ""
    """The last user message."""
    results: list[ToolResult] = field(default_factory=list)
    tool_texts: list[str] = field(default_factory=list)
    """Texts of tool results from earlier turns."""

    @property
    def user_texts(self) -> list[str]:
        """What the user said before the last message."""
        return [text for role, text in self.earlier if role == "user"]


def read_conversation(messages: Any) -> ReadConversation:
    """Return the conversation of a request."""
    conversation = ReadConversation()
    rows = [row for row in messages if isinstance(row, dict)] if isinstance(messages, list) else []
    last = max((at for at, row in enumerate(rows) if row.get("role") == "user"), default=len(rows))
    calls: dict[str, tuple[str, Any]] = {}
    for at, row in enumerate(rows):
        role, text = row.get("role"), content_text(row.get("content"))
        if role in ("system", "developer"):
            conversation.system += ("\n" if conversation.system else "") + text
        elif role in ("tool", "function"):
            name, arguments = calls.get(str(row.get("tool_call_id")), (str(row.get("name") or "tool"), {}))
            if at > last or last == len(rows):
                conversation.results.append(ToolResult(name, arguments, text))
            else:
                conversation.tool_texts.append(text)
        elif at == last:
            conversation.last = text
        else:
            conversation.earlier.append((str(role), text))
        for call in row.get("tool_calls") or []:
            if isinstance(call, dict) and isinstance(call.get("function"), dict):
                function = call["function"]
                calls[str(call.get("id"))] = (str(function.get("name")), arguments_or_text(function.get("arguments")))
    return conversation


def arguments_or_text(text: Any) -> Any:
    """Return parsed arguments, or what was given when they are not JSON."""
    if not isinstance(text, str):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


_LABEL = re.compile(r"(?:^|\n)[ \t]*(?:user )?(?:question|query|follow[- ]?up input)[ \t]*:[ \t]*(.+)", re.IGNORECASE)
_ANSWER_LABEL = re.compile(
    r"\n?[ \t]*(?:helpful |refined |new )?(?:answer|response|assistant|a)[ \t]*:[ \t]*$", re.IGNORECASE
)
_TAIL = 4000
_SENTENCE = re.compile(r"[^\n.!?]*[^\n]*?[.!?](?=\s|$)|[^\n]+")


def split_question(text: str) -> tuple[str, str]:
    """Return (text to answer from, question) of a user message that may hold both."""
    stripped = text.strip()
    tail = _ANSWER_LABEL.sub("", stripped[-_TAIL:])
    stripped = (stripped[:-_TAIL] + tail).strip()
    labels = list(_LABEL.finditer(stripped[-_TAIL:]))
    if labels:
        label = labels[-1]
        at = len(stripped) - len(stripped[-_TAIL:]) + label.start()
        return stripped[:at], label.group(1).strip()
    tail_start = max(stripped.rfind("\n", 0, -1), len(stripped) - 2000, 0)
    for start in (tail_start, 0):
        parts = [
            match.group().strip() for match in _SENTENCE.finditer(stripped[start:][-4000:]) if match.group().strip()
        ]
        asked = [part for part in parts if part.endswith("?")]
        if asked:
            question = asked[-1]
            at = stripped.rfind(question)
            return (stripped[:at] + stripped[at + len(question) :]).strip(), question
    lines = stripped.rsplit("\n", 1)
    return ("", stripped) if len(lines) == 1 else (lines[0], lines[1])
