"""Batches over real connections: through both clients, under a storm of 429s, from the command line, killed."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, KiloClient
from kilo_gateway.batch import Request, arun_batch, run_batch
from kilo_gateway.errors import InvalidSettingError
from tests.kilo_gateway.cli.executable import Forks, Run
from tests.kilo_gateway.cli.in_process import Done, run_with_files

from .counting_server import CountingServer

MODEL = "openai/gpt-4.1-mini"
KEY = "key-of-a-batch-test"
RunToEnd = Callable[..., Done]
Start = Callable[..., Run]


def wanted(count: int) -> list[Request]:
    """Return so many requests; the prompt is the id."""
    return [
        Request(f"r{number}", {"model": MODEL, "messages": [{"role": "user", "content": f"r{number}"}]})
        for number in range(count)
    ]


def test_both_clients() -> None:
    """A batch runs with the settings of either client; each result is the answer to its own request."""
    with CountingServer() as server:
        given: dict[str, Any] = {"api_key": KEY, "base_url": server.base_url}
        blocking = list(run_batch(wanted(30), client=KiloClient(**given), ordered=True))

        async def drive() -> list[Any]:
            return [result async for result in arun_batch(wanted(30), client=AsyncKiloClient(**given))]

        awaited = asyncio.run(drive())
    assert [result.custom_id for result in blocking] == [f"r{number}" for number in range(30)]
    for result in [*blocking, *awaited]:
        assert result.answer.text == f"Answer to {result.custom_id}"
        assert json.loads(result.body)["provider"] == "Acme"
    assert set(server.prompts.values()) == {2}


def test_repeated_ids_and_wrong_requests_are_results() -> None:
    """An id that was there before, and a body that cannot be sent, fail alone; a wrong option is refused at once."""
    with CountingServer() as server:
        client = KiloClient(api_key=KEY, base_url=server.base_url)
        asked = [*wanted(2), Request("r1", wanted(1)[0].body), Request("x", {"model": MODEL})]
        results = list(run_batch(asked, client=client))
        with pytest.raises(InvalidSettingError, match="concurrency=0"):
            run_batch([], client=client, concurrency=0)
    failed = sorted(str(result.error) for result in results if not result.is_done)
    assert sorted(result.custom_id for result in results if result.is_done) == ["r0", "r1"]
    assert "`body` has no messages" in failed[1]
    assert "'r1' is there twice" in failed[0]
    assert set(server.prompts.values()) == {1}


def test_leaving_a_blocking_batch_ends_it() -> None:
    """Leaving `run_batch` early stops sending; nothing is left behind."""
    with CountingServer(latency_seconds=0.01) as server:
        results = run_batch(wanted(1000), client=KiloClient(api_key=KEY, base_url=server.base_url), concurrency=5)
        next(results)
        results.close()
        sent = len(server.arrivals)
        KiloClient(api_key=KEY, base_url=server.base_url).complete([{"role": "user", "content": "later"}], model=MODEL)
        # what was on its way when the batch was left may arrive after it, and nothing else but the call above
        assert len(server.arrivals) <= sent + 5 + 1 < 50


def test_a_blocking_client_of_the_callers_is_refused() -> None:
    """A blocking HTTP client cannot carry a batch, and the error says which can."""
    import httpx

    with httpx.Client() as http_client, pytest.raises(InvalidSettingError, match="AsyncKiloClient"):
        next(run_batch(wanted(1), client=KiloClient(api_key=KEY, http_client=http_client)))


def test_one_layer_tries_again() -> None:
    """A failing server gets just as many requests as were allowed: the client below adds none of its own."""
    with CountingServer(broken=True) as server:
        client = KiloClient(api_key=KEY, base_url=server.base_url, max_retries=5)
        [result] = run_batch(wanted(1), client=client, tries=2)
    assert (result.tries, len(server.arrivals)) == (2, 2)


def test_a_row_costs_the_same_however_many_are_under_way() -> None:
    """The work for a row, counted in calls of Python functions, does not grow with the number of connections."""

    def calls_a_row(at_once: int, rows: int) -> float:
        count = 0

        def notice(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += event == "call"

        async def drive() -> None:
            client = AsyncKiloClient(api_key=KEY, base_url=server.base_url)
            async for result in arun_batch(wanted(rows), client=client, concurrency=at_once):
                assert result.is_done

        sys.setprofile(notice)
        try:
            asyncio.run(drive())
        finally:
            sys.setprofile(None)
        return count / rows

    with CountingServer(latency_seconds=0.01) as server:
        few = calls_a_row(8, 100)
        server.latency_seconds = 0.3
        many = calls_a_row(150, 250)
        assert server.most_under_way > 50
    assert many < few * 1.5


def test_a_row_leaves_no_garbage_in_circles() -> None:
    """What a row leaves is freed at once: memory does not grow until the garbage collector comes by."""

    async def drive() -> int:
        client = AsyncKiloClient(api_key=KEY, base_url=server.base_url)
        count, found = 0, []
        async for result in arun_batch(wanted(270), client=client, concurrency=10):
            assert result.is_done
            count += 1
            if count in {50, 150, 250}:
                found.append(gc.collect())
        return min(found[1:])  # other threads of the process leave something now and then, a row would always

    with CountingServer() as server:
        gc.freeze()  # what was there before is not looked through again and again
        gc.disable()
        try:
            assert asyncio.run(drive()) < 100
        finally:
            gc.enable()


def test_a_storm_of_refusals_loses_nothing() -> None:
    """While a gateway says 429, at most what was under way and one probe a period draws it, and no row is lost."""
    begun: list[float] = []

    def busy(number: int) -> float | None:
        if number < 150:
            return None
        begun.append(time.monotonic())
        return 0.3 if time.monotonic() < begun[0] + 0.7 else None

    with CountingServer(latency_seconds=0.005, busy=busy) as server:
        client = KiloClient(api_key=KEY, base_url=server.base_url)
        results = list(run_batch(wanted(600), client=client, concurrency=100, tries=1))
    assert len(results) == 600
    assert all(result.error is None for result in results)
    assert set(server.prompts.values()) == {1}
    assert len(server.refusals) <= 100 + 4


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An input of 400 requests."""
    path = tmp_path / "in.jsonl"
    lines = [
        json.dumps({"custom_id": request.custom_id, "body": {**request.body, "max_tokens": 10}})
        for request in wanted(400)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def environment(server: CountingServer) -> dict[str, str]:
    """Return the environment of a command that talks to a server."""
    return {**os.environ, "KILOCODE_BASE_URL": server.base_url, "KILOCODE_API_KEY": KEY}


@pytest.fixture
def run(tmp_path: Path) -> RunToEnd:
    """Run the command to its end, in this process."""

    def to_the_end(server: CountingServer, *arguments: Any, stdin: bytes = b"") -> Done:
        return run_with_files(("batch", *map(str, arguments)), environment(server), tmp_path, stdin)

    return to_the_end


@pytest.fixture
def start(forks: Forks, tmp_path: Path) -> Iterator[Start]:
    """Start the command in a process of its own; what still runs at the end of the test is killed."""
    with ExitStack() as stack:

        def begin(server: CountingServer, *arguments: Any, **how: Any) -> Run:
            process = forks.start(("batch", *map(str, arguments)), environment(server), tmp_path, **how)
            stack.callback(process.close)
            return process

        yield begin


def wait_for_rows(output: Path, count: int) -> None:
    """Wait until an output has so many rows."""
    end = time.monotonic() + 30
    while not output.exists() or output.read_bytes().count(b"\n") < count:
        assert time.monotonic() < end
        time.sleep(0.005)


def ids(output: Path) -> list[str]:
    """Return the ids of an output's rows, sorted."""
    return sorted(json.loads(line)["custom_id"] for line in output.read_bytes().splitlines())


def test_killed_and_resumed(source: Path, tmp_path: Path, start: Start, run: RunToEnd) -> None:
    """Killed in the middle and resumed: no row lost or twice, paid twice at most what was under way at the kill."""
    output = tmp_path / "out.jsonl"
    with CountingServer(latency_seconds=0.02) as server:
        process = start(server, source, output, "--concurrency", 20)
        wait_for_rows(output, 100)
        process.interrupt(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        done = run(server, source, output, "--concurrency", 20, "--resume", "--json")
    assert done.status == 0, done.stderr
    assert ids(output) == sorted(f"r{number}" for number in range(400))
    assert sum(count - 1 for count in server.prompts.values()) <= 20
    report = json.loads(done.stdout)
    assert (report["rows"], report["done"], report["failed"], report["left"]) == (400, 400, 0, 0)
    assert report["resumed"] >= 100


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_end_a_run_that_can_be_resumed(
    source: Path, tmp_path: Path, start: Start, sent: signal.Signals, status: int
) -> None:
    """A signal ends the run with its own status; what was under way is written, and the rest can be resumed."""
    output = tmp_path / "out.jsonl"
    with CountingServer(latency_seconds=0.02) as server:
        process = start(server, source, output, "--concurrency", 10)
        wait_for_rows(output, 30)
        process.interrupt(sent)
        assert process.wait() == status, process.stderr
        assert process.stdout == ""
        assert "--resume" in process.stderr
        assert "Traceback" not in process.stderr
        assert len(ids(output)) == sum(server.prompts.values())


def test_a_second_process_ends_at_once(source: Path, tmp_path: Path, start: Start, run: RunToEnd) -> None:
    """A second run on the same output ends with 2, names the first, and sends nothing."""
    output = tmp_path / "out.jsonl"
    with CountingServer(latency_seconds=0.2) as server:
        process = start(server, source, output, "--concurrency", 2)
        wait_for_rows(output, 1)
        with CountingServer() as second:
            done = run(second, source, output, "--resume")
        assert (done.status, second.arrivals) == (2, [])
        assert f"process {process.pid}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--budget", "0.05", "--price", "1,1000"), 5, "The budget of $0.05 is used up"),
        (("--budget", "0.000001", "--price", "1,1000"), 2, "No row fits the budget"),
        (("--budget", "five"), 2, "--budget is an amount"),
        (("--price", "1"), 2, "IN,OUT"),
        (("--concurrency", "0"), 2, "is less than 1"),
        (("--resume", "--overwrite"), 2, "exclude each other"),
        (("--dry-run", "--price", "1,1"), 0, "Nothing was sent"),
        (("--nonsense",), 2, "--nonsense"),
    ],
    ids=["budget", "no row fits", "no amount", "no price", "concurrency", "both", "dry run", "unknown"],
)
def test_exit_statuses(
    source: Path, tmp_path: Path, run: RunToEnd, arguments: tuple[str, ...], status: int, said: str
) -> None:
    """A script can act on the status, and a person on the words."""
    with CountingServer() as server:
        done = run(server, source, tmp_path / "out.jsonl", *arguments)
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if status in {0, 2}:
        assert server.arrivals == []
    assert len(server.prompts) * 0.001 <= 0.05


