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

_HEAD: Final = re.compile(rb'\{"id":"%s([0-9a-f]{32})",' % ID_PREFIX.encode())
_PLACE_BITS: Final = 48


class AnswerFolder:
    """Grows by some 150 bytes a row that it has read.

    Where no column names the rows, equal rows have the same fingerprint: a line is then used for one row only, and what
    this worker writes itself for none.
    """

    def __init__(self, folder: Path, *, has_names: bool) -> None:
        self._folder = folder
        self._has_names = has_names
        self._paths: list[Path] = []
        self._places: dict[bytes, int | list[int]] = {}
        """Fingerprint -> where lines of it stand, the newest last."""
        self._journal: Journal | None = None
        self._end = 0
        self._own: Path | None = None

    def read(self) -> None:
        """Note every line that is there, the files in the order in which they were written last."""
        for path in sorted(self._folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime, path.name)):
            self._paths.append(path)
            number = len(self._paths) - 1
            with path.open("rb") as file:
                place = 0
                for line in file:
                    if line.endswith(b"\n") and (head := _HEAD.match(line)):  # else torn, or of another kind
                        self._note(head[1].decode(), number << _PLACE_BITS | place)
                    place += len(line)

    def find(self, fingerprint: str) -> bytes | None:
        """Return the newest line of a request; None: it is not there, or each is used."""
        key = bytes.fromhex(fingerprint.removeprefix(ID_PREFIX))
        found = self._places.get(key) if self._has_names else self._places.pop(key, None)
        if found is None:
            return None
        at = found if isinstance(found, int) else found[-1]
        if isinstance(found, list) and not self._has_names:
            self._places[key] = found[:-1] if len(found) > 2 else found[0]  # noqa: PLR2004 - one alone is no list
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
        if self._has_names:
            place = (len(self._paths) - 1) << _PLACE_BITS | self._end
            self._note(result.request.fingerprint.removeprefix(ID_PREFIX), place)
            self._end = self._own.stat().st_size

    def sync(self) -> None:
        """Have the system put on disk what was written."""
        if self._journal is not None:
            self._journal.sync()

    def close(self) -> None:
        """Put all on disk and let the file go."""
        if self._journal is not None:
            self._journal.close()

    def _note(self, fingerprint: str, at: int) -> None:
        key = bytes.fromhex(fingerprint)
        others = None if self._has_names else self._places.get(key)
        if others is None:
            self._places[key] = at
        else:
            self._places[key] = [*(others if isinstance(others, list) else [others]), at]


def check_folder(folder: Path, name: str, host: str) -> None:
    """Refuse a folder without the file that the coordinator has written there, or one that cannot be written.

    Raises:
        InvalidSettingError: says what a journal must be.
    """
    if not (folder / name).exists():
        raise InvalidSettingError(
            f"The journal {folder} on {host} is another folder than on the node of the coordinator. It must be on a "
            "file system that every node of the cluster has at the same path."
        )
    if not os.access(folder, os.W_OK):
        raise InvalidSettingError(f"The journal {folder} cannot be written on {host}. Choose another folder.")
