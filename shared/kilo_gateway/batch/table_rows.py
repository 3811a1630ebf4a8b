"""Output rows as a CSV table: the input's columns, then the answer or its fields, then what is known of the call."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from kilo_gateway.batch.journal import Record
from kilo_gateway.embeddings import Embeddings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kilo_gateway.batch.results import Result

FACTS: Final = ("finish_reason", "error", "cost", "custom_id", "id")
"""Columns that every table ends with; `error` is empty for an answered row, `id` says what was asked."""
ANSWER: Final = "answer"
_END: Final = re.compile(rb",batch_req_[0-9a-f]{32}\r?\n$")
_QUOTED_ENDS: Final = "\r\n"
"""The writer quotes the characters of its line end; a carriage return must be quoted as well as a line feed."""


class TableRows:
    """One record a row.

    `inputs` are the columns that are handed on, `fields` those of the schema's answers, which `read` finds in a text.
    """

    def __init__(
        self, inputs: Sequence[str] = (), fields: Sequence[str] = (), read: Callable[[str], Any] = json.loads
    ) -> None:
        self._read = read
        self._inputs = tuple(inputs)
        self._fields = tuple(fields)
        self.columns = _unlike((*self._inputs, *(self._fields or (ANSWER,)), *FACTS))
        """All columns, in their order; ours that are called like one before them have a number behind."""

    def header(self) -> bytes:
        """Return the row of the columns' names."""
        return _render(self.columns)

    def render(self, result: Result) -> bytes:
        """Return the row of a result."""
        inputs = [result.request.columns.get(name, "") for name in self._inputs]
        error = "" if result.error is None else result.error.message
        if result.error is not None and result.answer is not None:
            error = f"{error} The answer: {getattr(result.answer, 'text', '')}"
        cost = "" if result.cost is None else f"{result.cost:f}"
        facts = [result.finish_reason or "", error, cost, result.custom_id, result.request.fingerprint]
        return _render([*inputs, *self._answers(result), *facts])

    def split(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the records: a line feed inside quotes is part of one.

        A record that was torn inside quotes would swallow what follows; the next line that ends as a row does, and is
        one by itself, ends it.
        """
        lines: list[bytes] = []
        quotes, is_first = 0, True
        for line in file:
            lines.append(line)
            quotes += line.count(b'"')
            has_end = _END.search(line) is not None
            if has_end and len(lines) > 1:
                begun = next((at for at in range(len(lines)) if self.parse(b"".join(lines[at:])) is not None), None)
                if begun:
                    yield b"".join(lines[:begun])
                    lines = lines[begun:]
                is_whole = begun is not None
            else:
                is_whole = not quotes % 2 and (has_end or is_first or self.parse(line) is not None)
            if is_whole:
                yield b"".join(lines)
                lines, quotes, is_first = [], 0, False
        if lines:
            yield b"".join(lines)

    def begins(self, row: bytes) -> bool:
        """Return whether a row is the header, or begins like it and is torn."""
        row, header = row.removeprefix(b"\xef\xbb\xbf"), self.header()
        return row.strip() == header.strip() or header.startswith(row)

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
        values = self._object_in(answer.text)
        return [_cell(values.get(name)) for name in self._fields]

    def _object_in(self, text: str) -> dict[str, Any]:
        """Return the JSON object in an answer; an empty one where there is none."""
        try:
            value = self._read(text)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _render(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator=_QUOTED_ENDS).writerow(cells)
    return text.getvalue().removesuffix(_QUOTED_ENDS).encode("utf-8", "replace") + b"\n"


def _unlike(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, each once: `id` beside another `id` is `id_2`."""
    found: dict[str, None] = {}
    for name in names:
        other = next(
            text for count in itertools.count(1) if (text := f"{name}_{count}" if count > 1 else name) not in found
        )
        found[other] = None
    return tuple(found)
