"""A file of requests run into a file of results: checked first, resumable, within its budget. What the command does.

`BatchJob.check` sends nothing; `BatchJob.run` yields each result after its row is written.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from kilo_gateway.batch.inspection import Inspection, inspect
from kilo_gateway.batch.journal import Found, Journal, digest_of, read_journal, rewrite_journal
from kilo_gateway.batch.json_rows import JsonRows
from kilo_gateway.batch.lock import FileLock
from kilo_gateway.batch.table_rows import TableRows
from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from kilo_gateway.batch.inputs import InputFile
    from kilo_gateway.batch.journal import Format
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.results import Result
    from kilo_gateway.batch.runner import BatchRun
    from kilo_gateway.catalog.prices import Pricing

    Start = Callable[[Iterator[PreparedRequest]], BatchRun]
    """Begins a run of requests."""

_MOST_NAMED: Final = 5


@dataclass(slots=True)
class Resumption:
    """What a run finds done already."""

    resumed: int = 0
    """Rows that are left as they are."""
    failed_before: int = 0
    """Those of them that are failures."""
    asked_again: int = 0
    """Failed rows whose requests are sent again."""
    mended: list[tuple[Path, list[int]]] = field(default_factory=list)
    """Files in which rows could not be read, and the numbers of those rows."""
    changed: list[str] = field(default_factory=list)
    """The first ids whose request is another than the one that was answered."""
    changed_count: int = 0
    met: int = 0
    """Rows of the output whose request is in the input."""
    strangers: int = 0
    """Rows of the output whose request is not; they stay."""
    lost_at_most: int = 0
    """How many requests may have been under way when the last run was killed; they are sent again."""


@dataclass(slots=True)
class BatchJob:
    """An input, an output, and what to do with an output that is there already."""

    source: InputFile
    output: Path
    error_file: Path | None = None
    """Where failed rows go; None: into the output."""
    fields: tuple[str, ...] = ()
    """The columns of an answer's fields, where the output is a table."""
    read_answer: Callable[[str], Any] = json.loads
    """Finds their values in the text of an answer; raises ValueError where there are none."""
    resume: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    """Whether rows that failed are asked again, and their rows replaced."""
    accept_changed: bool = False
    """Whether to resume although requests are others than those that were answered."""
    at_once: int = 0
    """How many requests may be under way, for whoever finds this run killed."""
    resumption: Resumption = field(default_factory=Resumption)
    _found: Found = field(default_factory=Found)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Take hold of the output for the whole run.

        Raises:
            InvalidSettingError: an output that is the input, is there already, cannot be written, or is in use.
        """
        self._check_paths()
        with ExitStack() as stack:
            locks = [stack.enter_context(FileLock(path, at_once=self.at_once)) for path in self._outputs()]
            self.resumption.lost_at_most = locks[0].lost_at_most
            self._check_what_is_there()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self, price_of: Callable[[str], Pricing | None] | None) -> Inspection:
        """Return what is found in the whole input, which is read without sending or writing anything.

        Without `price_of` it is not asked what the rows may cost.

        Raises:
            InvalidSettingError: a template, a table or an output that cannot be used.
        """
        if self.source.template is not None and self.source.is_table:
            self.source.template.check(self.source.columns())
        if self.resume:
            for path in self._outputs():
                before = len(self._found.bad_rows)
                read_journal(path, self._format(path), self._found)
                if bad := self._found.bad_rows[before:]:
                    self.resumption.mended.append((path, bad))
        found = inspect(self.source, price_of, self._note_request)
        self.resumption.strangers = len(self._found.fingerprints) - self.resumption.met
        return found

    def refuse_changes(self) -> None:
        """Refuse an output whose requests were others.

        Raises:
            InvalidSettingError: requests were changed, or the output was made by another tool.
        """
        if self.accept_changed:
            return
        if self._found.foreign_id is not None:
            raise InvalidSettingError(
                f"{self.output} was made by another tool (the id {self._found.foreign_id!r} is not ours), so what was "
                "asked cannot be compared. Accept changed requests to resume it all the same."
            )
        if self.resumption.changed_count:
            raise InvalidSettingError(
                f"{self.resumption.changed_count} requests are others than those that were answered, among them "
                f"{', '.join(map(repr, self.resumption.changed))}: the model, the prompt or an option was changed. "
                "Accept changed requests to keep their answers, or write to another output."
            )

    def prepare_output(self) -> None:
        """Leave out of the output what is torn or will be asked again. Raises what `refuse_changes` raises."""
        self.refuse_changes()
        again = self._to_retry
        mended = {path for path, _ in self.resumption.mended}
        for path in self._outputs():
            if self.overwrite:
                path.unlink(missing_ok=True)
            elif path.exists() and (again or path in mended or self._found.repeated):
                rewrite_journal(path, self._format(path), self._found, drop=again)
        for key in again:
            self._found.fingerprints.pop(key, None)

    def open_requests(self) -> Iterator[PreparedRequest]:
        """Yield the requests that have no row yet."""
        done = self._found.fingerprints
        return (request for request in self.source.requests() if digest_of(request.custom_id) not in done)

    async def run(self, start: Start) -> AsyncIterator[Result]:
        """Run what is open; each result is given after its row is written.

        Raises:
            OSError: a row could not be written; nothing more was sent.
            BatchStoppedError: the run ended early.
        """
        with ExitStack() as files:
            journals = [files.enter_context(Journal(path, self._format(path))) for path in self._outputs()]
            async with start(self.open_requests()) as run:
                async for result in run:
                    journals[0 if result.is_done else -1].write(result)
                    yield result

    @property
    def _to_retry(self) -> AbstractSet[bytes]:
        """Digests of the ids whose failures are asked again."""
        return self._found.failed if self.retry_failed else frozenset()

    def _outputs(self) -> list[Path]:
        """Return the files themselves, where links lead to them."""
        paths = [self.output] if self.error_file is None else [self.output, self.error_file]
        return [path.resolve() if path.is_symlink() else path for path in paths]

    def _format(self, path: Path) -> Format:
        if path.suffix.lower() != ".csv":
            return JsonRows()
        return TableRows(self.source.columns(), self.fields, self.read_answer)

    def _check_paths(self) -> None:
        outputs = self._outputs()
        for path in outputs:
            if path.exists() and path.samefile(self.source.path):
                raise InvalidSettingError(f"{path} is the input as well; choose another output.")
            if path.is_dir():
                raise InvalidSettingError(f"{path} is a folder; name a file.")
            if path.exists() and not path.is_file():
                raise InvalidSettingError(f"{path} is no plain file, and a run must be able to read it again.")
            if not path.parent.is_dir():
                raise InvalidSettingError(f"There is no folder {path.parent}; make it, or choose another.")
            if path.exists() and not os.access(path, os.W_OK):
                raise InvalidSettingError(f"{path} cannot be written: it is read-only. Choose another place.")
        if len(outputs) > 1 and _is_one_file(*outputs):
            raise InvalidSettingError(f"{self.output} is given as output and as error file; choose two files.")
        if self.resume and self.overwrite:
            raise InvalidSettingError("Resuming and overwriting exclude each other; choose one.")

    def _check_what_is_there(self) -> None:
        if self.resume or self.overwrite:
            return
        there = next((path for path in self._outputs() if path.exists() and path.stat().st_size), None)
        if there is not None:
            raise InvalidSettingError(f"{there} is there already: resume it or overwrite it.")

    def _note_request(self, request: PreparedRequest) -> bool:
        """Return whether a request is to be sent; count it, and whether it is another than what was answered."""
        key = digest_of(request.custom_id)
        known = self._found.fingerprints.get(key)
        if known is None:
            return True
        done = self.resumption
        done.met += 1
        if key in self._to_retry:
            done.asked_again += 1
            return True
        done.resumed += 1
        done.failed_before += key in self._found.failed
        if known != digest_of(request.fingerprint):
            done.changed_count += 1
            if len(done.changed) < _MOST_NAMED:
                done.changed.append(request.custom_id)
        return False


def _is_one_file(first: Path, second: Path) -> bool:
    if first.exists() and second.exists():
        return first.samefile(second)
    return first.absolute() == second.absolute()
