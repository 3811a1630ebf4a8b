"""Output rows as a CSV table: the input's columns, then the answer or its fields, then what is known of the call."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from kilo_gateway.batch.journal import Record
from kilo_gateway.embeddings import Embeddings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kilo_gateway.batch.results import Result

FACTS: Final = ("finish_reason", "error", "cost", "custom_id", "id")
"""Columns that every table ends with; `error` is empty for an answered row, `id` says what was asked."""
ANSWER: Final = "answer"


class TableRows:
    """One record a row. `inputs` are the columns that are handed on, `fields` those of the schema's answers."""

    def __init__(self, inputs: Sequence[str] = (), fields: Sequence[str] = ()) -> None:
        self._inputs = tuple(inputs)
        self._fields = tuple(fields)
        self.columns = (*self._inputs, *(self._fields or (ANSWER,)), *FACTS)
        """All columns, in their order."""

    def header(self) -> bytes:
        """Return the row of the columns' names."""
        return _render(self.columns)

    def render(self, result: Result) -> bytes:
        """Return the row of a result."""
        inputs = [result.request.columns.get(name, "") for name in self._inputs]
        error = "" if result.error is None else result.error.message
        cost = "" if result.cost is None else f"{result.cost:f}"
        facts = [result.finish_reason or "", error, cost, result.custom_id, result.request.fingerprint]
        return _render([*inputs, *self._answers(result), *facts])

    def split(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the records: a line feed inside quotes is part of one."""
        record, is_quoted = b"", False
        for line in file:
            record += line
            if line.count(b'"') % 2:
                is_quoted = not is_quoted
            if not is_quoted:
                yield record
                record = b""
        if record:
            yield record

    def parse(self, row: bytes) -> Record | None:
        """Return what a record says; None for a torn one, and for the header."""
        if not row.endswith(b"\n"):
            return None
        try:
            cells = next(csv.reader(io.StringIO(row.decode("utf-8"), newline=""), strict=True), [])
        except (csv.Error, UnicodeDecodeError):
            return None
        if len(cells) != len(self.columns) or tuple(cells) == self.columns:
            return None
        facts = dict(zip(FACTS, cells[-len(FACTS) :], strict=True))
        return Record(facts["custom_id"], facts["id"], bool(facts["error"]))

    def _answers(self, result: Result) -> list[str]:
        answer = result.answer
        if answer is None:
            return [""] * max(1, len(self._fields))
        if isinstance(answer, Embeddings):
            return [json.dumps(answer.vectors)]
        if not self._fields:
            return [answer.text]
        values = _object_in(answer.text)
        return [_cell(values.get(name)) for name in self._fields]


def _object_in(text: str) -> dict[str, Any]:
    """Return the JSON object that an answer is; an empty one for any other answer."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _render(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode("utf-8", "replace")
