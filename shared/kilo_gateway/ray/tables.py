"""The batches of Ray Data, in each of its formats: their rows, and the same batch with new columns. Never sends."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.ray.plan import ANSWER_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kilo_gateway.ray.outcomes import Outcome

_WHOLE_NUMBERS: Final = ("input_tokens", "output_tokens")
_NUMBERS: Final = ("cost",)


def columns_of(batch: Any) -> list[str]:
    """Return the names of a batch's columns."""
    if isinstance(batch, dict):
        return [str(name) for name in batch]
    return [str(name) for name in getattr(batch, "column_names", getattr(batch, "columns", ()))]


def rows_of(batch: Any) -> list[dict[str, Any]]:
    """Return the rows of a batch, each a dict of plain values where those exist."""
    if isinstance(batch, dict):
        count = len(next(iter(batch.values()), ()))
        return [{name: _plain(cells[place]) for name, cells in batch.items()} for place in range(count)]
    if hasattr(batch, "to_pylist"):
        rows: list[dict[str, Any]] = batch.to_pylist()
        return rows
    records: list[dict[str, Any]] = batch.to_dict("records")
    return [{str(name): _plain(value) for name, value in row.items()} for row in records]


def with_outcomes(batch: Any, names: Sequence[str], outcomes: Sequence[Outcome], *, has_vectors: bool = False) -> Any:
    """Return a batch of the same format: its columns as they are, and behind them the new ones.

    `has_vectors` says that answers are vectors, also where each row of the batch has failed.
    """
    fields = [tuple(getattr(outcome, field) for outcome in outcomes) for field in ANSWER_COLUMNS]
    if isinstance(batch, dict):
        import numpy  # noqa: PLC0415 - comes with Ray Data

        new = dict(batch)
        for name, cells in zip(names, fields, strict=True):
            column = numpy.empty(len(cells), dtype=object)
            for place, cell in enumerate(cells):
                column[place] = cell
            new[name] = column
        return new
    if hasattr(batch, "append_column"):
        return _with_arrow_columns(batch, names, fields, has_vectors=has_vectors)
    import pandas  # noqa: PLC0415 - comes with Ray Data

    table = batch.copy(deep=False)
    for name, field, cells in zip(names, ANSWER_COLUMNS, fields, strict=True):
        dtype = "Int64" if field in _WHOLE_NUMBERS else "Float64" if field in _NUMBERS else object
        table[name] = pandas.Series(list(cells), index=table.index, dtype=dtype)
    return table


def _with_arrow_columns(table: Any, names: Sequence[str], fields: Sequence[Sequence[Any]], *, has_vectors: bool) -> Any:
    import pyarrow  # noqa: PLC0415 - comes with Ray Data

    for name, field, cells in zip(names, ANSWER_COLUMNS, fields, strict=True):
        kind = pyarrow.string()
        if field in _WHOLE_NUMBERS:
            kind = pyarrow.int64()
        elif field in _NUMBERS:
            kind = pyarrow.float64()
        elif has_vectors and field == ANSWER_COLUMNS[0]:
            kind = pyarrow.list_(pyarrow.float64())
        table = table.append_column(name, pyarrow.array(cells, kind))
    return table


def cells_of(row: dict[str, Any]) -> dict[str, str]:
    """Return the cells of a row as a template puts them in: text as it is, all else as JSON."""
    return {
        name: cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=_as_json)
        for name, cell in row.items()
    }


def digest_of_row(row: dict[str, Any]) -> str:
    """Return what stands for all that a row holds."""
    text = json.dumps(row, sort_keys=True, default=_as_json)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _plain(value: Any) -> Any:
    """Return a number or a text of NumPy as Python's own."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _as_json(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return hashlib.blake2b(value, digest_size=16).hexdigest()
    return str(value)
