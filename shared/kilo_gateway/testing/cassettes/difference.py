"""What differs between two JSON values, by path: why a recorded answer does not fit. Decides; prints nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Missing(Enum):
    """Stands for a value that one side does not have."""

    ABSENT = "absent"


ABSENT = Missing.ABSENT

_LONGEST_ALIGNED = 300
"""Items of lists that are aligned; longer ones, such as token ids, are compared place by place."""


@dataclass(frozen=True)
class Difference:
    """One place where two values differ."""

    path: str
    """Such as `messages[1].content`; empty for the whole."""
    recorded: Any
    now: Any
    label: str = ""
    """What the item of a list is: a message's role, a tool's name."""


def is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


def without(value: Any, ignored: Sequence[str], path: str = "") -> Any:
    """Return the value without the fields at these paths; `[*]` stands for every item, `*` for every name.

    `messages[*].name` names a field of each message, `metadata` a field with all that is in it.
    """
    return _without(value, [_pattern(one) for one in ignored], path) if ignored else value


def _pattern(path: str) -> re.Pattern[str]:
    escaped = re.escape(path).replace(r"\[\*\]", r"\[[0-9]+\]").replace(r"\*", r"[^.\[]+")
    return re.compile(escaped)


def _without(value: Any, patterns: list[re.Pattern[str]], path: str) -> Any:
    def kept(items: Any) -> Iterator[tuple[Any, Any]]:
        for key, place, item in items:
            if not any(pattern.fullmatch(place) for pattern in patterns):
                yield key, _without(item, patterns, place)

    if isinstance(value, dict):
        return dict(kept((key, _join(path, key), item) for key, item in value.items()))
    if isinstance(value, list):
        return [item for _, item in kept((at, f"{path}[{at}]", item) for at, item in enumerate(value))]
    return value


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def find_differences(recorded: Any, now: Any, path: str = "", label: str = "") -> Iterator[Difference]:
    """Yield the places where two JSON values differ; in lists, items that came or went are told from changed ones."""
    if is_same(recorded, now):
        return
    if isinstance(recorded, dict) and isinstance(now, dict):
        for key in [*recorded, *(key for key in now if key not in recorded)]:
            yield from find_differences(
                recorded.get(key, ABSENT), now.get(key, ABSENT), _join(path, key), label or _label_of(now)
            )
    elif isinstance(recorded, list) and isinstance(now, list):
        yield from _list_differences(recorded, now, path)
    else:
        yield Difference(path, recorded, now, label)


def _list_differences(recorded: list[Any], now: list[Any], path: str) -> Iterator[Difference]:
    for old, new in _aligned(recorded, now):
        at = new if new is not None else old
        before = ABSENT if old is None else recorded[old]
        after = ABSENT if new is None else now[new]
        yield from find_differences(before, after, f"{path}[{at}]", _label_of(before if after is ABSENT else after))


def _aligned(recorded: list[Any], now: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Yield which item of one list stands for which of the other, None where there is none."""
    if max(len(recorded), len(now)) > _LONGEST_ALIGNED:
        blocks: Any = [("replace", 0, len(recorded), 0, len(now))]
    else:
        keys = [[json.dumps(item, sort_keys=True, default=repr) for item in side] for side in (recorded, now)]
        blocks = SequenceMatcher(None, keys[0], keys[1], autojunk=False).get_opcodes()
    for kind, low, high, new_low, new_high in blocks:
        if kind == "equal":
            continue
        for step in range(max(high - low, new_high - new_low)):
            old, new = low + step, new_low + step
            yield old if old < high else None, new if new < new_high else None


def _label_of(item: Any) -> str:
    if not isinstance(item, dict):
        return ""
    if isinstance(item.get("role"), str):
        return str(item["role"])
    function = item.get("function")
    name = function.get("name") if isinstance(function, dict) else None
    return name if isinstance(name, str) else ""
