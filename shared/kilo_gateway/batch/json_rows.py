"""Output rows as lines of JSON, the format of OpenAI's batch output."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from kilo_gateway.batch.journal import Record
from kilo_gateway.batch.results import render_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.batch.results import Result

_FIRST_FAILURE: Final = HTTPStatus.BAD_REQUEST
_BEGINNING: Final = b'{"id":"batch_req_'


class JsonRows:
    """One line a row; lines end at a line feed only, whatever else stands inside strings."""

    def header(self) -> bytes:
        """Return nothing: lines of JSON have no header."""
        return b""

    def render(self, result: Result) -> bytes:
        """Return the line of a result."""
        return render_line(result, result.request.fingerprint)

    def split(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the lines."""
        yield from file

    def begins(self, row: bytes) -> bool:
        """Return whether a row begins as ours do."""
        return row[: len(_BEGINNING)] == _BEGINNING[: len(row)]

    def parse(self, row: bytes) -> Record | None:
        """Return what a line says; None for a torn one."""
        if not row.endswith(b"\n"):
            return None
        try:
            line: Any = json.loads(row)
        except (ValueError, RecursionError):
            return None
        if not isinstance(line, dict) or not isinstance(line.get("custom_id"), str):
            return None
        response = line.get("response")
        status = response.get("status_code") if isinstance(response, dict) else None
        is_failed = line.get("error") is not None or not isinstance(status, int) or status >= _FIRST_FAILURE
        return Record(line["custom_id"], str(line.get("id") or ""), is_failed)
