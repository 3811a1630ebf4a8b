"""What is measured: each work drives one contender once and returns a figure. The rows of the table, and the curves."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.contenders import Contender

Run = "Callable[[Awaitable[Any]], Any]"
QUESTION = "What is the answer?"


@dataclass(frozen=True)
class Size:
    """How much is done: a full run, or a quick one."""

    chunks: int
    deltas: int
    calls: int
    messages: int
    at_once: int
    live_streams: int
    live_chunks: int
    curve: tuple[int, ...]
    rounds: int


FULL = Size(2000, 4000, 200, 2000, 200, 1000, 40, (1, 20, 200, 1000), 5)
QUICK = Size(500, 1000, 50, 500, 100, 200, 20, (1, 20, 200), 2)


@dataclass(frozen=True)
class Work:
    """One row: what is done, in which unit, and how."""

    name: str
    unit: str
    measure: Callable[[Contender, Any, Size], float]
    """Contender, what runs a coroutine, and the size -> the figure."""
    is_heavy: bool = False
    """Done in fewer rounds."""


def _cpu(run: Callable[[], int]) -> float:
    """Return the microseconds of CPU, all threads, for each of the things that `run` says it did."""
    gc.collect()
    before = time.process_time()
    count = run()
    return (time.process_time() - before) / count * 1e6


def _stream(contender: Contender, run: Any, size: Size) -> float:
    return _cpu(lambda: contender.stream(f"chunks={size.chunks}"))


def _astream(contender: Contender, run: Any, size: Size) -> float:
    return _cpu(lambda: int(run(contender.astream(f"chunks={size.chunks}"))))


def _tool_deltas(contender: Contender, run: Any, size: Size) -> float:
    return _cpu(lambda: contender.stream(f"kind=tools chunks={size.deltas}"))


def _call(contender: Contender, run: Any, size: Size) -> float:
    return _cpu(lambda: len([contender.call(QUESTION) for _ in range(size.calls)]))


def _acall(contender: Contender, run: Any, size: Size) -> float:
    async def many() -> int:
        return len([await contender.acall(QUESTION) for _ in range(size.calls)])

    return _cpu(lambda: int(run(many())))


def calls_at_once(contender: Contender, run: Any, count: int, *, delay_ms: int = 50) -> float:
    """Return the microseconds of CPU of a call when so many are under way."""

    async def many() -> int:
        return len(await asyncio.gather(*(contender.acall(f"delay_ms={delay_ms}") for _ in range(count))))

    run(many())  # connections are made outside of the measurement
    repeats = max(1, 200 // count)
    return _cpu(lambda: sum(int(run(many())) for _ in range(repeats)))


def chunks_at_once(contender: Contender, run: Any, count: int, *, chunks: int = 50) -> float:
    """Return the microseconds of CPU of a chunk when so many streams are under way."""

    async def many() -> int:
        return sum(await asyncio.gather(*(contender.astream(f"chunks={chunks}") for _ in range(count))))

    run(many())
    repeats = max(1, 50 // count)
    return _cpu(lambda: sum(int(run(many())) for _ in range(repeats)))


def _live_p99(contender: Contender, run: Any, size: Size) -> float:
    """Return the milliseconds within which 99 of 100 chunks were handed on, after they were sent."""

    async def many() -> list[list[float]]:
        prompt = f"gap_ms=20 chunks={size.live_chunks}"
        return await asyncio.gather(*(contender.adelays(prompt) for _ in range(size.live_streams)))

    delays = [delay for stream in run(many()) for delay in stream]
    return statistics.quantiles(delays, n=100)[98] * 1000


def _history(contender: Contender, run: Any, size: Size) -> float:
    messages = contender.history(size.messages)
    return _cpu(lambda: len([contender.call(messages) for _ in range(5)]))


def _first_call(contender: Contender, run: Any, size: Size) -> float:
    command = [sys.executable, "-m", "benchmarks.first_call", contender.name, os.environ["BENCHMARK_BASE_URL"]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e6


WORKS = (
    Work("streamed text, a chunk, sync", "us", _stream),
    Work("streamed text, a chunk, async", "us", _astream),
    Work("streamed tool arguments, a delta", "us", _tool_deltas),
    Work("one call, kept connection, sync", "us", _call),
    Work("one call, kept connection, async", "us", _acall),
    Work("calls at once, 50 ms latency, a call", "us", lambda c, r, s: calls_at_once(c, r, s.at_once), is_heavy=True),
    Work("streams at once, a chunk", "us", lambda c, r, s: chunks_at_once(c, r, s.at_once), is_heavy=True),
    Work("live streams at 20 ms, p99 added delay", "ms", _live_p99, is_heavy=True),
    Work("request with many messages", "us", _history),
    Work("first call of a process", "us", _first_call),
)
