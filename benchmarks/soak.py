"""Thousands of calls and streams against a gateway that breaks at random: what they leave behind must be nothing.

Counted are answers of another's, sockets and tasks that are left, ResourceWarnings and errors that nobody could catch,
and how the memory grows from a quarter of the run to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from benchmarks.soak_server import breaking_gateway
from kilo_gateway import AsyncKiloClient, KiloClient, KiloError, Timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

_AT_ONCE = 16
_MOST_SHOWN = 20
_BOUNDS = Timeouts(connect=5, read=1, silence=2, total=3)


@dataclass
class Soak:
    """What one run left behind."""

    answers: Counter[str] = field(default_factory=Counter)
    """`whole`, `left`, or the name of the error."""
    foreign: int = 0
    """Answers that were another's."""
    sockets: int = 0
    """Open at the end, beyond one kept connection for each thread."""
    tasks: int = 0
    warnings: list[str] = field(default_factory=list)
    """ResourceWarnings, and what went to the unraisable hook, a loop's exception handler or the error stream."""
    grown_kib: int = 0
    seconds: float = 0.0
    longest_seconds: float = 0.0
    """Of one call: none may outlast its bounds."""

    def note(self, texts: list[str], number: int, ending: str, seconds: float) -> None:
        """Count a call."""
        self.answers[ending] += 1
        self.longest_seconds = max(self.longest_seconds, seconds)
        words = "".join(texts).split()
        self.foreign += any(word != str(number) for word in words)


def _ask(number: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"number {number}"}]


def _call(client: KiloClient, number: int, soak: Soak) -> None:
    texts: list[str] = []
    ending, begun = "whole", time.monotonic()
    try:
        if number % 4 == 0:
            texts.append(client.complete(_ask(number)).text)
        else:
            stream = client.stream(_ask(number))
            leave_after = random.randrange(30) if number % 4 == 1 else None
            for delta in stream:
                texts.append(delta.text)
                if leave_after is not None and len(texts) > leave_after:
                    ending = "left"
                    if number % 8 == 1:
                        stream.close()
                    break  # else it is dropped as it is
    except KiloError as error:
        ending = type(error).__name__
    soak.note(texts, number, ending, time.monotonic() - begun)


async def _acall(client: AsyncKiloClient, number: int, soak: Soak) -> None:
    texts: list[str] = []
    ending, begun = "whole", time.monotonic()
    try:
        if number % 4 == 0:
            texts.append((await client.complete(_ask(number))).text)
        else:
            stream = client.stream(_ask(number))
            leave_after = random.randrange(30) if number % 4 == 1 else None
            async for delta in stream:
                texts.append(delta.text)
                if leave_after is not None and len(texts) > leave_after:
                    ending = "left"
                    if number % 8 == 1:
                        await stream.aclose()
                    break
    except KiloError as error:
        ending = type(error).__name__
    except asyncio.CancelledError:
        ending = "cancelled"
    soak.note(texts, number, ending, time.monotonic() - begun)


async def _cancel_some(client: AsyncKiloClient, number: int, soak: Soak) -> None:
    if number % 5:
        await _acall(client, number, soak)
        return
    task = asyncio.create_task(_acall(client, number, soak))
    for _ in range(random.randrange(60)):
        await asyncio.sleep(0)
    task.cancel()
    if number % 10 == 0:
        await asyncio.sleep(0)
        task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        soak.answers["cancelled"] += 1  # before it began


def _in_threads(base_url: str, count: int, soak: Soak) -> None:
    client = KiloClient(base_url=base_url, api_key="k" * 20, model="a/b", max_retries=0, timeout=_BOUNDS)
    start = _Start(count)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for number in range(1, count + 1):
            pool.submit(_call, client, number, soak).add_done_callback(start.note)
    soak.grown_kib = start.grown_kib()


