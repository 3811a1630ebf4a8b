"""Rows a second on a Ray cluster of this machine, beside one process and Ray's own HTTP processor: `make bench-ray`.

Counted at the gateway over the second half of the rows, so that the start of processes is left out of all alike.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.cluster_server import LATENCY_SECONDS, counting_gateway, counts_of
from kilo_gateway import KiloClient
from kilo_gateway.batch import Request, run_batch
from kilo_gateway.batch.journal import Journal
from kilo_gateway.batch.json_rows import JsonRows

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 4
BATCH_ROWS = 256
MODEL = "lab/model"


def one_process(base_url: str, folder: Path, count: int, limit: int) -> None:
    """Run the rows through `run_batch`, into a file."""
    body = {"model": MODEL, "max_tokens": 20}
    requests = (
        Request(str(number), {**body, "messages": [{"role": "user", "content": f"Is {number} even?"}]})
        for number in range(count)
    )
    with Journal(folder / "out.jsonl", JsonRows()) as journal:
        for result in run_batch(requests, client=KiloClient(base_url=base_url, api_key="none"), concurrency=limit):
            journal.write(result)


def our_processor(base_url: str, folder: Path, count: int, limit: int) -> None:
    """Run the rows through `build_processor`."""
    from kilo_gateway.ray import build_processor

    processor = build_processor(
        "Is {number} even?",
        model=MODEL,
        options={"max_tokens": 20},
        journal=folder / "journal",
        base_url=base_url,
        api_key="none",
        workers=WORKERS,
        batch_size=BATCH_ROWS,
        requests_at_once=limit,
    )
    processor(_rows(count)).materialize()


def rays_processor(base_url: str, folder: Path, count: int, limit: int) -> None:
    """Run the rows through Ray's own HTTP processor, which has no limit of its own."""
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    config = HttpRequestProcessorConfig(url=f"{base_url}chat/completions", concurrency=WORKERS, batch_size=BATCH_ROWS)
    processor = build_processor(
        config,
        preprocess=lambda row: {
            "payload": {
                "model": "lab/model",
                "max_tokens": 20,
                "messages": [{"role": "user", "content": f"Is {row['number']} even?"}],
            }
        },
        postprocess=lambda row: {"answer": row["http_response"]["choices"][0]["message"]["content"]},
    )
    processor(_rows(count)).materialize()


def _rows(count: int) -> Any:
    import ray

    rows = [{"number": number} for number in range(count)]
    return ray.data.from_items(rows, override_num_blocks=max(WORKERS * 4, count // 500))


def measure(name: str, run: Callable[..., None], base_url: str, count: int, limit: int) -> float:
    """Run once, print a row of the table, return the rows a second."""
    counts_of(base_url)
    with tempfile.TemporaryDirectory() as folder:
        run(base_url, Path(folder), count, limit)
    counts = counts_of(base_url)
    at = counts["answered_at"]
    half = len(at) // 2
    rate = (len(at) - 1 - half) / (at[-1] - at[half])
    print(f"| {name} | {limit} | {count} | {rate:.0f} | {counts['most_under_way']} |", flush=True)
    return rate


def main() -> None:
    """Measure all in one sitting, round after round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--limits", type=int, nargs="+", default=[25, 50])
    parser.add_argument("--rows", type=int, default=8000)
    parser.add_argument("--rows-of-ray", type=int, default=1600)
    options = parser.parse_args()
    import ray

    with counting_gateway() as base_url:
        ray.init(
            num_cpus=8, object_store_memory=300 * 2**20, include_dashboard=False, log_to_driver=False, logging_level=40
        )
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        print(f"| way, {LATENCY_SECONDS * 1000:.0f} ms | limit | rows | rows a second | most under way |")
        print("|---|---|---|---|---|")
        for _ in range(options.rounds):
            for limit in options.limits:
                alone = measure("one process, run_batch", one_process, base_url, options.rows, limit)
                ours = measure(f"{WORKERS} workers, build_processor", our_processor, base_url, options.rows, limit)
                print(f"  of one process: {ours / alone:.0%}", file=sys.stderr, flush=True)
            rays = measure(f"{WORKERS} workers, Ray's own", rays_processor, base_url, options.rows_of_ray, 0)
            print(f"  times Ray's own: {ours / rays:.1f}", file=sys.stderr, flush=True)
        ray.shutdown()


if __name__ == "__main__":
    main()
