"""Runs scripts, each in a process forked from one interpreter that has the clients imported, which takes half a second.

Not for scripts that change modules before the package is imported: those need an interpreter of their own.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SECONDS = 60.0
_WARNINGS = ("error::ResourceWarning", "error::RuntimeWarning", "ignore::DeprecationWarning")
_SERVER = """
import gc, json, os, sys
from kilo_gateway import AsyncKiloClient, KiloClient

gc.collect()
gc.freeze()
while line := sys.stdin.readline():
    asked = json.loads(line)
    if not (child := os.fork()):
        break  # and become the script, which ends as an interpreter does
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
for number, path in enumerate((os.devnull, asked["stdout"], asked["stderr"])):
    opened = os.open(path, os.O_RDWR)
    os.dup2(opened, number)
    os.close(opened)
os.environ.clear()
os.environ.update(asked["environ"])
sys.argv = ["-c", *asked["arguments"]]
exec(compile(asked["script"], "<script>", "exec"), globals())
"""


@dataclass
class Ended:
    """What a script left behind."""

    stdout: str
    stderr: str
    returncode: int


class Scripts:
    """The interpreter, in development mode, and what runs in its forks, one at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs = 0
        self._server: subprocess.Popen[bytes] | None = None

    def run(self, script: str, *arguments: str, environ: Mapping[str, str] | None = None) -> Ended:
        """Run a script to its end; a warning of a resource that is left open is an error there."""
        server, self._runs = self._started(), self._runs + 1
        paths = {name: str(self._folder / f"{name}-{self._runs}") for name in ("stdout", "stderr")}
        for path in paths.values():
            Path(path).touch()
        asked: dict[str, Any] = {"script": script, "arguments": arguments, "environ": dict(environ or os.environ)}
        assert server.stdin is not None
        server.stdin.write(json.dumps({**asked, **paths}).encode() + b"\n")
        child = self._next_number()
        try:
            status = self._next_number()
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            status = self._next_number()
        return Ended(*(Path(path).read_text() for path in paths.values()), status)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._server is None:
            command = [sys.executable, "-X", "dev", *(f"-W{warning}" for warning in _WARNINGS), "-c", _SERVER]
            self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        return self._server

    def _next_number(self) -> int:
        assert self._server is not None
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], _SECONDS)[0]:
            raise TimeoutError
        return int(self._server.stdout.readline())

    def close(self) -> None:
        """End the interpreter."""
        if self._server is not None:
            self._server.communicate()
