"""The record as a database: written with patience, read without creating anything. Holds no key and no header."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.log.home import database_path, make_folder, make_private_file
from kilo_gateway.cli.statuses import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS: Final = 10.0
_ID_BYTES: Final = 8
_JSON: Final = frozenset({"usage", "attachments", "messages"})


@dataclass(slots=True)
class LogEntry:
    """One answer, with what was asked."""

    id: str
    conversation: str
    time: str
    """ISO 8601, UTC."""
    ref: str
    """The model that was asked."""
    model: str | None
    """The model that answered."""
    system: str | None
    level: str | None
    prompt: str
    text: str
    reasoning: str | None
    usage: dict[str, Any] | None
    cost: float | None
    finish_reason: str | None
    attachments: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    """As they went over the wire, to go on from."""


_COLUMNS: Final = tuple(field.name for field in fields(LogEntry))
_TABLE: Final = f"CREATE TABLE IF NOT EXISTS answers (number INTEGER PRIMARY KEY, {', '.join(_COLUMNS)}, UNIQUE (id))"
_INSERT: Final = f"INSERT INTO answers ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 - our own names
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM answers"  # noqa: S608 - our own names


def new_id() -> str:
    """Return an id that nothing has yet."""
    return secrets.token_hex(_ID_BYTES)


def now() -> str:
    """Return the time as it is recorded."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def write_entry(path: Path, entry: LogEntry) -> None:
    """Add an answer. Waits while another process writes.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
    """
    if path == database_path():
        make_folder(path.parent)
    make_private_file(path)
    values = [json.dumps(value) if name in _JSON else value for name, value in _named(entry)]
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
        _use_write_ahead_log(database)
        database.execute("BEGIN IMMEDIATE")
        database.execute(_TABLE)
        database.execute(_INSERT, values)
        database.execute("COMMIT")


def _named(entry: LogEntry) -> list[tuple[str, Any]]:
    return list(zip(_COLUMNS, astuple(entry), strict=True))


def _use_write_ahead_log(database: sqlite3.Connection) -> None:
    """Switch the journal, which SQLite refuses at once, without waiting, while somebody else is in the file."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


class Log:
    """What is recorded in a file; empty when there is no file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def latest(self) -> LogEntry | None:
        """Return the answer that was recorded last."""
        return next(iter(self._select("ORDER BY number DESC LIMIT 1")), None)

    def conversation(self, conversation: str) -> list[LogEntry]:
        """Return the answers of a conversation, the first one first."""
        return self._select("WHERE conversation = ? ORDER BY number", conversation)

    def find(
        self, *, text: str | None = None, model: str | None = None, conversation: str | None = None, most: int = 0
    ) -> list[LogEntry]:
        """Return the last `most` answers (0 is all) that match, the first one first."""
        wheres: list[str] = []
        values: list[Any] = []
        if text:
            wheres.append("instr(lower(prompt || char(10) || text || char(10) || coalesce(system, '')), lower(?)) > 0")
            values.append(text)
        if model:
            wheres.append("(lower(ref) = lower(?) OR lower(coalesce(model, '')) = lower(?))")
            values += [model, model]
        if conversation:
            wheres.append("conversation = ?")
            values.append(conversation)
        where = f"WHERE {' AND '.join(wheres)} " if wheres else ""
        limit = f" LIMIT {int(most)}" if most > 0 else ""
        return self._select(f"{where}ORDER BY number DESC{limit}", *values)[::-1]

    def counts(self) -> tuple[int, int]:
        """Return how many answers and conversations there are."""
        with self._open() as database:
            if database is None:
                return 0, 0
            answers, conversations = database.execute(
                "SELECT count(*), count(DISTINCT conversation) FROM answers"
            ).fetchone()
            return answers, conversations

    def delete(self, id_or_conversation: str | None) -> int:
        """Delete an answer, the answers of a conversation, or with None all; return how many."""
        with self._open() as database:
            if database is None:
                return 0
            if id_or_conversation is None:
                deleted = database.execute("DELETE FROM answers").rowcount
            else:
                deleted = database.execute(
                    "DELETE FROM answers WHERE id = ? OR conversation = ?", (id_or_conversation, id_or_conversation)
                ).rowcount
            if deleted:
                database.execute("VACUUM")
            return deleted

    def _select(self, rest: str, *values: Any) -> list[LogEntry]:
        with self._open() as database:
            rows = [] if database is None else database.execute(f"{_SELECT} {rest}", values).fetchall()
        return [_parse(row) for row in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection | None]:
        """Yield the database; None when there is no file, which is not made.

        Raises:
            CommandError: it cannot be read.
        """
        if not self.path.exists():
            yield None
            return
        try:
            uri = f"{self.path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as database:
                yield database
        except sqlite3.Error as error:
            raise CommandError(
                f"The log {self.path} cannot be used: {error}. Check the file, or name another."
            ) from None


def _parse(row: tuple[Any, ...]) -> LogEntry:
    named = dict(zip(_COLUMNS, row, strict=True))
    return LogEntry(**{name: json.loads(value) if name in _JSON else value for name, value in named.items()})
