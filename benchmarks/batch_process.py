"""A process that runs one batch and prints what it cost: CPU, time, memory. Run by the benchmark."""

from __future__ import annotations

import json
import resource
import sys
import time

from benchmarks.batch_contenders import BATCHES

_WARM_ROWS = 20


def _peak_memory() -> float:
    """Return the most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def main(name: str, base_url: str, rows: int, at_once: int, prompt: str) -> None:
    """Run a small batch, which pays for imports, then the one that is measured."""
    BATCHES[name](base_url, _WARM_ROWS, 4, prompt)
    memory, cpu, began = _peak_memory(), _cpu(), time.monotonic()
    BATCHES[name](base_url, rows, at_once, prompt)
    figures = {"cpu_us": (_cpu() - cpu) / rows * 1e6, "seconds": time.monotonic() - began}
    figures["memory_mb"] = _peak_memory() - memory
    print(json.dumps(figures))


if __name__ == "__main__":
    kind, url, count, most, text = sys.argv[1:]
    main(kind, url, int(count), int(most), text)