def test_rows_that_fail_are_told_apart(source: Path, tmp_path: Path, run: RunToEnd) -> None:
    """With failed rows the status is 6, stdout holds one object with the counts, and `--max-errors` ends the run."""
    output = tmp_path / "out.jsonl"
    with CountingServer(refused=frozenset({"r7", "r8"})) as server:
        done = run(server, source, output, "--json")
        assert done.status == 6, done.stderr
        report = json.loads(done.stdout)
        assert (report["done"], report["failed"], report["left"], report["status"]) == (398, 2, 0, 6)
        assert report["by"] == [
            {"model": "lab/model", "provider": "Acme", "rows": 398, "tokens": report["tokens"], "cost": "0.398"}
        ]
        again = run(server, source, output, "--resume", "--retry-failed", "--max-errors", 1, "--json")
    assert again.status == 6
    assert (
        json.loads(again.stdout)["reason"]
        == "The run was stopped: 1 request failed. See why in the output, then resume it."
    )


def test_stdin_is_read(source: Path, tmp_path: Path, run: RunToEnd) -> None:
    """`-` takes the input from stdin."""
    output = tmp_path / "out.jsonl"
    with CountingServer() as server:
        done = run(server, "-", output, stdin=b"".join(source.read_bytes().splitlines(keepends=True)[:50]))
    assert done.status == 0
    assert len(ids(output)) == 50
