"""Citations and pictures of a streamed answer: some servers state in each chunk all that came before."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson


class UniqueItems:
    """JSON values in the order of arrival, without those that a later chunk repeats."""

    __slots__ = ("_digests", "values")

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._digests: set[bytes] = set()

    def add(self, items: Any) -> None:
        """Append the items that no earlier chunk brought; what is no list is one item."""
        come = [(_digest(item), item) for item in (items if isinstance(items, list) else [items])]
        self.values += [item for digest, item in come if digest not in self._digests]
        self._digests.update(digest for digest, _ in come)


def _digest(item: Any) -> bytes:
    """Return what tells equal JSON values from others."""
    try:
        encoded = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # an integer of more than 64 bits, half a surrogate pair, or nesting deeper than orjson goes
        encoded = repr(id(item)).encode()
    return sha256(encoded).digest()
