"""What was typed after `kilo-gateway batch`, and the job that it means."""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kilo_gateway.batch.inputs import InputFile
from kilo_gateway.batch.job import BatchJob
from kilo_gateway.batch.options import RunOptions
from kilo_gateway.batch.order import WINDOW
from kilo_gateway.batch.template import Template
from kilo_gateway.cli.chat.schema import fit_answer, render_format
from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from contextlib import ExitStack

    from kilo_gateway.batch import Budget
    from kilo_gateway.catalog.prices import Pricing


@dataclass(slots=True)
class BatchCommand:
    """What was typed."""

    source: str
    """The input's path, or `-` for stdin."""
    output: Path
    error_file: Path | None = None
    model: str | None = None
    base_url: str | None = None
    template: str | None = None
    system: str | None = None
    schema: dict[str, Any] | None = None
    request_options: dict[str, Any] = field(default_factory=dict)
    """Put into each request that a template makes."""
    resume: bool = False
    overwrite: bool = False
    retry_failed: bool = False
    accept_changed: bool = False
    dry_run: bool = False
    budget: Budget | None = None
    price: Pricing | None = None
    numbers: RunOptions = field(default_factory=RunOptions)

    @property
    def source_name(self) -> str:
        """How messages name the input."""
        return "stdin" if self.source == "-" else self.source


def input_path(command: BatchCommand, stack: ExitStack) -> Path:
    """Return where the input is: stdin or a pipe is put into a file first, for it is read more than once.

    Raises:
        InvalidSettingError: no such file.
    """
    path = Path(command.source)
    is_pipe = command.source != "-" and path.is_fifo()
    if command.source != "-" and not is_pipe:
        if not path.is_file():
            raise InvalidSettingError(
                f"{path} is not a file; name one." if path.exists() else f"There is no file {path}; check the path."
            )
        return path
    file = stack.enter_context(tempfile.NamedTemporaryFile(suffix=".jsonl"))  # noqa: SIM115 - the stack closes it
    source = stack.enter_context(path.open("rb")) if is_pipe else sys.stdin.buffer
    shutil.copyfileobj(source, file)
    file.flush()
    return Path(file.name)


def job_of(command: BatchCommand, path: Path, usual_model: str | None) -> BatchJob:
    """Return the job; `usual_model` is for rows that name none where no `--model` was typed.

    Raises:
        InvalidSettingError: options that need a template, without one.
    """
    if str(command.output) == "-" or str(command.error_file) == "-":
        raise InvalidSettingError("An output must be a file, so that a run can go on with it; - is for the input only.")
    if (command.retry_failed or command.accept_changed) and not command.resume:
        raise InvalidSettingError(
            "--retry-failed and --accept-changed are about an output that is there: add --resume."
        )
    template = None if command.template is None else Template(command.template)
    if template is None and (path.suffix.lower() == ".csv" or command.schema or command.system):
        raise InvalidSettingError("A table, --schema and --system need --template, which makes prompts of the rows.")
    if template is None and command.request_options:
        raise InvalidSettingError("--option needs --template: the rows of a batch file have their own options.")
    if template is not None and (command.model or usual_model or command.request_options.get("model")) is None:
        raise InvalidSettingError("There is no model for the prompts. Name one with --model, or set KILOCODE_MODEL.")
    options = dict(command.request_options)
    fields: tuple[str, ...] = ()
    if command.schema is not None:
        options["response_format"] = render_format(command.schema)
        fields = tuple(command.schema.get("properties", {}))
    source = InputFile(path, command.model, usual_model, template, options, command.system)
    return BatchJob(
        source,
        command.output,
        command.error_file,
        fields,
        read_answer=lambda text: fit_answer(text, command.schema or {})[1],
        resume=command.resume,
        overwrite=command.overwrite,
        retry_failed=command.retry_failed,
        accept_changed=command.accept_changed,
        at_once=command.numbers.concurrency * (1 + WINDOW if command.numbers.ordered else 1),
    )
