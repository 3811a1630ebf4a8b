"""The journal of a run: a folder of answers that outlives workers, a file each, in the format of batch outputs.

A worker reads all that is there when it begins, and appends to a file of its own. Ray sends the work of a worker that
died to its successor, which has read what that one wrote.
"""

from __future__ import annotations

import os
import re
import uuid
from typing import TYPE_CHECKING, Final

from kilo_gateway.batch.journal import Journal
from kilo_gateway.batch.json_rows import JsonRows
from kilo_gateway.batch.requests import ID_PREFIX
from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from pathlib import Path

    from kilo_gateway.batch.results import Result

NAMELESS: Final = "row-"
"""With what the ids of rows begin that no column names: `row-<digest of the row>.<digest of its batch>.<place>`."""
_HEAD: Final = re.compile(rb'\{"id":"batch_req_([0-9a-f]{32})","custom_id":"(?:row-([0-9a-f]{32})\.)?')
_PLACE_BITS: Final = 48


class AnswerFolder:
    """Grows by some 150 bytes a row that it has read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: list[Path] = []
        self._by_request: dict[bytes, int] = {}
        """Fingerprint -> where its line stands."""
        self._by_row: dict[bytes, int | list[int]] = {}
        """Digest of a row that no column names -> where lines of it stand; each is used once."""
        self._journal: Journal | None = None
        self._end = 0
        self._own: Path | None = None

    def read(self) -> None:
        """Note every answer that is there; of two with one fingerprint the later file's counts."""
        paths = sorted(self._folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name))
        for path in paths:
            self._paths.append(path)
            number = len(self._paths) - 1
            with path.open("rb") as file:
                place = 0
                for line in file:
                    if line.endswith(b"\n"):  # else torn, or still being written
                        self._note(line, number << _PLACE_BITS | place)
                    place += len(line)

    def find(self, fingerprint: str, row: str | None) -> bytes | None:
        """Return the line of a request, or, where no column names rows, one of an equal row; None: it is not there."""
        at = self._by_request.get(bytes.fromhex(fingerprint.removeprefix(ID_PREFIX)))
        if at is None and row is not None:
            at = self._take_equal(bytes.fromhex(row))
        if at is None:
            return None
        with self._paths[at >> _PLACE_BITS].open("rb") as file:
            file.seek(at & ((1 << _PLACE_BITS) - 1))
            return file.readline()

    def write(self, result: Result) -> None:
        """Append the line of a result.

        Raises:
            OSError: the disk took less than the line; the file is as it was before.
        """
        if self._journal is None or self._own is None:
            self._own = self._folder / f"{uuid.uuid4().hex[:12]}.jsonl"
            self._journal = Journal(self._own, JsonRows())
            self._paths.append(self._own)
        self._journal.write(result)
        fingerprint = bytes.fromhex(result.request.fingerprint.removeprefix(ID_PREFIX))
        self._by_request[fingerprint] = (len(self._paths) - 1) << _PLACE_BITS | self._end
        self._end = self._own.stat().st_size

    def sync(self) -> None:
        """Have the system put on disk what was written."""
        if self._journal is not None:
            self._journal.sync()

    def close(self) -> None:
        """Put all on disk and let the file go."""
        if self._journal is not None:
            self._journal.close()

    def _note(self, line: bytes, at: int) -> None:
        head = _HEAD.match(line)
        if head is None:
            return
        self._by_request[bytes.fromhex(head[1].decode())] = at
        if head[2] is not None:
            row = bytes.fromhex(head[2].decode())
            others = self._by_row.get(row)
            if others is None:
                self._by_row[row] = at
            else:
                self._by_row[row] = [*(others if isinstance(others, list) else [others]), at]

    def _take_equal(self, row: bytes) -> int | None:
        found = self._by_row.pop(row, None)
        if isinstance(found, list):
            self._by_row[row] = found[1:] if len(found) > 2 else found[1]  # noqa: PLR2004 - one left is no list
            return found[0]
        return found


def check_folder(folder: Path, word: str, host: str) -> None:
    """Refuse a folder that is not the one that the coordinator sees, or that cannot be written.

    Raises:
        InvalidSettingError: says what a journal must be.
    """
    if not (folder / word).exists():
        raise InvalidSettingError(
            f"The journal {folder} on {host} is another folder than on the node of the coordinator. It must be on a "
            "file system that every node of the cluster has at the same path."
        )
    if not os.access(folder, os.W_OK):
        raise InvalidSettingError(f"The journal {folder} cannot be written on {host}. Choose another folder.")
