"""Measure all contenders in turns within one run; print tables with ratios, and draw the curves."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.chart import draw
from benchmarks.contenders import MAKERS, PAIRS, is_installed
from benchmarks.report import render_curves, render_table
from benchmarks.server import canned_gateway
from benchmarks.works import FULL, QUESTION, QUICK, WORKS, calls_at_once, chunks_at_once

if TYPE_CHECKING:
    from benchmarks.contenders import Contender
    from benchmarks.report import Curves, Figures
    from benchmarks.works import Size

_MANY = 1000


def _warm_up(contender: Contender, run: Any) -> None:
    """Make the first calls, which pay for clients and connections, outside of the measurement."""
    contender.call(QUESTION)
    contender.stream("chunks=10")
    run(contender.acall(QUESTION))
    run(contender.astream("chunks=10"))


def _measure(everybody: dict[str, Contender], run: Any, size: Size, wanted: str) -> Figures:
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    works = [work for work in WORKS if wanted in work.name]
    for turn in range(size.rounds):
        names = list(everybody)[turn % len(everybody) :] + list(everybody)[: turn % len(everybody)]
        for work in works:
            if work.is_heavy and turn >= max(1, size.rounds // 2):
                continue
            for name in names:
                print(f"\r{turn + 1}/{size.rounds} {work.name}, {name} ...", end="\033[K", file=sys.stderr, flush=True)
                found[work.name, name].append(work.measure(everybody[name], run, size))
    print("\r\033[K", end="", file=sys.stderr)
    return {key: statistics.median(values) for key, values in found.items()}


def _grow(everybody: dict[str, Contender], run: Any, size: Size) -> Curves:
    curves: Curves = {}
    for what, measure in (("call", calls_at_once), ("chunk", chunks_at_once)):
        for name, contender in everybody.items():
            print(f"\rgrowth of a {what}, {name} ...", end="\033[K", file=sys.stderr, flush=True)
            curves[what, name] = {
                count: statistics.median(
                    measure(contender, run, count, calls=size.calls) for _ in range(_repeats(size, count))
                )
                for count in size.curve
            }
    print("\r\033[K", end="", file=sys.stderr)
    return curves


def _repeats(size: Size, count: int) -> int:
    """Return how often a point of a curve is measured: once where a peer takes minutes for it."""
    return 1 if count >= _MANY else size.rounds


def allow_many_files() -> None:
    """Let this process and its children open as many files as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 65536), most))


def main() -> None:
    """Run the benchmark; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes instead of a quarter of an hour")
    parser.add_argument("--only", default="", metavar="TEXT", help="works whose name holds this; no curves")
    parser.add_argument("--ours", action="store_true", help="without peers")
    parser.add_argument("--png", type=Path, help="where to draw cost against concurrency")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    allow_many_files()
    with canned_gateway() as base_url, asyncio.Runner() as runner:
        os.environ["BENCHMARK_BASE_URL"] = base_url
        names = [name for pair in PAIRS for name in (pair.ours, pair.peer) if is_installed(name)]
        if options.ours:
            names = [pair.ours for pair in PAIRS]
        everybody = {name: MAKERS[name](base_url) for name in names}
        for contender in everybody.values():
            _warm_up(contender, runner.run)
        print(render_table(_measure(everybody, runner.run, size, options.only), size))
        if not options.only:
            curves = _grow(everybody, runner.run, size)
            print(f"\n{render_curves(curves)}")
            if options.png is not None:
                draw(curves, options.png)


if __name__ == "__main__":
    main()
