"""Runs of the command line as processes of their own, with pipes or a pseudo-terminal, and what came of them."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import pty
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyte

_SECONDS = 20.0
_REST_SECONDS = 2.0
"""How long what a run has written may be on its way after its end."""
_PROGRAM = """#!{python} -IS
import json, os, socket, sys, time
server = socket.socket(socket.AF_UNIX)
for _ in range(600):  # the server may still be starting
    try:
        server.connect({path!r})
        break
    except OSError:
        time.sleep(0.05)
request = dict(run=0, words=sys.argv[1:], environ=dict(os.environ), folder=os.getcwd(), terminal=False, closed=[])
socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
for number in (0, 1, 2):
    os.close(number)
for line in server.makefile():
    if "status" in (answer := json.loads(line)):
        os._exit(answer["status"])
"""


@dataclass
class Run:
    """One run of the command line."""

    pid: int
    _server: Forks
    _number: int
    _terminal: int | None = None
    """Our end of the pseudo-terminal."""
    _stdin: int | None = None
    _outputs: dict[str, bytearray] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def stdout(self) -> str:
        """What came on stdout without a terminal."""
        return self._outputs["stdout"].decode()

    @property
    def stdout_bytes(self) -> bytes:
        """The same, as it came."""
        return bytes(self._outputs["stdout"])

    @property
    def stderr(self) -> str:
        """What came on stderr without a terminal."""
        return self._outputs["stderr"].decode()

    @property
    def shown(self) -> str:
        """Everything that the pseudo-terminal was sent."""
        return self._outputs["terminal"].decode("utf-8", "replace")

    def screen(self) -> str:
        """Return what a person sees on the pseudo-terminal."""
        return screen_of(self.shown)

    def type(self, text: str) -> None:
        """Type at the pseudo-terminal."""
        assert self._terminal is not None
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str, *, stream: str = "terminal", times: int = 1) -> None:
        """Wait until a text came."""
        deadline = time.monotonic() + _SECONDS
        while self._outputs[stream].count(text.encode()) < times:
            if self._server.is_over(self._number):
                deadline = min(deadline, time.monotonic() + _REST_SECONDS)
            assert time.monotonic() < deadline, f"{text!r} did not come: {bytes(self._outputs[stream])!r}"
            time.sleep(0.005)

    def wait_for_prompt(self, prompt: str = ">") -> None:
        """Wait until the last line of the screen is an empty prompt."""
        deadline = time.monotonic() + _SECONDS
        seen = -1
        while True:
            if len(self._outputs["terminal"]) != seen:  # a screen takes long to draw
                seen = len(self._outputs["terminal"])
                if self.screen().rpartition("\n")[2] == prompt:
                    return
            assert time.monotonic() < deadline, f"no prompt: {self.screen()}"
            time.sleep(0.01)

    def close_stdin(self) -> None:
        """Close our end of stdin."""
        if self._stdin is not None:
            os.close(self._stdin)
            self._stdin = None

    def write(self, data: bytes) -> None:
        """Write into stdin."""
        assert self._stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it may have ended without reading
            os.write(self._stdin, data)

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Return the exit status."""
        status = self._server.wait(self._number)
        if self._terminal is not None:
            time.sleep(0.02)
        for thread in self._threads:
            thread.join(2)
        return status

    def close(self) -> None:
        """Let go of everything; kill what still runs."""
        if not self._server.is_over(self._number):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._server.wait(self._number)
        self.close_stdin()
        for thread in self._threads:
            thread.join(2)
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None


class Forks:
    """The process that forks."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._folder = tempfile.TemporaryDirectory()
        path = str(Path(self._folder.name) / "forks")
        script = str(Path(__file__).with_name("fork_server.py"))
        words = [sys.executable, "-W", "ignore", script, str(theirs.fileno()), path]
        self.program = Path(self._folder.name) / "kilo-gateway"
        """A program that runs the command line in the environment of its caller, for scripts."""
        self.program.write_text(_PROGRAM.format(python=sys.executable, path=path))
        self.program.chmod(0o755)
        self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._socket = ours
        self._lines = ours.makefile("rb")
        self._numbers = itertools.count()
        self._answers: dict[int, dict[str, int]] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._lines:
            answer = json.loads(line)
            with self._changed:
                self._answers.setdefault(answer["run"], {}).update(answer)
                self._changed.notify_all()

    def _await(self, number: int, name: str) -> int:
        with self._changed:
            assert self._changed.wait_for(lambda: name in self._answers.get(number, {}), _SECONDS), "no end in sight"
            return self._answers[number][name]

    def is_over(self, number: int) -> bool:
        """Return whether a run has ended."""
        return "status" in self._answers.get(number, {})

    def wait(self, number: int) -> int:
        """Return a run's exit status."""
        return self._await(number, "status")

    def close(self) -> None:
        """End it."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._process.wait(10)
        self._lines.close()
        self._socket.close()
        self._folder.cleanup()

    def start(
        self,
        words: tuple[str, ...],
        environ: dict[str, str],
        folder: Path,
        *,
        terminal: tuple[str, ...] = (),
        size: tuple[int, int] = (24, 100),
        closed: tuple[int, ...] = (),
        files: dict[str, int] | None = None,
    ) -> Run:
        """Start a run; `terminal` names the streams that are a pseudo-terminal, the others are pipes."""
        number = next(self._numbers)
        given, ours, outputs = dict(files or {}), {}, {}
        terminal_end = None
        if terminal:
            terminal_end, theirs = pty.openpty()
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
            given.update(dict.fromkeys(terminal, theirs))
            outputs["terminal"] = terminal_end
        for name in ("stdin", "stdout", "stderr"):
            if name not in given:
                reader, writer = os.pipe()
                given[name], ours[name] = (reader, writer) if name == "stdin" else (writer, reader)
        outputs |= {name: ours[name] for name in ("stdout", "stderr") if name in ours}
        request: dict[str, Any] = {"run": number, "words": words, "environ": environ, "folder": str(folder)}
        request |= {"terminal": "stdin" in terminal, "closed": closed}
        descriptors = [given[name] for name in ("stdin", "stdout", "stderr")]
        socket.send_fds(self._socket, [json.dumps(request).encode()], descriptors)
        pid = self._await(number, "pid")
        for descriptor in set(descriptors) - set((files or {}).values()):
            os.close(descriptor)
        run = Run(pid, self, number, terminal_end, ours.get("stdin"))
        for name, descriptor in outputs.items():
            run._outputs[name] = bytearray()
            thread = threading.Thread(target=_collect, args=(descriptor, run._outputs[name], name), daemon=True)
            thread.start()
            run._threads.append(thread)
        return run


def _collect(descriptor: int, into: bytearray, name: str) -> None:
    collect(descriptor, into)
    if name != "terminal":
        os.close(descriptor)


def collect(descriptor: int, into: bytearray) -> None:
    """Read until nobody writes any more."""
    with contextlib.suppress(OSError):  # a pseudo-terminal without a program
        while data := os.read(descriptor, 65536):
            into += data


def screen_of(shown: str, width: int = 100, height: int = 60) -> str:
    """Return what a person sees on a terminal that was sent a text."""
    screen = pyte.HistoryScreen(width, height, history=1000)
    pyte.Stream(screen).feed(shown)
    return "\n".join(line.rstrip() for line in screen.display).rstrip()
