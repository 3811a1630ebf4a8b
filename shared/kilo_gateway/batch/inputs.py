"""The input file of a run: read row by row, as often as wanted, each row a request or a problem with its line.

Three kinds: OpenAI's batch JSONL; plain JSONL and CSV, where a template makes a prompt of each row. Never sends.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from kilo_gateway.batch.requests import CHAT_URL, PreparedRequest, Request, parse_endpoint, prepare
from kilo_gateway.errors import InvalidRequestError, InvalidSettingError, KiloError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    from kilo_gateway.batch.template import Template

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_LONG_NUMBER: Final = re.compile(rb"\d{16}")
_KEYS: Final = (b'"custom_id"', b'"body"', b'"url"', b'"method"')
_LONGEST_CELL: Final = sys.maxsize >> 33


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row."""

    line: int
    """Where it stands, from 1."""
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(slots=True)
class InputFile:
    """An input file, and how its rows become requests."""

    path: Path
    model: str | None = None
    """Taken where a row names no model; beside a different one the row is refused."""
    usual_model: str | None = None
    """Taken where neither the row nor `model` names one."""
    template: Template | None = None
    """Makes prompts of the rows of a plain file; without one the file is a batch file."""
    options: dict[str, Any] = field(default_factory=dict)
    """Put into each request of a plain file, such as `max_tokens` and `response_format`."""
    system: str | None = None
    """The system prompt of each request of a plain file."""
    blank_lines: int = 0
    """How many lines of the last reading were blank."""

    @property
    def is_table(self) -> bool:
        """Whether it is CSV."""
        return self.path.suffix.lower() == ".csv"

    def columns(self) -> tuple[str, ...]:
        """Return the columns of a table; none for another file.

        Raises:
            InvalidSettingError: no header, a column that is there twice, or no table in UTF-8.
        """
        if not self.is_table:
            return ()
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            try:
                header = next(csv.reader(file, strict=True), [])
            except (csv.Error, UnicodeDecodeError) as error:
                raise InvalidSettingError(f"{self.path} is no table in UTF-8: {_why(error)}. Save it as one.") from None
        if not header:
            raise InvalidSettingError(f"{self.path} is empty; a table begins with the names of its columns.")
        twice = next((name for name in header if header.count(name) > 1), None)
        if twice is not None:
            raise InvalidSettingError(f"{self.path} has the column {twice!r} twice; rename one of them.")
        return tuple(header)

    def rows(self) -> Iterator[PreparedRequest | Problem]:
        """Yield each row as the request it becomes, or as what is wrong with it."""
        self.blank_lines = 0
        if self.template is None:
            yield from self._batch_rows()
        elif self.is_table:
            yield from self._table_rows()
        else:
            yield from self._object_rows()

    def requests(self) -> Iterator[PreparedRequest]:
        """Yield the requests of a file that has been found to be right."""
        return (row for row in self.rows() if isinstance(row, PreparedRequest))

    def _batch_rows(self) -> Iterator[PreparedRequest | Problem]:
        for line, value in self._objects():
            if isinstance(value, Problem):
                yield value
                continue
            try:
                yield self._prepare(_request_of(value), line)
            except KiloError as error:
                yield Problem(line, error.message)

    def _object_rows(self) -> Iterator[PreparedRequest | Problem]:
        for line, value in self._objects():
            yield value if isinstance(value, Problem) else self._from_cells(line, line, _as_cells(value))

    def _table_rows(self) -> Iterator[PreparedRequest | Problem]:
        csv.field_size_limit(_LONGEST_CELL)
        columns = self.columns()
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            next(reader)
            number = 0
            try:
                for cells in reader:
                    if not cells:
                        self.blank_lines += 1
                        continue
                    number += 1
                    if len(cells) != len(columns):
                        yield Problem(reader.line_num, f"{len(cells)} cells where there are {len(columns)} columns.")
                    else:
                        yield self._from_cells(reader.line_num, number, dict(zip(columns, cells, strict=True)))
            except (csv.Error, UnicodeDecodeError) as error:
                yield Problem(reader.line_num + 1, f"not a row of a table in UTF-8: {_why(error)}.")

    def _from_cells(self, line: int, number: int, cells: dict[str, str]) -> PreparedRequest | Problem:
        assert self.template is not None  # noqa: S101 - rows of plain files have one
        try:
            self.template.check(cells)
            messages = [{"role": "user", "content": self.template.fill(cells)}]
            if self.system is not None:
                messages.insert(0, {"role": "system", "content": self.system})
            request = Request(str(number), {**self.options, "messages": messages}, CHAT_URL)
            prepared = self._prepare(request, line)
        except KiloError as error:
            return Problem(line, error.message)
        prepared.columns = cells
        return prepared

    def _prepare(self, request: Request, line: int) -> PreparedRequest:
        return prepare(request, default_model=self.model, usual_model=self.usual_model, place=line)

    def _objects(self) -> Iterator[tuple[int, Any]]:
        """Yield the number of each line that is not blank, with its object or what is wrong with it."""
        with self.path.open("rb") as file:
            for line, text in enumerate(_lines(file), 1):
                if text.strip():
                    yield line, _parse_object(line, text)
                else:
                    self.blank_lines += 1


