"""A file of requests run into a file of results: checked first, resumable, within its budget. What the command does.

`BatchJob.check` sends nothing; `BatchJob.run` yields each result after its row is written.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from kilo_gateway.batch.inspection import Inspection, inspect
from kilo_gateway.batch.journal import Found, Journal, digest_of, read_journal, rewrite_journal
from kilo_gateway.batch.json_rows import JsonRows
from kilo_gateway.batch.lock import FileLock
from kilo_gateway.batch.requests import ID_PREFIX
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


@dataclass(slots=True)
class BatchJob:
    """An input, an output, and what to do with an output that is there already."""

    source: InputFile
    output: Path
    error_file: Path | None = None
    """Where failed rows go; None: into the output."""
    fields: tuple[str, ...] = ()
    """The columns of an answer's fields, where the output is a table."""
    resume: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    """Whether rows that failed are asked again, and their rows replaced."""
    accept_changed: bool = False
    """Whether to resume although requests are others than those that were answered."""
    resumption: Resumption = field(default_factory=Resumption)
    _found: Found = field(default_factory=Found)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        """Take hold of the output for the whole run.

        Raises:
            InvalidSettingError: an output that is the input, is there already, cannot be written, or is in use.
        """
        self._check_paths()
        self._stack.enter_context(FileLock(self.output))
        if self.overwrite:
            for path in self._outputs():
                path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self, price_of: Callable[[str], Pricing | None]) -> Inspection:
        """Return what is found in the whole input, which is read without sending anything.

        Raises:
            InvalidSettingError: a template or table that cannot be used.
        """
        if self.source.template is not None and self.source.is_table:
            self.source.template.check(self.source.columns())
        return inspect(self.source, price_of)

    def prepare_output(self) -> None:
        """Read what is done already, mend what is torn, and take note of what was changed.

        Raises:
            InvalidSettingError: requests were changed, or the output was made by another tool.
        """
        for path in self._outputs():
            before = len(self._found.bad_rows)
            read_journal(path, self._format(path), self._found)
            if bad := self._found.bad_rows[before:]:
                self.resumption.mended.append((path, bad))
        if not self.accept_changed:
            self._refuse_foreign()
        again = self._found.failed if self.retry_failed else frozenset[bytes]()
        self._compare(again)
        if self.resumption.changed_count and not self.accept_changed:
            self._refuse_changed()
        mended = {path for path, _ in self.resumption.mended}
        for path in self._outputs():
            if path.exists() and (again or path in mended):
                rewrite_journal(path, self._format(path), drop=again)
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
            journal = files.enter_context(Journal(self.output, self._format(self.output)))
            failures = journal
            if self.error_file is not None:
                failures = files.enter_context(Journal(self.error_file, self._format(self.error_file)))
            async with start(self.open_requests()) as run:
                async for result in run:
                    (journal if result.is_done else failures).write(result)
                    yield result

    def _outputs(self) -> list[Path]:
        return [self.output] if self.error_file is None else [self.output, self.error_file]

    def _format(self, path: Path) -> Format:
        if path.suffix.lower() != ".csv":
            return JsonRows()
        return TableRows(self.source.columns(), self.fields)

    def _check_paths(self) -> None:
        outputs = self._outputs()
        for path in outputs:
            if path.exists() and path.samefile(self.source.path):
                raise InvalidSettingError(f"{path} is the input as well; choose another output.")
            if path.is_dir():
                raise InvalidSettingError(f"{path} is a folder; name a file.")
            if not path.parent.is_dir():
                raise InvalidSettingError(f"There is no folder {path.parent}; make it, or choose another.")
        if len(outputs) > 1 and outputs[0].absolute() == outputs[1].absolute():
            raise InvalidSettingError(f"{self.output} is given as output and as error file; choose two files.")
        if self.resume and self.overwrite:
            raise InvalidSettingError("Resuming and overwriting exclude each other; choose one.")
        if not self.resume and not self.overwrite:
            there = next((path for path in outputs if path.exists() and path.stat().st_size), None)
            if there is not None:
                raise InvalidSettingError(f"{there} is there already: resume it or overwrite it.")

    def _compare(self, again: AbstractSet[bytes]) -> None:
        """Count the requests that have a row, and those of them that are others than what was answered."""
        done = self.resumption
        if not self._found.fingerprints:
            return
        for request in self.source.requests():
            key = digest_of(request.custom_id)
            known = self._found.fingerprints.get(key)
            if known is None:
                continue
            if key in again:
                done.asked_again += 1
                continue
            done.resumed += 1
            done.failed_before += key in self._found.failed
            if known != request.fingerprint:
                done.changed_count += 1
                if len(done.changed) < _MOST_NAMED:
                    done.changed.append(request.custom_id)

    def _refuse_foreign(self) -> None:
        foreign = next((id_ for id_ in self._found.fingerprints.values() if not id_.startswith(ID_PREFIX)), None)
        if foreign is not None:
            raise InvalidSettingError(
                f"{self.output} was made by another tool (the id {foreign!r} is not ours), so what was asked cannot be "
                "compared. Accept changed requests to resume it all the same."
            )

    def _refuse_changed(self) -> None:
        raise InvalidSettingError(
            f"{self.resumption.changed_count} requests are others than those that were answered, among them "
            f"{', '.join(map(repr, self.resumption.changed))}: the model, the prompt or an option was changed. "
            "Accept changed requests to keep their answers, or write to another output."
        )
