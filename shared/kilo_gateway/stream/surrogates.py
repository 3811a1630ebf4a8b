"""Characters that a server cut into two events, as JavaScript cuts its 16-bit text. Reads no text of whole characters.

Works on events parsed with their unpaired surrogates, by the place of a text: the choice, the key, the index of a call.
"""

from __future__ import annotations

from typing import Any

from kilo_gateway.jsontext import mend_surrogates

_FIRST_HALVES = ("\ud800", "\udbff")
_WHOLE_KEYS = frozenset(
    {"id", "type", "role", "name", "data", "signature", "format", "finish_reason", "annotations", "images"}
)
"""Texts that are never put together from pieces."""

_Place = tuple["str | int", ...]


class SurrogateJoiner:
    """Moves the first half of a character from the end of a text to the beginning of the next one at its place.

    A half that stays alone becomes U+FFFD, once.
    """

    def __init__(self) -> None:
        self._halves: dict[_Place, str] = {}

    def join(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event with whole characters only."""
        mended: dict[str, Any] = {
            key: self._join_value(value, (key,), is_pieced=key == "choices") for key, value in event.items()
        }
        return mended

    def remaining(self) -> list[dict[str, Any]]:
        """Return events that say what is left at the end of the stream: a U+FFFD for each half."""
        events = [_event_at(place, "\ufffd") for place in self._halves]
        self._halves.clear()
        return events

    def _join_value(self, value: Any, place: _Place, *, is_pieced: bool) -> Any:
        if isinstance(value, str):
            return self._join_text(value, place) if is_pieced else mend_surrogates(value)
        if isinstance(value, dict):
            return {
                key: self._join_value(item, (*place, key), is_pieced=is_pieced and key not in _WHOLE_KEYS)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._join_part(item, place)
                if is_pieced and place[-1] == "content" and _is_text_part(item)
                else self._join_value(item, (*place, _index_of(item, position)), is_pieced=is_pieced)
                for position, item in enumerate(value)
            ]
        return value

    def _join_part(self, part: dict[str, Any], place: _Place) -> dict[str, Any]:
        """Return a text among the parts of a content; the next piece may come as a part or as the content itself."""
        return {
            key: self._join_text(item, place)
            if key == "text"
            else self._join_value(item, (*place, key), is_pieced=False)
            for key, item in part.items()
        }

    def _join_text(self, text: str, place: _Place) -> str:
        if not text:
            return text
        text = self._halves.pop(place, "") + text
        if _FIRST_HALVES[0] <= text[-1] <= _FIRST_HALVES[1]:
            self._halves[place] = text[-1]
            text = text[:-1]
        return mend_surrogates(text)


def _is_text_part(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type", "text") == "text" and isinstance(item.get("text"), str)


def _index_of(item: Any, position: int) -> int:
    """Return the number by which a choice, a call or a detail is known: its index, else its position."""
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else position


def _event_at(place: _Place, text: str) -> dict[str, Any]:
    """Return the event that has a text at a place and says nothing else."""
    value: Any = text
    for step in reversed(place):
        value = (
            {step: value} if isinstance(step, str) else [{"index": step, **value} if isinstance(value, dict) else value]
        )
    return dict(value)
