"""Secrets in a stream: within one event, and cut in pieces over many, as a model that repeats a key would send it."""

from __future__ import annotations

import itertools
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.redaction import REDACTED
from kilo_gateway.testing.cassettes.bodies import parse_exact_json, render_compact_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kilo_gateway.testing.cassettes.secret_shapes import Span

_DATA = "data:"

Place = tuple[Any, Any]
"""A container and the key or position within it that holds a text."""


def scrub_events(
    events: Sequence[str],
    *,
    value: Callable[[Any], Any],
    text: Callable[[str], str],
    find: Callable[[str], list[Span]],
) -> list[str]:
    """Return the events cleaned, as many as before; an event without secrets is the same text.

    `value` cleans JSON, `text` cleans what is no JSON, `find` says where secrets stand in the texts put together.
    """
    parsed = [_parse_event(event) for event in events]
    cleaned = [json for _, json in parsed]
    # First the texts as a whole: the first piece of a key may look like a key itself, and its rest like nothing.
    if any(find(_joined(places)) for places in _threads(cleaned).values()):
        cleaned = deepcopy(cleaned)
        for places in _threads(cleaned).values():
            _scrub_thread(places, find)
    scrubbed = []
    for event, (head, before), after in zip(events, parsed, cleaned, strict=True):
        clean = None if after is None else value(after)
        if before is None:
            scrubbed.append(text(event))
        else:
            scrubbed.append(event if clean == before else head + render_compact_json(clean).decode())
    return scrubbed


def _parse_event(event: str) -> tuple[str, Any]:
    """Return what stands before the JSON of an event, and the JSON; None when it is not one line of data."""
    start = event.rfind("\n") + 1
    head, line = event[:start], event[start:]
    if not line.startswith(_DATA) or head.startswith(_DATA) or f"\n{_DATA}" in head:
        return "", None
    data = line.removeprefix(_DATA).lstrip(" ")
    return head + line[: len(line) - len(data)], parse_exact_json(data)


def _threads(values: Sequence[Any]) -> dict[tuple[Any, ...], list[Place]]:
    """Return the places that hold successive pieces of one text: at the same path in each event, and not repeated."""
    threads: dict[tuple[Any, ...], list[Place]] = {}
    for value in values:
        for path, place in _places(value, ()):
            threads.setdefault(path, []).append(place)
    return {path: places for path, places in threads.items() if len({box[key] for box, key in places}) > 1}


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Place]]:
    if isinstance(value, dict):
        items: list[tuple[Any, Any, Any]] = [(key, key, item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(_number(item, position), position, item) for position, item in enumerate(value)]
    else:
        return
    for name, key, item in items:
        if isinstance(item, str):
            yield (*path, name), (value, key)
        else:
            yield from _places(item, (*path, name))


def _number(item: Any, position: int) -> Any:
    """Return the item's own `index`, which says which choice or call a piece belongs to, else its position."""
    index = item.get("index") if isinstance(item, dict) else None
    return index if isinstance(index, int) else position


def _scrub_thread(places: Sequence[Place], find: Callable[[str], list[Span]]) -> None:
    lengths = [len(container[key]) for container, key in places]
    starts = list(itertools.accumulate(lengths, initial=0))[:-1]
    for span in reversed(find(_joined(places))):
        _overwrite(places, starts, span)


def _joined(places: Sequence[Place]) -> str:
    return "".join(container[key] for container, key in places)


def _overwrite(places: Sequence[Place], starts: Sequence[int], span: Span) -> None:
    """Write the placeholder where the span begins and take the rest of it out of the pieces after."""
    is_first = True
    for (container, key), start in zip(places, starts, strict=True):
        piece = container[key]
        low, high = max(span.start - start, 0), min(span.end - start, len(piece))
        if low < high:
            container[key] = piece[:low] + (REDACTED if is_first else "") + piece[high:]
            is_first = False
