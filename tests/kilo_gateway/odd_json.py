"""Random JSON of no sense, made a hundred times as fast as Hypothesis draws it value by value."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

_TEXTS = ["", " ", "a", "0", "null", "{}", "é", "\u2028", "\x00", "\ufffd", "😀", "x" * 50, "a\nb"]
_NUMBERS = [0, 1, -1, 3, 429, 2**31, 2**63, -(2**70), 0.0, -0.5, 1e-9, 1e308]


def odd_json(random: Random, keys: Sequence[str], leaves: Sequence[Any] = (), *, depth: int = 4) -> Any:
    """Return a value of any type: objects have these keys, and `leaves` stand among usual texts and numbers."""
    kind = random.random()
    if depth and kind < 0.2:
        return [odd_json(random, keys, leaves, depth=depth - 1) for _ in range(random.randrange(4))]
    if depth and kind < 0.5:
        return odd_object(random, keys, leaves, depth=depth - 1)
    if leaves and kind < 0.65:
        return random.choice(leaves)
    return random.choice([None, True, False, random.choice(_TEXTS), random.choice(_NUMBERS), random.choice(keys)])


def odd_object(random: Random, keys: Sequence[str], leaves: Sequence[Any] = (), *, depth: int = 4) -> dict[str, Any]:
    """Return an object of some of these keys, each with a value of any type."""
    some = random.sample(keys, random.randrange(min(7, len(keys) + 1)))
    return {key: odd_json(random, keys, leaves, depth=depth) for key in some}
