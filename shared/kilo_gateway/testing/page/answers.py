"""What came back, read as it arrives: text, reasoning, tool calls, tokens, cost, or what went wrong. Never fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.answer.completion import Completion, parse_completion
from kilo_gateway.answer.usage import parse_usage
from kilo_gateway.errors import KiloError
from kilo_gateway.errors.bodies import find_error, parse_error, parse_error_object
from kilo_gateway.errors.redaction import clean
from kilo_gateway.fim import parse_fim_answer
from kilo_gateway.stream.reader import StreamReader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kilo_gateway.answer.usage import Usage

_MAX_BYTES = 8 * 1024 * 1024
"""Bytes of an answer that are read for the page; more passes, unread."""
_FIRST_REFUSAL = 300


@dataclass
class ShownAnswer:
    """An answer, as far as it has arrived."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[tuple[str, str, str]] = field(default_factory=list)
    """(id, name, arguments) each."""
    model: str = ""
    provider: str = ""
    finish_reason: str = ""
    is_streamed: bool = False
    usage: Usage | None = None
    error: str = ""
    note: str = ""
    """What else is to be said, such as what an answer of another kind holds."""
    size: int = 0
    """Bytes of the body."""


class AnswerReader:
    """The state of one answer: told its head, fed its bytes."""

    def __init__(self, kind: str, model: str, status: int, headers: dict[str, str], spellings: Sequence[str]) -> None:
        self._kind, self._model, self._status, self._headers = kind, model, status, headers
        self._spellings = tuple(spellings)
        self._size = 0
        self._error: str = ""
        self._note: str = ""
        self._whole: Completion | None = None
        self._usage: Usage | None = None
        is_streamed = headers.get("content-type", "").startswith("text/event-stream") and status < _FIRST_REFUSAL
        self._stream = StreamReader(model=model or "unknown") if is_streamed else None
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body."""
        self._size += len(data)
        if self._size > _MAX_BYTES or self._error:
            return
        if self._stream is None:
            self._pieces.append(data)
            return
        try:
            for _ in self._stream.feed(data):
                pass
        except KiloError as error:
            self._error = str(error)

    def finish(self, *, is_whole: bool) -> None:
        """Read what could only be read at the end; `is_whole` is False when the connection was cut."""
        if self._size > _MAX_BYTES:
            self._note = "The answer is too large to be shown."
        elif not is_whole:
            self._error = self._error or "The connection was cut before the answer was whole."
        elif self._stream is not None:
            self._finish_stream(self._stream)
        else:
            self._read_whole(b"".join(self._pieces))
        self._pieces.clear()

    def snapshot(self) -> ShownAnswer:
        """Return what has arrived so far, without secrets."""
        completion = self._whole or (self._stream.completion() if self._stream else Completion())
        calls = [call.get("function") or {} for call in completion.tool_calls]
        ids = [str(call.get("id") or "") for call in completion.tool_calls]
        shown = {
            "text": _all_texts(completion),
            "reasoning": completion.reasoning,
            "tool_calls": [
                [at, str(call.get("name") or ""), str(call.get("arguments") or "")]
                for at, call in zip(ids, calls, strict=True)
            ],
            "model": completion.model or "",
            "provider": completion.provider or "",
            "finish_reason": completion.finish_reason or "",
            "error": self._error,
            "note": self._note,
        }
        cleaned: dict[str, Any] = clean(shown, self._spellings)
        cleaned["tool_calls"] = [tuple(call) for call in cleaned["tool_calls"]]
        usage = self._usage or completion.usage
        return ShownAnswer(**cleaned, is_streamed=self._stream is not None, usage=usage, size=self._size)

    def _finish_stream(self, stream: StreamReader) -> None:
        if self._error:
            return
        try:
            for _ in stream.finish():
                pass
        except KiloError as error:
            self._error = str(error)

    def _read_whole(self, data: bytes) -> None:
        try:
            self._read_answer(data)
        except KiloError as error:
            self._error = str(error)

    def _read_answer(self, data: bytes) -> None:
        if self._status >= _FIRST_REFUSAL:
            now = datetime.now(UTC)
            raise parse_error(self._status, self._headers, data, model=self._model or None, now=now)
        if self._kind == "fim":
            self._whole = parse_fim_answer(data, model=self._model or "unknown")
            return
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            self._note = "The answer is not JSON." if data else "The answer is empty."
            return
        if isinstance(body, dict) and find_error(body) is not None:
            raise parse_error_object(body, model=self._model or None, headers=self._headers)
        if self._kind == "chat":
            self._whole = parse_completion(body, requested_model=self._model or None)
        else:
            self._usage = parse_usage(body.get("usage")) if isinstance(body, dict) else None
            self._note = _describe(body)


def _all_texts(completion: Completion) -> str:
    """Return the text; of several choices, each under its number."""
    if len(completion.choices) <= 1:
        return completion.text
    return "\n\n".join(f"[{at}] {choice.text}" for at, choice in enumerate(completion.choices))


def _describe(body: Any) -> str:
    """Return what a list of things holds, in a few words."""
    rows = body.get("data") if isinstance(body, dict) else body
    if isinstance(rows, list) and rows and isinstance(rows[0], dict) and "embedding" in rows[0]:
        vector = rows[0]["embedding"]
        count = len(vector) * 3 // 16 if isinstance(vector, str) else len(vector) if isinstance(vector, list) else 0
        return f"{len(rows)} vector{'s' * (len(rows) != 1)} of {count} numbers"
    if isinstance(rows, list):
        return f"A list of {len(rows)}."
    return ", ".join(str(key) for key in body)[:200] if isinstance(body, dict) else ""
