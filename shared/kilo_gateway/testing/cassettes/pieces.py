"""The pieces in which a body arrives: as recorded, whole, of a fixed size, or cut at random from a seed."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.errors import CassetteError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPELLING = re.compile(r"(recorded|whole)|random(?::([0-9]+))?|([1-9][0-9]*)")
_LONGEST_RANDOM_PIECE = 64
"""Bytes: short enough to cut most events more than once."""
_SEEDS = 1_000_000


@dataclass(frozen=True)
class Pieces:
    """How replayed bodies are cut."""

    kind: str = "recorded"
    """recorded, whole, random or sized."""
    number: int = 0
    """The seed of random pieces; the bytes of sized ones."""
    is_drawn: bool = False
    """Whether the seed was drawn now, so that it must be told to whoever wants the same again."""

    def __str__(self) -> str:
        return {"random": f"random:{self.number}", "sized": str(self.number)}.get(self.kind, self.kind)

    def cut(self, data: bytes, recorded: Sequence[int] | None) -> list[bytes]:
        """Return the body in its pieces; none for an empty body."""
        if self.kind == "recorded" and recorded is not None:
            sizes = list(recorded)
        elif self.kind == "random":
            chance = random.Random(self.number)  # noqa: S311 - where a body is cut is no secret
            sizes = [chance.randint(1, _LONGEST_RANDOM_PIECE) for _ in data]
        else:
            sizes = [self.number] * (len(data) // self.number + 1) if self.kind == "sized" else [len(data)]
        pieces, start = [], 0
        for size in sizes:
            pieces.append(data[start : start + size])
            start += size
        return [piece for piece in pieces if piece]


def parse_pieces(value: Any) -> Pieces:
    """Return how to cut: `recorded`, `whole`, `random`, `random:SEED`, a size in bytes, or None for the default.

    Raises:
        CassetteError: none of these.
    """
    if isinstance(value, Pieces):
        return value
    match = _SPELLING.fullmatch(str("recorded" if value is None else value))
    if match is None:
        raise CassetteError(f"pieces must be recorded, whole, random, random:SEED or a size in bytes, not {value!r}.")
    plain, seed, size = match.groups()
    if plain:
        return Pieces(plain)
    if size:
        return Pieces("sized", int(size))
    if seed is None:
        return Pieces("random", random.randrange(_SEEDS), is_drawn=True)  # noqa: S311 - a seed is no secret
    return Pieces("random", int(seed))
