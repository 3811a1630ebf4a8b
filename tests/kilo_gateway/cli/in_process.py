"""Runs of the command line in this process, where no process is the subject; each has streams of its own."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import signal
import struct
import sys
import tempfile
import termios
import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from unittest.mock import patch

from kilo_gateway.catalog import discovery
from kilo_gateway.cli import main
from kilo_gateway.gate import forget_gates

from .executable import collect, screen_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Done:
    """What a run without a terminal came to."""

    status: int
    stdout_bytes: bytes
    stderr_bytes: bytes

    @property
    def stdout(self) -> str:
        """What it wrote on stdout."""
        return self.stdout_bytes.decode()

    @property
    def stderr(self) -> str:
        """What it wrote on stderr."""
        return self.stderr_bytes.decode()


@dataclass(frozen=True)
class Shown:
    """What a run at a pseudo-terminal came to."""

    status: int
    shown: str
    """Everything that the terminal was sent."""

    def screen(self) -> str:
        """Return what a person sees."""
        return screen_of(self.shown)


def run_with_files(words: tuple[str, ...], environ: dict[str, str], folder: Path, stdin: bytes) -> Done:
    """Run to the end with files as streams."""
    with ExitStack() as stack:
        given, out, err = files = [stack.enter_context(tempfile.TemporaryFile()) for _ in _STREAMS]
        given.write(stdin)
        given.seek(0)
        status = _run(words, environ, folder, [file.fileno() for file in files])
        return Done(status, _content(out), _content(err))


def run_at_terminal(
    words: tuple[str, ...], environ: dict[str, str], folder: Path, size: tuple[int, int] = (24, 100)
) -> Shown:
    """Run to the end with a pseudo-terminal of so many lines and columns as all streams."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    shown = bytearray()
    reader = threading.Thread(target=collect, args=(ours, shown))
    reader.start()
    try:
        status = _run(words, environ, folder, [theirs] * len(_STREAMS))
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)
    return Shown(status, shown.decode("utf-8", "replace"))


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def _run(words: tuple[str, ...], environ: dict[str, str], folder: Path, descriptors: Sequence[int]) -> int:
    """Run as if a process had been started for it: it knows of no gateway yet."""
    discovery.forget()
    forget_gates()
    with _process(words, environ, folder), _streams(descriptors, environ.get("PYTHONIOENCODING", "utf-8")):
        try:
            main()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 1
    raise AssertionError("The command line returned.")


@contextmanager
def _process(words: tuple[str, ...], environ: dict[str, str], folder: Path) -> Iterator[None]:
    """Give the arguments, the environment and the folder; put back what a run changes in its process."""
    log = logging.getLogger("kilo_gateway")
    kept = (log.handlers[:], log.propagate, Path.cwd())
    signals = {number: signal.getsignal(number) for number in _SIGNALS}
    try:
        with patch.object(sys, "argv", [sys.argv[0], *words]), patch.dict(os.environ, environ, clear=True):
            os.chdir(folder)
            yield
    finally:
        log.handlers[:], log.propagate = kept[:2]
        os.chdir(kept[2])
        for number, action in signals.items():
            signal.signal(number, action)


@contextmanager
def _streams(descriptors: Sequence[int], encoding: str) -> Iterator[None]:
    """Let the streams of this process, and Python's, be those at the descriptors."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(number) for number in range(len(_STREAMS))]
    opened: dict[str, Any] = {}
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        for number, (name, mode) in enumerate(_STREAMS):
            opened[name] = open(number, mode, encoding=encoding, closefd=False)  # noqa: SIM115 - closed below
        with patch.multiple(sys, **opened):
            yield
    finally:
        for stream in opened.values():
            stream.close()
        for number, descriptor in enumerate(kept):
            os.dup2(descriptor, number)
            os.close(descriptor)
