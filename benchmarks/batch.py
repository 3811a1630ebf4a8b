"""Batches side by side, each in a fresh process: CPU, memory, first result, a storm. `python -m benchmarks.batch`."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from benchmarks.__main__ import allow_many_files
from benchmarks.batch_chart import draw
from benchmarks.batch_contenders import write_input
from benchmarks.batch_report import Figures, render_batches
from benchmarks.contenders import KEY
from benchmarks.server import canned_gateway
from benchmarks.storm import Storm, measure_storm, render_storms

AT_ONCE = 200
PROMPT = "delay_ms=50"
_OURS = ("kilo-gateway batch", "run_batch")


@dataclass(frozen=True)
class Plan:
    """What is run."""

    name: str
    at_once: int
    rows: int
    rounds: int


def plans(rounds: int, *, has_curator: bool, is_quick: bool = False) -> list[Plan]:
    """Return what a run does; the slow peers run less often, and in a quick run with fewer rows."""
    if is_quick:
        quick = [Plan(name, AT_ONCE, 2_000, 1) for name in _OURS]
        quick += [Plan("our client", 8, 500, 1), Plan("our client", AT_ONCE, 2_000, 1)]
        return quick + [Plan(name, AT_ONCE, 500, 1) for name in ("openai SDK loop", "langchain-openai abatch")]
    some = max(1, rounds // 2)
    found = [Plan(name, AT_ONCE, rows, rounds) for rows in (2_000, 10_000) for name in _OURS]
    found += [Plan("our client", 8, 2_000, rounds), Plan("our client", AT_ONCE, 2_000, rounds)]
    found += [Plan("openai SDK loop", AT_ONCE, 2_000, rounds), Plan("openai SDK loop", AT_ONCE, 10_000, 1)]
    found.append(Plan("langchain-openai abatch", AT_ONCE, 2_000, some))
    if has_curator:
        found.append(Plan("curator", AT_ONCE, 2_000, some))
    return [*found, Plan(_OURS[0], AT_ONCE, 100_000, 1)]


def run_one(plan: Plan, base_url: str, python: str) -> dict[str, float]:
    """Run a batch in a process of its own and return its figures."""
    words = [python, "-m", "benchmarks.batch_process", plan.name, base_url, str(plan.rows), str(plan.at_once), PROMPT]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"{plan} failed: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(lines[-1])
    return figures


def first_result_seconds(base_url: str, rows: int) -> float:
    """Return the seconds from the start of the executable to the first row on disk."""
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        write_input(source, rows, PROMPT)
        words = [sys.executable, "-m", "kilo_gateway.cli", "batch", str(source), str(output)]
        environment = {**os.environ, "KILOCODE_API_KEY": KEY, "KILOCODE_BASE_URL": base_url}
        began = time.monotonic()
        with subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL) as process:
            while not (output.exists() and output.stat().st_size):
                time.sleep(0.005)
            seconds = time.monotonic() - began
            process.kill()
    return seconds


def measure(base_url: str, rounds: int, curator_python: str | None, *, is_quick: bool) -> Figures:
    """Run everything in turns, so that a busy machine is busy for all, and return the medians."""
    found: defaultdict[tuple[str, int, int], list[dict[str, float]]] = defaultdict(list)
    for turn in range(rounds):
        for plan in plans(rounds, has_curator=curator_python is not None, is_quick=is_quick):
            if turn >= plan.rounds:
                continue
            print(f"\r{turn + 1}/{rounds} {plan.name}, {plan.rows} rows ...", end="\033[K", file=sys.stderr, flush=True)
            python = curator_python if plan.name == "curator" and curator_python else sys.executable
            found[plan.name, plan.at_once, plan.rows].append(run_one(plan, base_url, python))
    print("\r\033[K", end="", file=sys.stderr)
    return {
        key: {name: statistics.median(run[name] for run in runs) for name in runs[0]} for key, runs in found.items()
    }


def main() -> None:
    """Run the benchmark; see `--help`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, few rows, no storm: half a minute")
    parser.add_argument("--curator", metavar="PYTHON", help="an interpreter that has bespokelabs-curator")
    parser.add_argument("--png", type=Path, help="where to draw the figures of a full run")
    options = parser.parse_args()
    allow_many_files()
    with canned_gateway() as base_url:
        rounds = 1 if options.quick else options.rounds
        figures = measure(base_url, rounds, options.curator, is_quick=options.quick)
        first = {rows: first_result_seconds(base_url, rows) for rows in (2_000, 10_000, 100_000)}
    print(render_batches(figures, first))
    if options.quick:
        return
    names = ("kilo-gateway batch", "openai SDK loop", "langchain-openai abatch")
    storms: dict[str, Storm] = {name: measure_storm(name, at_once=AT_ONCE) for name in names}
    print(f"\n{render_storms(storms, AT_ONCE)}")
    if options.png is not None:
        draw(figures, storms, options.png)


if __name__ == "__main__":
    main()
