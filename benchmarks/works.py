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
    """Of each, those of the first half among them, which are not counted."""
    curve: tuple[int, ...]
    rounds: int


FULL = Size(2000, 4000, 200, 2000, 200, 1000, 100, (1, 20, 200, 1000), 3)
QUICK = Size(500, 1000, 50, 500, 100, 200, 60, (1, 20, 200), 2)


@dataclass(frozen=True)
class Work:
    """One row: what is done, in which unit, and how."""

    name: str
    unit: str
    measure: Callable[[Contender, Any, Size], float]
    """Contender, what runs a coroutine, and the size -> the figure."""
    targets: tuple[float, float]
    """The ratios that ChatKilo and KiloLLM were meant to reach, at full size."""
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


def calls_at_once(contender: Contender, run: Any, count: int, *, calls: int, delay_ms: int = 50) -> float:
    """Return the microseconds of CPU of a call when so many are under way; about `calls` calls, or one turn of all."""

    async def many() -> int:
        return len(await asyncio.gather(*(contender.acall(f"delay_ms={delay_ms}") for _ in range(count))))

    run(many())  # connections are made outside of the measurement
    repeats = max(1, calls // count)
    return _cpu(lambda: sum(int(run(many())) for _ in range(repeats)))


def chunks_at_once(contender: Contender, run: Any, count: int, *, calls: int, chunks: int = 50) -> float:
    """Return the microseconds of CPU of a chunk when so many streams are under way; a quarter of `calls` streams."""

    async def many() -> int:
        return sum(await asyncio.gather(*(contender.astream(f"chunks={chunks}") for _ in range(count))))

    run(many())
    repeats = max(1, calls // 4 // count)
    return _cpu(lambda: sum(int(run(many())) for _ in range(repeats)))


def _live_p99(contender: Contender, run: Any, size: Size) -> float:
    """Return the milliseconds within which 99 of 100 chunks were handed on, after they were sent.

    All streams begin at once, with connections that are there. While some are still being asked for, others have begun,
    and their first chunks wait for that: what a burst of requests costs, which another row shows. So only the second
    half of each stream is counted.
    """

    async def many(chunks: int) -> list[list[float]]:
        prompt = f"gap_ms=20 chunks={chunks}"
        return await asyncio.gather(*(contender.adelays(prompt) for _ in range(size.live_streams)))

    run(many(1))
    gc.collect()
    delays = [delay for stream in run(many(size.live_chunks)) for delay in stream[size.live_chunks // 2 :]]
    return statistics.quantiles(delays, n=100)[98] * 1000


def _history(contender: Contender, run: Any, size: Size) -> float:
    messages = contender.history(size.messages)
    return _cpu(lambda: len([contender.call(messages) for _ in range(5)]))


def _first_call(contender: Contender, run: Any, size: Size) -> float:
    command = [sys.executable, "-m", "benchmarks.first_call", contender.name, os.environ["BENCHMARK_BASE_URL"]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1e6


def _calls_at_once(contender: Contender, run: Any, size: Size) -> float:
    return calls_at_once(contender, run, size.at_once, calls=size.calls)


def _chunks_at_once(contender: Contender, run: Any, size: Size) -> float:
    return chunks_at_once(contender, run, size.at_once, calls=size.calls)


WORKS = (
    Work("streamed text, a chunk, sync", "us", _stream, (0.09, 0.14)),
    Work("streamed text, a chunk, async", "us", _astream, (0.09, 0.14)),
    Work("streamed tool arguments, a delta", "us", _tool_deltas, (0.15, 0.18)),
    Work("one call, kept connection, sync", "us", _call, (0.25, 0.20)),
    Work("one call, kept connection, async", "us", _acall, (0.25, 0.20)),
    Work("calls at once, 50 ms latency, a call", "us", _calls_at_once, (0.15, 0.15), is_heavy=True),
    Work("streams at once, a chunk", "us", _chunks_at_once, (0.11, 0.15), is_heavy=True),
    Work("live streams at 20 ms, p99 added delay", "ms", _live_p99, (0.10, 0.11), is_heavy=True),
    Work("request with many messages", "us", _history, (0.018, 0.03)),
    Work("first call of a process", "us", _first_call, (0.5, 0.25)),
)
