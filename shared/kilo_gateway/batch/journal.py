"""The output file of a run: what it holds already, mended where it was torn, and one write for each new row.

A row is whole or not there: a write that fails is taken back, and a torn tail is cut before the first append.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, Self

from kilo_gateway.batch.requests import ID_PREFIX
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from types import TracebackType

    from kilo_gateway.batch.results import Result

_SYNC_SECONDS: Final = 1.0
_SYNC_ROWS: Final = 1000
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one row of an output file."""

    custom_id: str
    fingerprint: str
    """Its `id`: ours begins with `batch_req_`, and says what was asked."""
    is_failed: bool


class Format(Protocol):
    """How rows stand in a file."""

    def header(self) -> bytes:
        """Return what a new file begins with."""

    def render(self, result: Result) -> bytes:
        """Return the row of a result, with its end."""

    def split(self, file: BinaryIO) -> Iterator[bytes]:
        """Yield the rows of a file, each with its end; the header first, if there is one; a torn tail as it is."""

    def parse(self, row: bytes) -> Record | None:
        """Return what a row says; None for one that is torn or is no row."""

    def begins(self, row: bytes) -> bool:
        """Return whether a file of this format may begin with this row, which may be torn."""


@dataclass(slots=True)
class Found:
    """What the output files held when a run began. Of two rows with one id the answered one counts, else the last."""

    fingerprints: dict[bytes, bytes] = field(default_factory=dict)
    """A digest of each id that has a row -> a digest of the row's fingerprint."""
    failed: set[bytes] = field(default_factory=set)
    """Digests of the ids whose row is a failure."""
    foreign_id: str | None = None
    """The first `id` that another tool has written."""
    bad_rows: list[int] = field(default_factory=list)
    """The numbers of rows that could not be read, from 1; their requests are sent again."""
    repeated: int = 0
    """Rows whose id has another row that counts."""

    def take(self, record: Record) -> None:
        """Note a row."""
        key = digest_of(record.custom_id)
        if key in self.fingerprints:
            self.repeated += 1
            if record.is_failed and key not in self.failed:
                return
        if record.is_failed:
            self.failed.add(key)
        else:
            self.failed.discard(key)
        if not record.fingerprint.startswith(ID_PREFIX):
            self.foreign_id = self.foreign_id or record.fingerprint
        self.fingerprints[key] = digest_of(record.fingerprint)


def digest_of(custom_id: str) -> bytes:
    """Return what stands for an id in memory."""
    return hashlib.blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def read_journal(path: Path, rows: Format, found: Found) -> None:
    """Note what a file holds; a file that is not there holds nothing.

    Raises:
        InvalidSettingError: the file is no output of this kind of run; it is left as it is.
    """
    if not path.exists():
        return
    header = rows.header().strip()
    readable, is_other = 0, False
    with path.open("rb") as file:
        for number, row in enumerate(rows.split(file), 1):
            record = rows.parse(row)
            if number == 1:
                if header and row.removeprefix(_BYTE_ORDER_MARK).strip() == header:
                    continue
                is_other = not rows.begins(row)
                if header and is_other and record is not None:
                    break  # as many columns as ours, and other ones
            if record is not None:
                readable += 1
                found.take(record)
            elif row.strip():
                found.bad_rows.append(number)
    if is_other and not readable:
        raise InvalidSettingError(
            f"{path} is no output of such a run{', or one with other columns' if header else ''}: choose another "
            "output, or overwrite it."
        )


def rewrite_journal(path: Path, rows: Format, found: Found, *, drop: AbstractSet[bytes]) -> None:
    """Leave out rows that cannot be read or do not count, and those of ids to drop: a new file, then a rename."""
    kept: set[bytes] = set()
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as target, path.open("rb") as source:
            target.write(rows.header())
            for row in rows.split(source):
                record = rows.parse(row)
                key = None if record is None else digest_of(record.custom_id)
                if record is None or key is None or key in drop or key in kept:
                    continue
                if record.is_failed and key not in found.failed:
                    continue
                kept.add(key)
                target.write(row)
            target.flush()
            os.fsync(target.fileno())
        Path(name).chmod(path.stat().st_mode & 0o777)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Journal:
    """An output file, open for appending."""

    def __init__(self, path: Path, rows: Format) -> None:
        self._rows = rows
        self._file = path.open("ab", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size
        self._unsynced = 0
        self._synced_at = monotonic()
        if not self._size and (header := rows.header()):
            self._append(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def write(self, result: Result) -> None:
        """Append the row of a result.

        Raises:
            OSError: the disk took less than the row; the file is as it was before.
        """
        self._append(self._rows.render(result))
        self._unsynced += 1
        if self._unsynced >= _SYNC_ROWS or monotonic() - self._synced_at > _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Have the system put on disk what was written."""
        os.fsync(self._file.fileno())
        self._unsynced, self._synced_at = 0, monotonic()

    def close(self) -> None:
        """Put all on disk and let the file go."""
        if not self._file.closed:
            try:
                self.sync()
            finally:
                self._file.close()

    def _append(self, row: bytes) -> None:
        view = memoryview(row)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            os.ftruncate(self._file.fileno(), self._size)
            raise
        self._size += len(row)
