"""The header fields of an answer: looked up without case, decoded as ISO-8859-1, which takes every byte."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Fields(Mapping[str, str]):
    """Fields by their names in lower case; those of one name are joined by commas, as RFC 9110, 5.3, allows."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.lower(), value.strip(b" \t")) for name, value in pairs]
        values: dict[str, str] = {}
        for name, value in self._pairs:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            values[key] = f"{values[key]}, {text}" if key in values else text
        self._values = values

    def raw(self, name: str) -> list[bytes]:
        """Return the values of each line of this name, which is in lower case, as they were sent."""
        if name not in self._values:
            return []
        wanted = name.encode("ascii")
        return [value for found, value in self._pairs if found == wanted]

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return the value, or the default."""
        return self._values.get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Fields({list(self._values)})"


def tokens(values: Sequence[bytes]) -> frozenset[str]:
    """Return the words of a list in lower case, such as those of Connection."""
    return frozenset(word.strip().lower().decode("latin-1") for value in values for word in value.split(b","))
