"""Measure all contenders in turns within one run and print client CPU with ratios to bare httpx."""

from __future__ import annotations

import argparse
import asyncio
import gc
import platform
import statistics
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from benchmarks.contenders import contenders, warm_up
from benchmarks.server import canned_gateway

if TYPE_CHECKING:
    from collections.abc import Callable

Figures = dict[tuple[str, str], list[float]]
_COLUMNS = ("stream", "astream", "call", "acall")
_TITLES = ("us/chunk sync", "us/chunk async", "us/call sync", "us/call async")


def _microseconds(work: Callable[[], int]) -> float:
    """Return the CPU time for each of the things that `work` says it did: chunks that arrived, or calls."""
    gc.collect()
    before = time.process_time()
    count = work()
    return (time.process_time() - before) / count * 1e6


def _round(contender: Any, runner: asyncio.Runner, chunks: int, calls: int, figures: Figures) -> None:
    async def many() -> int:
        return len([await contender.acall() for _ in range(calls)])

    works: dict[str, Callable[[], int]] = {
        "stream": lambda: contender.stream(chunks),
        "astream": lambda: runner.run(contender.astream(chunks)),
        "call": lambda: len([contender.call() for _ in range(calls)]),
        "acall": lambda: runner.run(many()),
    }
    for column, work in works.items():
        figures[contender.name, column].append(_microseconds(work))


def main() -> None:
    """Run the benchmark; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="every contender takes part in each; medians are shown")
    parser.add_argument("--chunks", type=int, default=3000, help="text chunks of a stream")
    parser.add_argument("--calls", type=int, default=200, help="calls of a round")
    options = parser.parse_args()
    figures: Figures = defaultdict(list)
    with canned_gateway() as base_url, asyncio.Runner() as runner:
        everybody = contenders(base_url)
        for contender in everybody:
            warm_up(contender, runner.run)
        for _ in range(options.rounds):
            for contender in everybody:
                _round(contender, runner, options.chunks, options.calls, figures)
    _show([contender.name for contender in everybody], figures)


def _show(names: list[str], figures: Figures) -> None:
    medians = {key: statistics.median(values) for key, values in figures.items()}
    print(f"Client CPU, medians; Python {platform.python_version()}. In brackets: ratio to {names[0]}.")
    print(f"{'':28}" + "".join(f"{title:>22}" for title in _TITLES))
    for name in names:
        cells = (f"{medians[name, c]:8.1f} ({medians[name, c] / medians[names[0], c]:.2f})" for c in _COLUMNS)
        print(f"{name:28}" + "".join(f"{cell:>22}" for cell in cells))


if __name__ == "__main__":
    main()
