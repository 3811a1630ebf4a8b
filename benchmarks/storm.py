"""What a client does in a storm of 429s, by the log of the server: refusals drawn, rows lost, how soon it is back."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from statistics import mean

from benchmarks.storm_server import (
    CALM_REQUESTS,
    LATENCY_SECONDS,
    RETRY_AFTER_SECONDS,
    STORM_SECONDS,
    Arrival,
    storm_gateway,
)

BIN_SECONDS = 0.25
_BINS_BEFORE = 4
_ON_THEIR_WAY_SECONDS = 0.5
"""After a 429 was said, what a busy client had already written still arrives."""
_SHARE = 0.9
ROWS = 4000


@dataclass(frozen=True)
class Storm:
    """How one client came through."""

    refused: int
    """429s drawn."""
    under_way: int
    """Requests that were under way when the first 429 was said."""
    inside_pause: int
    """Requests that arrived inside a stated pause, though sent after it was stated."""
    lost: int
    """Rows without an answer."""
    back_seconds: float | None
    """From the first answer after the storm until nine tenths of the rate before it; None when it never came back."""
    rates: list[float]
    """Requests a second, by quarters of a second from the first."""


def measure_storm(name: str, *, at_once: int, rows: int = ROWS) -> Storm:
    """Return how a client comes through a storm."""
    with storm_gateway() as base_url:
        command = [sys.executable, "-m", "benchmarks.batch_process", name, base_url, str(rows), str(at_once), "Hello"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        arrivals = read_arrivals(base_url)
    lost = sum(int(line.removeprefix("lost=")) for line in done.stdout.splitlines() if line.startswith("lost="))
    return _judge(arrivals, lost)


def read_arrivals(base_url: str) -> list[Arrival]:
    """Return what a gateway in a storm has counted."""
    with urllib.request.urlopen(f"{base_url}log") as answer:
        return [Arrival(*item) for item in json.load(answer)]


def _judge(arrivals: list[Arrival], lost: int) -> Storm:
    began = arrivals[0].at
    refusals = [arrival for arrival in arrivals if arrival.is_refused]
    first, last = refusals[0], refusals[-1]
    rates = _rates(arrivals, began)
    storm_bin = int((first.at - began) / BIN_SECONDS)
    before = mean(rates[max(0, storm_bin - _BINS_BEFORE) : storm_bin])
    back = next((arrival.at for arrival in arrivals if arrival.at > last.at), None)
    recovered = None
    if back is not None:
        back_bin = int((back - began) / BIN_SECONDS)
        ends = (at for at in range(back_bin, len(rates)) if rates[at] >= before * _SHARE)
        recovered = next(((at - back_bin + 1) * BIN_SECONDS for at in ends), None)
    return Storm(len(refusals), _under_way(arrivals, first), _inside(arrivals, first), lost, recovered, rates)


def _under_way(arrivals: list[Arrival], first: Arrival) -> int:
    said = first.at + LATENCY_SECONDS + _ON_THEIR_WAY_SECONDS
    return sum(first.at - LATENCY_SECONDS < arrival.at < said for arrival in arrivals)


def _inside(arrivals: list[Arrival], first: Arrival) -> int:
    said = first.at + LATENCY_SECONDS
    return sum(said + _ON_THEIR_WAY_SECONDS < arrival.at < said + RETRY_AFTER_SECONDS for arrival in arrivals)


def _rates(arrivals: list[Arrival], began: float) -> list[float]:
    bins = [0] * (int((arrivals[-1].at - began) / BIN_SECONDS) + 1)
    for arrival in arrivals:
        bins[int((arrival.at - began) / BIN_SECONDS)] += 1
    return [count / BIN_SECONDS for count in bins]


def render_storms(storms: dict[str, Storm], at_once: int) -> str:
    """Return the counts as a table in Markdown."""
    heads = (
        "429s drawn",
        "under way at the first",
        "sent inside the pause",
        "rows lost",
        "seconds to 90 % of the rate",
    )
    lines = ["| client | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, storm in storms.items():
        back = "never" if storm.back_seconds is None else f"{storm.back_seconds:.1f}"
        figures = (storm.refused, storm.under_way, storm.inside_pause, storm.lost, back)
        lines.append(f"| {name} | " + " | ".join(map(str, figures)) + " |")
    return "\n".join([*lines, "", f"{ROWS} rows, {at_once} at once, 429 after {CALM_REQUESTS} requests for 5 s."])


def render_chains(found: dict[tuple[str, bool], tuple[int, int, int, float]], count: int) -> str:
    """Return what chains drew and lost, each without the shared pause and with it, as a table in Markdown."""
    heads = ("requests", "429s drawn", "calls lost", "seconds")
    lines = ["| calls of | shared pause | " + " | ".join(heads) + " |", "|---" * (len(heads) + 2) + "|"]
    for (name, shares), (requests, refused, lost, seconds) in found.items():
        lines.append(f"| {name} | {'on' if shares else 'off'} | {requests} | {refused} | {lost} | {seconds:.1f} |")
    storm = f"429 with Retry-After: {RETRY_AFTER_SECONDS} for {STORM_SECONDS:.0f} s after half of them"
    return "\n".join([*lines, "", f"{count} calls at once; {storm}."])