def _why(error: csv.Error | UnicodeDecodeError) -> str:
    """Return what is wrong with a table, without Python's names for it."""
    if isinstance(error, UnicodeDecodeError):
        return f"it holds the byte 0x{error.object[error.start]:02x}"
    return str(error)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield lines, which end at a line feed only, without a byte order mark before the first."""
    for number, line in enumerate(file):
        yield line.removeprefix(_BYTE_ORDER_MARK) if number == 0 else line


def _parse_object(line: int, text: bytes) -> Any:
    """Return the object of a line, or what is wrong with it.

    orjson takes a third of the time for most lines; what it refuses, and numbers of which it could change a digit, are
    for `json`. `test_inputs.py` holds the two equal.
    """
    value = None if _LONG_NUMBER.search(text) else _quickly(text)
    if type(value) is not dict:
        value = _parse_slowly(line, text)
    if isinstance(value, dict) and any(text.count(key) > 1 for key in _KEYS):
        twice = _repeated_key(text)
        return value if twice is None else Problem(line, f"`{twice}` is there twice; leave one of them out.")
    return value


def _quickly(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _repeated_key(text: bytes) -> str | None:
    """Return the first key of a line's own that is there twice: of which one is meant nobody can tell."""
    outermost: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = [name for name, _ in pairs]
        return dict(pairs)

    json.loads(text, object_pairs_hook=note)
    return next((name for place, name in enumerate(outermost) if name in outermost[:place]), None)


def _parse_slowly(line: int, text: bytes) -> Any:
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        return Problem(line, "not UTF-8.")
    except RecursionError:
        return Problem(line, "nested too deep.")
    except json.JSONDecodeError as error:
        return Problem(line, f"not JSON: {error.msg} at byte {len(error.doc[: error.pos].encode()) + 1}.")
    except ValueError as error:
        return Problem(line, f"not JSON: {error}.")
    return value if isinstance(value, dict) else Problem(line, "not a JSON object.")


def _refuse_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is no number of JSON")


def _request_of(value: dict[str, Any]) -> Request:
    """Return the request of a line of a batch file. Raises InvalidRequestError."""
    for name in ("custom_id", "body"):
        if name not in value:
            hint = " (`params` is Anthropic's name for it)" if name == "body" and "params" in value else ""
            raise InvalidRequestError(f"`{name}` is missing{hint}.")
    method = value.get("method", "POST")
    if method != "POST":
        raise InvalidRequestError(f"`method` is {method!r}; it must be 'POST'.")
    url = value.get("url", CHAT_URL)
    parse_endpoint(url)
    return Request(value["custom_id"], value["body"], url)


def _as_cells(value: dict[str, Any]) -> dict[str, str]:
    return {
        name: item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for name, item in value.items()
    }
