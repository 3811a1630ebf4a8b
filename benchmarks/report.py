"""The figures as a table for people: ours, the peer's and the ratio, with machine, versions and date."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import PAIRS, Pair, is_installed
from benchmarks.works import WORKS

if TYPE_CHECKING:
    from benchmarks.works import Size

Figures = dict[tuple[str, str], float]
"""(work, contender) -> the median."""
Curves = dict[tuple[str, str], dict[int, float]]
"""(`call` or `chunk`, contender) -> figure by how many at once."""


def _cell(value: float, unit: str) -> str:
    return f"{value / 1000:.1f} ms" if unit == "us" and value >= 10_000 else f"{value:.1f} {unit}"


def _ratio(figures: Figures, work: str, pair: Pair) -> str:
    ours, peer = figures.get((work, pair.ours)), figures.get((work, pair.peer))
    return "" if ours is None or peer is None else f"{ours / peer:.3f}"


def render_table(figures: Figures, size: Size) -> str:
    """Return the table in Markdown."""
    heads = ["work"]
    for pair in PAIRS:
        heads += [pair.ours, pair.peer, "ratio", "target"]
    rows = [heads, ["---"] * len(heads)]
    for work in (work for work in WORKS if any(name == work.name for name, _ in figures)):
        row = [work.name]
        for pair, target in zip(PAIRS, work.targets, strict=True):
            for name in (pair.ours, pair.peer):
                value = figures.get((work.name, name))
                row.append("" if value is None else _cell(value, work.unit))
            row += [_ratio(figures, work.name, pair), f"{target:g}"]
        rows.append(row)
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *_circumstances(size)])


def render_curves(curves: Curves) -> str:
    """Return cost against concurrency as a table in Markdown."""
    counts = sorted({count for figures in curves.values() for count in figures})
    lines = [
        "| at once | " + " | ".join(str(count) for count in counts) + " | growth |",
        "|---" * (len(counts) + 2) + "|",
    ]
    for (what, name), figures in curves.items():
        cells = [f"{figures[count]:.0f}" if count in figures else "" for count in counts]
        growth = max(figures.values()) / figures[min(figures)]
        lines.append(f"| {name}, us a {what} | " + " | ".join(cells) + f" | {growth:.2f} |")
    return "\n".join(lines)


def _circumstances(size: Size) -> list[str]:
    packages = [name for pair in PAIRS if is_installed(pair.peer) for name in pair.packages]
    versions = ", ".join(f"{name} {version(name)}" for name in dict.fromkeys(["kilo-gateway", *packages]))
    machine = f"{os.cpu_count()} cores of {_processor()}, {platform.system()} {platform.release()}"
    return [
        f"CPU of the client process (p99: wall clock), medians of {size.rounds} interleaved rounds.",
        f"Server in another process; {size.at_once} calls and streams at once, {size.live_streams} live streams,",
        f"{size.messages} messages, streams of {size.chunks} chunks and {size.deltas} deltas.",
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {machine}; {versions}.",
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
