"""The whole input checked before the first request: problems with their lines, ids that are there twice, the price.

Memory grows by eight bytes a row.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from kilo_gateway.batch.inputs import Problem
from kilo_gateway.batch.spending import bound_of
from kilo_gateway.costs.bounds import reasons_to_estimate
from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.batch.inputs import InputFile
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.catalog.prices import Pricing

MOST_PROBLEMS: Final = 20
"""How many problems are kept; all are counted."""


@dataclass(slots=True)
class Inspection:
    """What a reading of the whole input has found. Models, prices and bounds are those of rows that will be sent."""

    rows: int = 0
    open_rows: int = 0
    """Rows that will be sent."""
    blank_lines: int = 0
    problems: list[Problem] = field(default_factory=list)
    """The first of them."""
    problem_count: int = 0
    models: Counter[str] = field(default_factory=Counter)
    """Model id -> rows."""
    bound: Decimal | None = Decimal(0)
    """The most that all rows can cost, in USD; None where a price is unknown."""
    least_bound: Decimal | None = None
    """The most that the cheapest row can cost, in USD."""
    unpriced: set[str] = field(default_factory=set)
    """Refs of models whose price is not known."""
    estimates: Counter[str] = field(default_factory=Counter)
    """Why the bound of a row is an estimate -> how many rows."""

    def add_problem(self, problem: Problem) -> None:
        """Count a problem, and keep it if it is among the first."""
        self.problem_count += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)

    def _add_cost(self, request: PreparedRequest, pricing: Pricing | None) -> None:
        if request.endpoint == "chat":
            self.estimates.update(reasons_to_estimate(request.body))
        bound = None
        if pricing is not None:  # an error for each of a hundred thousand rows takes longer than all the rest
            with suppress(InvalidSettingError):
                bound = bound_of(request, pricing)
        if bound is None:
            self.unpriced.add(request.ref)
            self.bound = None
            return
        self.bound = None if self.bound is None else self.bound + bound
        self.least_bound = bound if self.least_bound is None else min(self.least_bound, bound)


def inspect(
    source: InputFile,
    price_of: Callable[[str], Pricing | None] | None,
    is_open: Callable[[PreparedRequest], bool] = lambda request: True,
) -> Inspection:
    """Return what a whole reading of the input finds; without `price_of` nothing of what it may cost.

    `is_open` tells whether a row will be sent.
    """
    found = Inspection()
    keys = array("Q")
    for row in source.rows():
        if isinstance(row, Problem):
            found.add_problem(row)
            continue
        keys.append(_key(row.custom_id))
        found.rows += 1
        if is_open(row):
            found.open_rows += 1
            found.models[row.model_id] += 1
            if price_of is not None:
                found._add_cost(row, price_of(row.model_id))
    found.blank_lines = source.blank_lines
    _find_repeated(source, keys, found)
    found.problems.sort(key=lambda problem: problem.line)
    return found


def _key(custom_id: str) -> int:
    digest = hashlib.blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def _find_repeated(source: InputFile, keys: array[int], found: Inspection) -> None:
    """Name both lines of an id that is there twice; the file is read again only if there may be one."""
    ordered = sorted(keys)
    suspects = {key for key, following in pairwise(ordered) if key == following}
    if not suspects:
        return
    first_line: dict[str, int] = {}
    for row in source.requests():
        if _key(row.custom_id) in suspects:
            first = first_line.setdefault(row.custom_id, row.place)
            if first != row.place:
                found.add_problem(Problem(row.place, f"custom_id {row.custom_id!r} is on line {first} already."))
