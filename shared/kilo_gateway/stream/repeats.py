"""Events of a stream that differ from the one before in their text alone, as most do: read by that text.

The plain way is `loads`, `find_error` and `Accumulator.add`, which take two thirds of the time of an event. An event is
cut into what stands before its text, the text, and what stands behind it. Another one with the same beginning and end
says the same beside its text, since one JSON string in the place of another changes nothing else. `test_repeats.py`
holds both ways equal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kilo_gateway.jsontext import loads_fast

if TYPE_CHECKING:
    from kilo_gateway.wire import Chunk

_CONTENT = re.compile(rb'"content": *("(?:[^"\\]|\\.)*")')
_SCALARS = frozenset({str, int, float, bool, type(None)})
_CHOICE_KEYS = frozenset({"index", "delta", "finish_reason", "native_finish_reason", "logprobs"})
_ENDS = ("finish_reason", "native_finish_reason")
_MISSES = 4
"""After so many events in a row that no other repeated, a stream is taken for one without repeats."""


class Repeats:
    """Remembers the last event that brought nothing but text, and reads those that repeat it."""

    __slots__ = ("_event", "_misses")

    def __init__(self) -> None:
        self._event: _Event | None = None
        self._misses = 0

    def read(self, payload: bytes) -> tuple[int, str, Chunk] | None:
        """Return choice, text and chunk of an event that repeats the last; None for any other, and for no text."""
        event = self._event
        if event is None:
            return None
        if (read := event.read(payload)) is None:
            self._event = None
        else:
            self._misses = 0
        return read

    def note(self, payload: bytes, chunk: dict[str, Any]) -> None:
        """Remember an event that was read the plain way and brought text to one choice, if others can repeat it."""
        if self._misses < _MISSES:
            self._misses += 1
            self._event = _cut(payload, chunk)


class _Event:
    """An event without its text; both ends hold one of the quotes around it."""

    __slots__ = ("_after", "_before", "_choice", "_chunk", "_delta", "_least")

    def __init__(self, before: bytes, text: bytes, after: bytes) -> None:
        self._before, self._after = before, after
        self._least = len(before) + len(after)
        self._chunk: dict[str, Any] = loads_fast(before + text + after)  # its own: another's may be changed
        self._choice: dict[str, Any] = self._chunk["choices"][0]
        self._delta: dict[str, Any] = self._choice["delta"]

    def read(self, payload: bytes) -> tuple[int, str, Chunk] | None:
        size = len(payload)
        if size <= self._least or not payload.startswith(self._before) or not payload.endswith(self._after):
            return None
        try:
            text = loads_fast(payload[len(self._before) - 1 : size - len(self._after) + 1])
        except ValueError:  # more than a string, or half a character
            return None
        return self._choice["index"], text, self.with_text(text)

    def with_text(self, text: str) -> Chunk:
        """Return what parsing gives; it shares no list or object with another."""
        delta, choice, chunk = self._delta.copy(), self._choice.copy(), self._chunk.copy()
        delta["content"], choice["delta"], chunk["choices"] = text, delta, [choice]
        return chunk  # type: ignore[return-value] # as it was sent


def _cut(payload: bytes, chunk: dict[str, Any]) -> _Event | None:
    """Return an event without its text; None where more than text would have to be read."""
    choices = chunk.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not _says_text_alone(choices[0]):
        return None
    if not all(type(value) in _SCALARS for key, value in chunk.items() if key != "choices"):
        return None
    found = _CONTENT.search(payload)
    if found is None:
        return None
    text = choices[0]["delta"]["content"]
    other = "?" if text != "?" else "!"
    try:
        event = _Event(payload[: found.start(1) + 1], other.encode(), payload[found.end(1) - 1 :])
    except (ValueError, LookupError, TypeError):
        return None
    is_text = event._delta.get("content") == other and event.with_text(text) == chunk
    return event if is_text else None  # or the text stands elsewhere, or twice


def _says_text_alone(choice: Any) -> bool:
    if not isinstance(choice, dict) or not choice.keys() <= _CHOICE_KEYS or type(choice.get("index")) is not int:
        return False
    delta = choice.get("delta")
    if not isinstance(delta, dict) or not delta.keys() <= {"role", "content"} or type(delta.get("content")) is not str:
        return False
    is_open = not any(choice.get(key) for key in _ENDS) and choice.get("logprobs") is None
    return is_open and all(type(choice.get(key)) in _SCALARS for key in _ENDS) and type(delta.get("role")) in _SCALARS
