"""One run of the command line: streams made ready, signals turned into exit statuses, every failure into one line."""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from kilo_gateway.cli.app import PROGRAM, cli
from kilo_gateway.cli.failures import Failure, failure_of
from kilo_gateway.cli.statuses import (
    DONE,
    HUNG_UP,
    INTERRUPTED,
    READER_GONE,
    TERMINATED,
    WRONG_USAGE,
    TerminatedError,
)
from kilo_gateway.cli.streams import ReaderGoneError, abandon, is_reader_gone, prepare_streams, text_width
from kilo_gateway.cli.usage import explain_usage

if TYPE_CHECKING:
    from collections.abc import Sequence

_COMPLETE = "_KILO_GATEWAY_COMPLETE"
_WIDEST_HELP = 100


def run(arguments: Sequence[str]) -> int:
    """Run a command and return its exit status. Writes at most one line about what went wrong."""
    prepare_streams()
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # its command line, long to import, is optional
    logging.getLogger("kilo_gateway").addHandler(logging.NullHandler())
    logging.getLogger("kilo_gateway").propagate = False
    with suppress(ValueError):  # not the main thread
        _end_on_signals()
    try:
        status = _run_to_end(arguments)
    except BrokenPipeError:
        status = READER_GONE
    return _flush(status)


def _run_to_end(arguments: Sequence[str]) -> int:
    try:
        return _invoke(arguments)
    except KeyboardInterrupt:
        failure = Failure("The command was interrupted.", INTERRUPTED, "interrupted")
    except TerminatedError as end:
        failure = Failure("The command was terminated.", end.status, "interrupted")
    except ReaderGoneError:
        return READER_GONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.message)
        return DONE
    except click.UsageError as error:
        failure = Failure(explain_usage(error), WRONG_USAGE, "usage")
    except Exception as error:  # noqa: BLE001 - what is none of ours is raised again
        if isinstance(error, OSError) and is_reader_gone(error):
            return READER_GONE
        failure = failure_of(error)
    _report(failure, as_json=_wants_json(arguments))
    return failure.exit_status


def _invoke(arguments: Sequence[str]) -> int:
    if os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete  # noqa: PLC0415 - for completion only

        return shell_complete(cli, {}, PROGRAM, _COMPLETE, os.environ[_COMPLETE])
    width = min(text_width(), _WIDEST_HELP)
    try:
        with cli.make_context(PROGRAM, list(arguments), terminal_width=width) as context:
            status: Any = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return status if isinstance(status, int) else DONE


def _report(failure: Failure, *, as_json: bool) -> None:
    """Write the failure, a signal's to scripts only; a stream that cannot be written is left alone."""
    texts = [(sys.stdout, failure.json())] if as_json else []
    if failure.exit_status not in {INTERRUPTED, TERMINATED, HUNG_UP}:
        texts.append((sys.stderr, failure.line()))
    for stream, text in texts:
        with suppress(OSError):
            stream.write(f"{text}\n")
            stream.flush()


def _wants_json(arguments: Sequence[str]) -> bool:
    options = list(arguments)
    return "--json" in options[: options.index("--")] if "--" in options else "--json" in options


def _flush(status: int) -> int:
    """Write what is still in the buffers, so that nothing is left that could fail after this."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            abandon(stream)
            if is_reader_gone(error):
                status = status or READER_GONE
            elif not status:
                failure = failure_of(error)
                _report(failure, as_json=False)
                status = failure.exit_status
    return status


def _end_on_signals() -> None:
    """End on SIGTERM and SIGHUP as on Ctrl-C; what `nohup` has ignored stays ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _terminate)


def _terminate(number: int, _: object) -> None:
    raise TerminatedError(HUNG_UP if number != signal.SIGTERM else TERMINATED)
