"""Kill `kilo-gateway batch` at random bytes of its output, resume it, and count: `python -m tools.kill_and_resume`.

For each kill: rows lost, rows there twice, lines that cannot be read, and requests that the gateway answered twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from tests.kilo_gateway.batch.counting_server import CountingServer

ROWS = 400
AT_ONCE = 20
_LATENCY_SECONDS = 0.02


class Outcome(NamedTuple):
    """What one kill did, counted after the resumed run."""

    at_byte: int
    """Bytes in the output when it was killed."""
    lost: int
    twice: int
    unreadable: int
    paid_twice: int
    said: bool
    """Whether the resumed run told what may be paid twice."""


def kill_once(folder: Path, at_byte: int) -> Outcome:
    """Run, kill when the output has so many bytes, resume, and count."""
    source, output = folder / "in.jsonl", folder / "out.jsonl"
    _write_input(source)
    output.unlink(missing_ok=True)
    with CountingServer(latency_seconds=_LATENCY_SECONDS) as server:
        process = _start(server, source, output)
        while process.poll() is None and _size(output) < at_byte:
            time.sleep(0.001)
        process.kill()
        process.communicate()
        killed_at = _size(output)
        resumed = _start(server, source, output, "--resume")
        _, told = resumed.communicate()
        if resumed.returncode:
            raise RuntimeError(told)
        return _count(output, server.prompts, killed_at, told)


def _count(output: Path, answered: Counter[str], killed_at: int, told: str) -> Outcome:
    ids: Counter[str] = Counter()
    unreadable = 0
    for line in output.read_bytes().split(b"\n")[:-1]:
        try:
            ids[json.loads(line)["custom_id"]] += 1
        except (ValueError, KeyError):
            unreadable += 1
    lost = sum(f"r{number}" not in ids for number in range(ROWS))
    twice = sum(count - 1 for count in ids.values())
    paid_twice = sum(count - 1 for count in answered.values())
    return Outcome(killed_at, lost, twice, unreadable, paid_twice, "may be paid twice" in told)


def _start(server: CountingServer, *arguments: object) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "kilo_gateway.cli", "batch", *map(str, arguments), "--concurrency", str(AT_ONCE)]
    environment = {**os.environ, "KILOCODE_BASE_URL": server.base_url, "KILOCODE_API_KEY": "key-of-a-tool"}
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def _write_input(path: Path) -> None:
    body = {"model": "openai/gpt-4.1-mini", "max_tokens": 10}
    with path.open("w") as file:
        for number in range(ROWS):
            messages = [{"role": "user", "content": f"r{number}"}]
            file.write(json.dumps({"custom_id": f"r{number}", "body": {**body, "messages": messages}}) + "\n")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def main() -> None:
    """Kill as often as was asked, and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m tools.kill_and_resume", description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chosen = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = kill_once(folder, sys.maxsize).at_byte
        outcomes = [kill_once(folder, chosen.randrange(1, whole)) for _ in range(options.times)]
    print(f"{options.times} kills within {whole:,} bytes, {ROWS} rows, {AT_ONCE} at once")
    for field in ("lost", "twice", "unreadable", "paid_twice"):
        values = [getattr(outcome, field) for outcome in outcomes]
        print(f"{field}: {sum(values)} in all, {max(values)} at most after one kill")
    print(f"told what may be paid twice: {sum(outcome.said for outcome in outcomes)} of {options.times}")


if __name__ == "__main__":
    main()
