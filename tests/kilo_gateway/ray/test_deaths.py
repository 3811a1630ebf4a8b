"""What is killed in the middle of a run on a real cluster, and what the gateway counts afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

from kilo_gateway.ray import build_processor

from .conftest import KEY
from .gateway_process import GatewayProcess

LIMIT = 24
COUNT = 4000


@pytest.fixture
def gateway() -> Iterator[GatewayProcess]:
    """A gateway that counts, and takes its time."""
    with GatewayProcess(latency_seconds=0.1) as running:
        yield running


def processes(ray: Any, name: str) -> list[int]:
    """Return the ids of this cluster's processes of some name."""
    raylet = ray._private.worker._global_node.all_processes["raylet"][0].process.pid
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if parent == raylet and command.startswith(f"ray::{name}"):
            found.append(int(folder.name))
    return found


def kill_in_the_middle(
    ray: Any, gateway: GatewayProcess, name: str, when: Callable[[], bool] = lambda: True
) -> Callable[[], list[int]]:
    """Kill one process of some name in the middle of a run; returns what waits for that and tells which."""
    killed: list[int] = []

    def watch() -> None:
        until = time.monotonic() + 120
        while (len(gateway.ask()["arrivals"]) < 200 or not when()) and time.monotonic() < until:
            time.sleep(0.05)
        victims = processes(ray, name)
        if victims:
            os.kill(victims[0], signal.SIGKILL)
            killed.append(victims[0])

    thread = threading.Thread(target=watch)
    thread.start()

    def wait() -> list[int]:
        thread.join()
        return killed

    return wait


def dataset(ray: Any, count: int) -> Any:
    """Return so many rows in blocks of a hundred."""
    rows = [{"text": f"t{number}"} for number in range(count)]
    return ray.data.from_items(rows, override_num_blocks=count // 100)


def processor(gateway: GatewayProcess, journal: Path, **more: Any) -> Any:
    """Return a processor of four workers."""
    usual = {"model": "lab/model", "workers": 4, "batch_size": 50, "requests_at_once": LIMIT}
    return build_processor(
        "Say {text}", journal=journal, base_url=gateway.base_url, api_key=KEY, num_cpus=0.5, **{**usual, **more}
    )


def test_a_killed_worker(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """No row is lost or there twice, and at most what was under way on the worker is sent again."""
    run = processor(gateway, tmp_path)
    wanted = run(dataset(cluster, COUNT))
    wait = kill_in_the_middle(cluster, gateway, "MapWorker", when=lambda: run.totals().workers == 4)
    rows = wanted.take_all()
    assert len(wait()) == 1
    assert sorted(row["text"] for row in rows) == sorted(f"t{number}" for number in range(COUNT))
    assert all(row["answer"] == f"Answer to Say {row['text']}" for row in rows)
    counts = gateway.ask()
    again = len(counts["arrivals"]) - COUNT
    sys.stderr.write(f"killed worker: {again} of {COUNT} requests sent twice\n")
    assert 0 <= again <= LIMIT // 2  # a quarter is its share; what others leave is its, too
    assert counts["most_under_way"] <= LIMIT


def test_a_killed_coordinator(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """The actor begins anew, the workers tell it again: every row is there, none is sent twice, the limit holds."""
    run = processor(gateway, tmp_path, workers=2)
    wait = kill_in_the_middle(cluster, gateway, "Coordinator")
    rows = run(dataset(cluster, 800)).take_all()
    assert len(wait()) == 1
    assert all(row["answer"] == f"Answer to Say {row['text']}" for row in rows)
    assert len(rows) == 800
    counts = gateway.ask()
    assert len(counts["arrivals"]) == 800
    assert counts["most_under_way"] <= LIMIT
    assert run.totals().done == 800


PROGRAM = """
import sys
import ray
from kilo_gateway.ray import build_processor

address, base_url, journal, found = sys.argv[1:]
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
rows = ray.data.from_items([{"text": f"t{number}"} for number in range(800)], override_num_blocks=8)
run = build_processor(
    "Say {text}",
    model="lab/model",
    journal=journal,
    base_url=base_url,
    workers=2,
    batch_size=50,
    requests_at_once=24,
    num_cpus=0.5,
)
table = run(rows).to_pandas()
table.to_json(found, orient="records", lines=True)
"""


def start(cluster: Any, gateway: GatewayProcess, folder: Path) -> subprocess.Popen[bytes]:
    """Start the program above on the cluster, with the key in its environment."""
    address = cluster.get_runtime_context().gcs_address
    command = [sys.executable, "-c", PROGRAM, address, gateway.base_url, str(folder / "journal"), str(folder / "out")]
    return subprocess.Popen(command, env={**os.environ, "KILOCODE_API_KEY": KEY}, stderr=subprocess.DEVNULL)


def test_a_killed_driver(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """The program is killed and started again: it resumes, and pays again at most for what was under way."""
    first = start(cluster, gateway, tmp_path)
    until = time.monotonic() + 120
    while len(gateway.ask()["arrivals"]) < 300 and time.monotonic() < until:
        time.sleep(0.02)
    first.kill()
    first.wait()
    second = start(cluster, gateway, tmp_path)
    assert second.wait(timeout=180) == 0
    rows = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert sorted(row["text"] for row in rows) == sorted(f"t{number}" for number in range(800))
    assert all(row["answer"] == f"Answer to Say {row['text']}" for row in rows)
    counts = gateway.ask()
    again = len(counts["arrivals"]) - 800
    sys.stderr.write(f"killed driver: {again} of 800 requests sent twice\n")
    assert 0 <= again <= LIMIT
    assert counts["most_under_way"] <= LIMIT


def test_an_object_store_that_fills(cluster: Any, gateway: GatewayProcess, tmp_path: Path) -> None:
    """Rows of more bytes than the store holds come through, each with its answer."""
    wide = cluster.data.range(240, override_num_blocks=24).map(
        lambda row: {"text": f"t{row['id']}", "picture": os.urandom(1_000_000)}
    )
    run = processor(gateway, tmp_path, workers=1, batch_size=20)
    found = run(wide).materialize()
    assert found.count() == 240
    answers = found.select_columns(["text", "answer"]).take_all()
    assert all(row["answer"] == f"Answer to Say {row['text']}" for row in answers)
