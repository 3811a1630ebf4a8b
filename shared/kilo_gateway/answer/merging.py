"""Merges the values that one key had in several chunks, for keys nobody has described. Linear in what was sent."""

from __future__ import annotations

from itertools import chain
from typing import Any

_DEPTH = 16


def merge_values(values: list[Any], depth: int = _DEPTH) -> Any:
    """Return one value for all: lists extended, texts concatenated, objects merged by key; of others the last.

    A text equal to everything before it is a repeat, not a continuation. Null says nothing. What is nested deeper than
    `depth` objects is not merged.
    """
    values = [value for value in values if value is not None]
    if len(values) < 2 or depth <= 0:  # noqa: PLR2004 - nothing to merge
        return values[-1] if values else None
    if all(isinstance(value, str) for value in values):
        return _concatenate(values)
    if all(isinstance(value, list) for value in values):
        return list(chain.from_iterable(values))
    if all(isinstance(value, dict) for value in values):
        columns: dict[str, list[Any]] = {}
        for value in values:
            for key, item in value.items():
                columns.setdefault(key, []).append(item)
        return {key: merge_values(column, depth - 1) for key, column in columns.items()}
    return values[-1]


def merge_audio(fragments: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the `audio` of a message: `data` and `transcript` concatenated; of other keys the last value but null."""
    audio: dict[str, Any] = {}
    for fragment in fragments:
        audio |= {key: value for key, value in fragment.items() if value is not None}
    for key in ("data", "transcript"):
        pieces = [piece for fragment in fragments if isinstance(piece := fragment.get(key), str)]
        if pieces:
            audio[key] = "".join(pieces)
    return audio


def overlay(target: dict[str, Any], addition: dict[str, Any]) -> None:
    """Put the addition into the target, object by object; in conflicts the later value wins."""
    for key, value in addition.items():
        old = target.get(key)
        target[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value


def _concatenate(texts: list[str]) -> str:
    pieces: list[str] = []
    length = 0
    for text in texts:
        # Comparing only texts of equal length keeps this linear: each comparison that fails doubles the length.
        if pieces and len(text) == length and "".join(pieces) == text:
            continue
        pieces.append(text)
        length += len(text)
    return "".join(pieces)
