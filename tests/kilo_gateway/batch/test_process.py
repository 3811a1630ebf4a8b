"""The command and its process: a disk that fills, a terminal that goes, early signals, and the live picture."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kilo_gateway.cli.in_process import run_at_terminal

from .counting_server import CountingServer
from .test_over_http import RunToEnd, Start, environment, ids, run, source, start

__all__ = ["run", "source", "start"]


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Let no file of this process grow beyond 20 KB, until it is called."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def grow() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module compiled now would be kept cut off
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield grow
    grow()


def test_a_disk_that_fills(source: Path, tmp_path: Path, run: RunToEnd, small_disk: Callable[[], None]) -> None:
    """When the disk is full nothing more is sent, the file stays valid, the status is 1, and it can be resumed."""
    output = tmp_path / "out.jsonl"
    with CountingServer(latency_seconds=0.01) as server:
        done = run(server, source, output, "--concurrency", 10)
        assert done.status == 1, done.stderr
        assert "could not be written" in done.stderr
        assert "Traceback" not in done.stderr
        written = ids(output)
        assert 0 < len(written) < 400
        assert len(server.arrivals) <= len(written) + 2 * 10
        small_disk()
        assert run(server, source, output, "--resume").status == 0
    assert ids(output) == sorted(f"r{number}" for number in range(400))


def test_a_terminal_that_is_gone_harms_no_run(source: Path, tmp_path: Path, start: Start) -> None:
    """A run whose stderr nobody reads any more goes on to its end."""
    output = tmp_path / "out.jsonl"
    reader, writer = os.pipe()
    os.close(reader)
    with CountingServer() as server:
        process = start(server, source, output, files={"stderr": writer})
        os.close(writer)
        assert process.wait() == 0
    assert len(ids(output)) == 400


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["people", "scripts"])
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_before_the_first_request(
    tmp_path: Path, start: Start, sent: signal.Signals, status: int, form: tuple[str, ...]
) -> None:
    """A signal while the input is still read ends the process with its status; nothing was sent, no lock is left."""
    with CountingServer() as server:
        process = start(server, "-", tmp_path / "out.jsonl", *form)
        end = time.monotonic() + 30
        while not Path(f"/proc/{process.pid}/wchan").exists() or "pipe" not in _waits_in(process.pid):
            assert time.monotonic() < end
            time.sleep(0.005)
        process.interrupt(sent)
        assert (process.wait(), process.stderr, server.arrivals) == (status, "", [])
        assert json.loads(process.stdout)["error"]["type"] == "interrupted" if form else process.stdout == ""
    assert list(tmp_path.iterdir()) == []


def _waits_in(pid: int) -> str:
    """Return what a process waits for, as the system calls it."""
    try:
        return Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return ""


def test_a_second_signal_ends_at_once(source: Path, tmp_path: Path, start: Start) -> None:
    """The second Ctrl-C does not wait for what is under way, and says what may be paid twice."""
    output = tmp_path / "out.jsonl"
    with CountingServer(latency_seconds=30) as server:
        process = start(server, source, output, "--concurrency", 5, "--grace", 60)
        while not server.arrivals:
            time.sleep(0.01)
        process.interrupt()
        process.wait_for("Stopping", stream="stderr")
        began = time.monotonic()
        process.interrupt()
        assert process.wait() == 130
    assert time.monotonic() - began < 5
    assert re.search(r"\d+ requests under way were not waited for", process.stderr)


@pytest.mark.parametrize("columns", [60, 120])
def test_the_picture_on_a_terminal(source: Path, tmp_path: Path, columns: int) -> None:
    """On a terminal the run is drawn: within its width, without colour, counts that add up at every moment."""
    with CountingServer(latency_seconds=0.05) as server:
        environ = {**environment(server), "TERM": "xterm"}
        environ.pop("COLUMNS", None)
        words = ("batch", str(source), str(tmp_path / "out.jsonl"), "--concurrency", "40")
        done = run_at_terminal(words, environ, tmp_path, (24, columns))
    assert done.status == 0
    shown = done.shown
    assert not re.search(r"\x1b\[[0-9;]*m", shown)
    picture = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "\n", shown).partition("lab/model by")[0]
    assert max(map(len, picture.split("\n"))) <= columns
    counts = [tuple(map(int, found)) for found in re.findall(r"(\d+) done, (\d+) failed, (\d+) left", shown)]
    assert len(counts) > 2
    assert {sum(count) for count in counts} == {400}
    assert counts[-1] == (400, 0, 0)
    assert shown.count("400 done") <= 2
    assert "in flight" in shown
    assert "waiting" in shown


def test_a_dead_gateway(source: Path, tmp_path: Path, start: Start) -> None:
    """A gateway out of reach ends the run with 3 after the time without progress; no row is written."""
    output = tmp_path / "out.jsonl"
    with CountingServer() as server:
        pass
    done = start(server, source, output, "--no-progress-seconds", 0.5)
    assert (done.wait(), output.read_bytes()) == (3, b"")
    assert "answered nothing for 0.5 s. 127.0.0.1" in done.stderr
    assert "could not be connected to" in done.stderr.splitlines()[1]


def test_another_reason_for_each_stop(source: Path, tmp_path: Path, run: RunToEnd) -> None:
    """The object for scripts says the status and the reason of a run that ended early."""
    with CountingServer(busy=lambda number: 3600.0) as server:
        done = run(server, source, tmp_path / "out.jsonl", "--json")
    report = json.loads(done.stdout)
    assert (done.status, report["status"], report["left"]) == (3, 3, 400)
    assert "asks for a pause until" in report["reason"]