def _in_tasks(base_url: str, count: int, soak: Soak, *, run: Callable[..., object] = asyncio.run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = _BOUNDS.total or 0.0  # a busy machine is no fault
        loop.set_exception_handler(lambda _, said: soak.warnings.append(repr(said)))
        client = AsyncKiloClient(base_url=base_url, api_key="k" * 20, model="a/b", max_retries=0, timeout=_BOUNDS)
        start, numbers = _Start(count), iter(range(1, count + 1))

        async def work() -> None:
            for number in numbers:
                await _cancel_some(client, number, soak)
                start.note()

        await asyncio.gather(*(work() for _ in range(_AT_ONCE * 4)))
        gc.collect()
        await asyncio.sleep(0.1)
        soak.tasks = len(asyncio.all_tasks()) - 1
        soak.grown_kib = start.grown_kib()

    run(main())


class _Start:
    """The memory at a quarter of a run, when everything that is made once has been made."""

    def __init__(self, count: int) -> None:
        self._left = count // 4
        self._kib = 0

    def note(self, _: object = None) -> None:
        self._left -= 1
        if self._left == 0:
            gc.collect()
            self._kib = _resident_kib()

    def grown_kib(self) -> int:
        gc.collect()
        return _resident_kib() - self._kib


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") >> 10


def _open_sockets() -> int:
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def _run(way: str, base_url: str, count: int) -> Soak:
    soak, begun, before = Soak(), time.monotonic(), _open_sockets()
    warnings.simplefilter("always", ResourceWarning)
    warnings.showwarning = lambda *said, **_: soak.warnings.append(repr(said))
    sys.unraisablehook = lambda said: soak.warnings.append(repr(said))
    threading.excepthook = lambda said: soak.warnings.append(repr(said))
    _WAYS[way](base_url, count, soak)
    gc.collect()
    soak.sockets = max(0, _open_sockets() - before - (_AT_ONCE if way == "threads" else 0))
    soak.seconds = time.monotonic() - begun
    return soak


_WAYS: dict[str, Any] = {
    "threads": _in_threads,
    "tasks": _in_tasks,
    "uvloop": partial(_in_tasks, run=uvloop.run),
}


def _render(rows: dict[tuple[str, str, str], dict[str, Any]]) -> str:
    heads = ("calls", "whole", "left", "errors", "another's", "sockets", "tasks", "warnings", "KiB grown", "longest s")
    lines = ["| engine | wire | side | " + " | ".join(heads) + " |", "|---" * (len(heads) + 3) + "|"]
    for names, row in rows.items():
        answers = Counter(row["answers"])
        left = answers["left"] + answers["cancelled"]
        errors = answers.total() - answers["whole"] - left
        counts = (answers.total(), answers["whole"], left, errors, row["foreign"], row["sockets"], row["tasks"])
        values = (*counts, len(row["warnings"]), row["grown_kib"], f"{row['longest_seconds']:.1f}")
        lines.append("| " + " | ".join(map(str, (*names, *values))) + " |")
    return "\n".join(lines)


def _all(count: int) -> int:
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    with breaking_gateway() as (plain, tls, issuer):
        for engine, wire, way in product(("", "httpx"), ("plain", "TLS"), _WAYS):
            print(f"{engine or 'our own'}, {wire}, {way} ...", file=sys.stderr, flush=True)
            environment = {**os.environ, "SSL_CERT_FILE": str(issuer), "KILOCODE_HTTP_ENGINE": engine}
            given = ["--way", way, "--base-url", plain if wire == "plain" else tls, "--calls", str(count)]
            command = [sys.executable, "-X", "dev", "-m", "benchmarks.soak", *given]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            row = json.loads(done.stdout)
            row["warnings"] += done.stderr.splitlines()
            rows[engine or "our own", wire, way] = row
    print(_render(rows))
    for said in [said for row in rows.values() for said in row["warnings"]][:_MOST_SHOWN]:
        print(said, file=sys.stderr)
    return any(row[name] for row in rows.values() for name in ("foreign", "sockets", "tasks", "warnings"))


def main() -> int:
    """Run every combination of engine, wire and side, each in a process; fail when anything was left behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3500, help="for each of the twelve combinations")
    parser.add_argument("--way", choices=list(_WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way is None:
        return _all(given.calls)
    print(json.dumps(vars(_run(given.way, given.base_url, given.calls))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
