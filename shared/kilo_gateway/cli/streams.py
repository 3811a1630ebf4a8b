"""The three streams of the process: which of them is a terminal, in which encoding, and how they fail."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final

from kilo_gateway.cli.text import TextCleaner, show_controls
from kilo_gateway.jsontext import mend_surrogates

if TYPE_CHECKING:
    from typing import TextIO

_DEFAULT_WIDTH: Final = 80


class ReaderGoneError(Exception):
    """Nobody reads the stream any more."""


def is_tty(stream: Any) -> bool:
    """Return whether a stream is a terminal of whatever kind."""
    try:
        return stream is not None and bool(stream.isatty())
    except ValueError:  # closed
        return False


def is_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal on which more than lines can be written."""
    return is_tty(stream) and os.environ.get("TERM") != "dumb"


def can_ask() -> bool:
    """Return whether somebody is there who can be asked."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def terminal_width(stream: Any) -> int | None:
    """Return the columns of the terminal, else those of COLUMNS; None where neither says."""
    if is_tty(stream):
        with suppress(OSError, ValueError):
            columns = os.get_terminal_size(stream.fileno()).columns
            if columns > 0:
                return columns
    stated = os.environ.get("COLUMNS", "")
    return int(stated) if stated.isdecimal() and int(stated) > 0 else None


def text_width() -> int:
    """Return the columns that a text for people may take on stdout."""
    return terminal_width(sys.stdout) or _DEFAULT_WIDTH


def prepare_streams() -> None:
    """Open what is closed, and let stdout and stderr take every character.

    Without a terminal they are UTF-8, unless PYTHONIOENCODING says otherwise.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, _open_nothing(number, mode))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            is_free = not is_tty(stream) and not os.environ.get("PYTHONIOENCODING")
            stream.reconfigure(errors="replace", newline="\n", **({"encoding": "utf-8"} if is_free else {}))


def _open_nothing(number: int, mode: str) -> IO[Any]:
    """Return a stream without content at a closed descriptor, which else the next socket would take."""
    descriptor = os.open(os.devnull, os.O_RDWR)
    if descriptor != number:
        os.dup2(descriptor, number)
        os.close(descriptor)
    return open(number, mode, encoding="utf-8", closefd=False)


def abandon(stream: TextIO) -> None:
    """Let what is still in the stream's buffer go nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    with suppress(OSError, ValueError):
        stream.flush()


class Output:
    """One of stdout and stderr: writes at once, and cleans what it writes."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.is_terminal = is_terminal(stream)
        self.has_color = self.is_terminal and not os.environ.get("NO_COLOR")
        self._pieces = TextCleaner(shows_controls=is_tty(stream))
        self._last = "\n"

    @property
    def is_at_line_start(self) -> bool:
        """Whether the next character begins a line."""
        return self._last == "\n"

    def piece(self, text: str) -> None:
        """Write the next piece of a text."""
        self._write(self._pieces.feed(text))

    def end(self) -> None:
        """End the text: with a newline, unless it ended with one or nothing came."""
        self._write(self._pieces.finish())
        if not self.is_at_line_start:
            self._write("\n")

    def line(self, text: str = "") -> None:
        """Write a line, or several."""
        clean = mend_surrogates(text)
        self._write(f"{show_controls(clean) if is_tty(self.stream) else clean}\n")

    def decoration(self, text: str) -> None:
        """Write what is not part of any text, as it is."""
        self._put(text)

    def _write(self, text: str) -> None:
        if text:
            self._last = text[-1]  # first: a signal may come while it is written
            self._put(text)

    def _put(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as error:
            if is_reader_gone(error):
                raise ReaderGoneError from None
            raise


def is_reader_gone(error: OSError) -> bool:
    """Return whether an error says that nobody reads."""
    return isinstance(error, BrokenPipeError) or error.errno in {errno.EPIPE, errno.ESHUTDOWN}


def stdout() -> Output:
    """Return the stream of answers and data."""
    return Output(sys.stdout)


def stderr() -> Output:
    """Return the stream of everything else."""
    return Output(sys.stderr)
