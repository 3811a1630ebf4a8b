"""The command in this process: what it refuses, what it says before it sends, and what it leaves in its files."""

from __future__ import annotations

import csv
import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from kilo_gateway.cli.batch.options import batch
from kilo_gateway.cli.process import run as run_command

from .conftest import MODEL
from .counting_server import CountingServer
from .files import line, write


class Done(NamedTuple):
    """What a command did."""

    exit_code: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """A gateway that counts."""
    with CountingServer() as running:
        yield running


@pytest.fixture
def run(
    server: CountingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Run the command in a folder of its own, with a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KILOCODE_API_KEY", "key-of-a-batch-test")
    monkeypatch.setenv("KILOCODE_BASE_URL", server.base_url)
    monkeypatch.setattr(logging.getLogger("kilo_gateway"), "propagate", True)  # as it was, once the command has run
    write(Path("in.jsonl"), line("a"), line("b"))
    write(Path("in.csv"), "text,label", "good,?", "bad,?")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def run_to_end(*words: str) -> Done:
        capfd.readouterr()
        status = run_command(["batch", *words])
        return Done(status, *capfd.readouterr())

    yield run_to_end
    for number, handler in handlers.items():
        signal.signal(number, handler)


TABLE = ("in.csv", "out.csv", "-m", "lab/model", "--template", "{text}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("in.jsonl", "-"), "An output must be a file"),
        (("in.jsonl", "out.jsonl", "--error-file", "-"), "An output must be a file"),
        (("in.jsonl", "in.jsonl", "--overwrite"), "is the input as well"),
        (("none.jsonl", "out.jsonl"), "There is no file none.jsonl"),
        (("in.jsonl", "none/out.jsonl"), "There is no folder none"),
        (("in.jsonl", "/dev/null", "--resume"), "is no plain file"),
        (("in.jsonl", "out.jsonl", "--retry-failed"), "add --resume"),
        (("in.jsonl", "out.jsonl", "--accept-changed"), "add --resume"),
        (("in.jsonl", "out.jsonl", "-o", "max_tokens=3"), "--option needs --template"),
        (("in.jsonl", "out.jsonl", "--schema", "a"), "--schema and --system need --template"),
        (("in.jsonl", "out.jsonl", "-m", "lab/other"), "2 lines of in.jsonl cannot be used"),
        (("in.csv", "out.csv"), "need --template"),
        ((*TABLE[:-1], "{txet}"), "there is no such column; there are text, label"),
        ((*TABLE, "--schema", "a thing"), "'thing' is no type"),
        (("in.jsonl", "out.jsonl", "--budget", "1", "--price", "0,inf"), "prices are amounts"),
        (("in.jsonl", "out.jsonl", "--row-timeout", "0"), "0 is not more than 0"),
        ((*TABLE, "-o", "max_tokenz=5"), "max_tokens"),
        (("in.jsonl", "out.jsonl", "--concurency", "5"), "Did you mean --concurrency?"),
        (("in.jsonl",), "OUTPUT is missing"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_before_anything_is_sent(
    run: Run, server: CountingServer, words: tuple[str, ...], said: str
) -> None:
    """Wrong settings and files end with 2 and a sentence; nothing was sent, no output and no lock is left."""
    before = Path("in.jsonl").read_bytes()
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert server.arrivals == []
    assert sorted(path.name for path in Path().iterdir()) == ["in.csv", "in.jsonl"]
    assert Path("in.jsonl").read_bytes() == before


def test_an_output_that_is_there_is_told_in_options(run: Run) -> None:
    """What can be done about an output that is there is said in options of the command."""
    assert run("in.jsonl", "out.jsonl").exit_code == 0
    assert run("in.jsonl", "out.jsonl").stderr == "error: out.jsonl is there already. Add --resume or --overwrite.\n"
    write(Path("in.jsonl"), line("a", "Another"))
    assert "Add --accept-changed to keep" in run("in.jsonl", "out.jsonl", "--resume").stderr


def test_wrong_lines_are_all_told(run: Run) -> None:
    """One wrong line is told in the error, several before it, each with its number; scripts get an object."""
    write(Path("in.jsonl"), line("a"), "[1]")
    done = run("in.jsonl", "out.jsonl")
    assert done.stderr == "error: in.jsonl, line 2: not a JSON object. Mend it; nothing was sent.\n"
    write(Path("in.jsonl"), line("a"), "[1]", "x", line("a"))
    done = run("in.jsonl", "out.jsonl", "--json")
    *details, error = done.stderr.splitlines()
    assert [text.partition(": ")[0] for text in details] == [f"in.jsonl, line {number}" for number in (2, 3, 4)]
    assert error.startswith("error: 3 lines of in.jsonl cannot be used.")
    assert json.loads(done.stdout)["error"]["message"] == error.removeprefix("error: ")


def test_a_missing_key(run: Run, server: CountingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key nothing is sent and the status is 4; checking and pricing need none."""
    monkeypatch.delenv("KILOCODE_API_KEY")
    done = run("in.jsonl", "out.jsonl")
    assert (done.exit_code, server.arrivals) == (4, [])
    assert "KILOCODE_API_KEY" in done.stderr
    assert run("in.jsonl", "out.jsonl", "--dry-run", "--price", "1,1").exit_code == 0


def test_a_budget_for_a_model_that_the_gateway_chooses(run: Run, server: CountingServer) -> None:
    """What an auto id costs is not known, whatever a list says: a budget is refused unless a price is stated."""
    done = run("in.csv", "out.csv", "-m", "kilo/auto", "--template", "{text}", "--budget", "5")
    assert (done.exit_code, server.arrivals) == (2, [])
    assert "The price of kilocode/kilo/auto is not known" in done.stderr
    assert (
        run("in.csv", "out.csv", "-m", "kilo/auto", "--template", "{text}", "--budget", "5", "--price", "1,1").exit_code
        == 0
    )


def test_bounds_that_are_estimates_are_told(run: Run) -> None:
    """A budget whose bound is an estimate says so, for how many rows and why, before the first request."""
    picture = [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    body = {"model": "lab/model", "max_tokens": 5, "messages": [{"role": "user", "content": picture}]}
    write(Path("in.jsonl"), json.dumps({"custom_id": "a", "body": body}), line("b"), line("c"))
    done = run("in.jsonl", "out.jsonl", "--dry-run", "--budget", "5", "--price", "1,1")
    assert "an estimate, not a bound, for 2 rows with no max_tokens, 1 row with media named by a URL." in done.stderr


def test_a_dry_run_prices_what_is_left_and_writes_nothing(run: Run, server: CountingServer) -> None:
    """A dry run sends and writes nothing, prices only the rows that would be sent, and tells scripts the bound."""
    assert run("in.jsonl", "out.jsonl").exit_code == 0
    whole = Path("out.jsonl").read_bytes()
    Path("out.jsonl").write_bytes(whole[:-9])
    sent = len(server.arrivals)
    done = run("in.jsonl", "out.jsonl", "--resume", "--dry-run", "--price", "0,1", "--json")
    assert (json.loads(done.stdout)["bound"], json.loads(done.stdout)["left"]) == ("0.004096", 1)
    assert "could not be read (the first: 2)" in done.stderr
    assert run("in.jsonl", "out.jsonl", "--overwrite", "--dry-run", "--price", "0,1").exit_code == 0
    assert Path("out.jsonl").read_bytes() == whole[:-9]
    assert len(server.arrivals) == sent


def test_what_a_kill_may_have_cost_is_told(run: Run) -> None:
    """A resumed run says how many requests may be paid twice, if the last one was killed."""
    Path("out.jsonl.lock").write_text("process 1 on elsewhere, 40 requests at once")
    done = run("in.jsonl", "out.jsonl", "--resume")
    assert "at most 40 requests, those under way then, are sent again and may be paid twice" in done.stderr
    assert "killed" not in run("in.jsonl", "out.jsonl", "--resume").stderr


def test_fields_of_a_schema_become_columns(run: Run, server: CountingServer) -> None:
    """Answers that fit fill the schema's columns; one that does not is a failed row that holds what was answered."""
    server.answers["good"] = '```json\n{"positive": true, "why": "it, says so"}\n```'
    server.answers["bad"] = '{"positive": "no", "why": ""}'
    done = run(*TABLE, "--schema", "positive bool, why str: in a word")
    assert done.exit_code == 6, done.stderr
    with Path("out.csv").open(newline="") as file:
        found = {row["text"]: row for row in csv.DictReader(file)}
    assert (found["good"]["positive"], found["good"]["why"], found["good"]["error"]) == ("true", "it, says so", "")
    assert found["bad"]["error"].endswith('The answer: {"positive": "no", "why": ""}')
    assert "does not fit the schema: $.positive" in found["bad"]["error"]
    [sent] = {
        json.dumps(body.get("response_format", {}).get("json_schema", {}).get("strict")) for body in server.bodies
    }
    assert sent == "true"


def test_a_truncated_answer_is_kept_and_told(run: Run, server: CountingServer) -> None:
    """An answer that was cut at its length is a row with its finish reason, is counted, and is not asked again."""
    server.finish_reason = "length"
    done = run("in.jsonl", "out.jsonl", "--json")
    assert (done.exit_code, json.loads(done.stdout)["truncated"], len(server.arrivals)) == (0, 2, 2)
    assert "2 answers were cut at max_tokens" in done.stderr
    [first, _] = [json.loads(text) for text in Path("out.jsonl").read_bytes().splitlines()]
    assert first["response"]["body"]["choices"][0]["finish_reason"] == "length"


DIGITS = "123456789012345678901234567890"
EVENT = {"id": "gen-1", "choices": [{"index": 0, "delta": {"content": "streamed"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (
            f'\n \r\n{{"choices": [{{"message": {{"content": "x"}}, "finish_reason": "stop"}}],\n "n": {DIGITS}}}',
            DIGITS,
        ),
        (f"data: {json.dumps(EVENT)}\n\ndata: [DONE]\n\n", '"streamed"'),
        ('{"choices": [{"message": {"content": "\\ud83d\u2028"}, "finish_reason": "stop"}]}', "\\ud83d\u2028"),
    ],
    ids=["digits and line breaks", "streamed unasked", "half a character"],
)
def test_whatever_is_answered_is_one_line_of_json(run: Run, server: CountingServer, answer: str, found: str) -> None:
    """An answer stands in its line as it came: no digit is lost, no line break splits it, and it can be resumed."""
    server.bare["Hello"] = answer.encode()
    assert run("in.jsonl", "out.jsonl").exit_code == 0
    text = Path("out.jsonl").read_text(encoding="utf-8")
    lines = text.removesuffix("\n").split("\n")
    assert [found in one for one in lines] == [True, True]
    assert sorted(json.loads(one)["custom_id"] for one in lines) == ["a", "b"]
    sent = len(server.arrivals)
    assert run("in.jsonl", "out.jsonl", "--resume").exit_code == 0
    assert len(server.arrivals) == sent


def test_an_answer_that_is_none_is_a_failed_row(run: Run, server: CountingServer) -> None:
    """Broken JSON fails its rows; nothing of it makes the output unreadable."""
    server.bare["Hello"] = b'{"choices": [{"message": {"content": nan}, "finish_reason": "stop"}]}'
    done = run("in.jsonl", "out.jsonl")
    assert done.exit_code == 6
    assert "--resume --retry-failed asks them again" in done.stderr
    rows = [json.loads(text) for text in Path("out.jsonl").read_bytes().splitlines()]
    assert {row["error"]["code"] for row in rows} == {"malformed_answer"}
    assert {row["response"] for row in rows} == {None}


def test_numbers_that_json_has_not_are_null(run: Run, server: CountingServer) -> None:
    """An answer with NaN in it is one; what is written of it stays JSON."""
    server.bare["Hello"] = b'{"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "score": NaN}'
    assert run("in.jsonl", "out.jsonl").exit_code == 0
    for text in Path("out.jsonl").read_text().splitlines():
        assert "NaN" not in text
        assert json.loads(text)["response"]["body"]["score"] is None


def test_rows_in_the_order_of_the_input(run: Run) -> None:
    """On wish the rows stand in the order of the input."""
    write(Path("in.jsonl"), *(line(f"r{number}", f"r{number}") for number in range(60)))
    assert run("in.jsonl", "out.jsonl", "--ordered").exit_code == 0
    ids = [json.loads(text)["custom_id"] for text in Path("out.jsonl").read_bytes().splitlines()]
    assert ids == [f"r{number}" for number in range(60)]


def test_controls_out_of_an_answer_reach_no_terminal(run: Run, server: CountingServer) -> None:
    """A model's or a provider's name is shown, not obeyed."""
    server.provider = "Ac\x1b[31mme"
    done = run("in.jsonl", "out.jsonl")
    assert "\x1b" not in done.stderr
    assert "lab/model by Ac" in done.stderr


@pytest.mark.parametrize("unknown", [False, True], ids=["told", "not told"])
def test_costs_are_exact_or_unknown(run: Run, server: CountingServer, unknown: bool) -> None:
    """A sum has every digit; a cost that nobody told is null and unknown, never nothing."""
    server.usage = {"prompt_tokens": 5, "completion_tokens": 5} | ({} if unknown else {"cost": 0.0000004})
    done = run("in.jsonl", "out.jsonl", "--json")
    report: dict[str, Any] = json.loads(done.stdout)
    assert (report["cost"], report["unknown_costs"]) == ((None, 2) if unknown else ("0.0000008", 0))
    assert ("2 answers of unknown cost" if unknown else "$0.0000008") in done.stderr


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_errors_in_the_output_name_commands(name: str, run: Run, server: CountingServer) -> None:
    """What a failed row says is for people who type commands: no Python is in it."""
    server.status = 404
    done = run("in.csv", name, "--model", "nobody/nothing", "--template", "{text}")
    assert done.exit_code == 6
    said = Path(name).read_text()
    assert "KiloClient" not in said
    assert name == "out.jsonl" or "kilo-gateway models" in said


def test_the_model_of_the_environment_is_taken(run: Run, server: CountingServer, monkeypatch: Any) -> None:
    """Rows that name no model take that of KILOCODE_MODEL, which a row may differ from; without any it is one error."""
    bare = json.dumps({"custom_id": "a", "body": {"messages": [{"role": "user", "content": "x"}]}})
    write(Path("bare.jsonl"), bare, line("b"))
    assert "Name one with --model" in run("bare.jsonl", "out.jsonl").stderr
    assert run("in.csv", "out.csv", "--template", "{text}").stderr.count("model") == 2
    monkeypatch.setenv("KILOCODE_MODEL", "lab/usual")
    assert run("bare.jsonl", "out.jsonl").exit_code == 0
    assert run("in.csv", "out.csv", "--template", "{text}").exit_code == 0
    assert {body["model"] for body in server.bodies} == {"lab/usual", MODEL}


def test_what_nohup_ignores_stays_ignored(run: Run) -> None:
    """A batch that is started with `nohup` goes on when its terminal is gone."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert run("in.jsonl", "out.jsonl").exit_code == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_a_program_around_the_command_keeps_its_handlers(run: Run) -> None:
    """Who runs the command within a program can stop the program with Ctrl-C as before."""
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert CliRunner().invoke(batch, ["in.jsonl", "out.jsonl"]).exit_code == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers


def test_a_pipe_is_read_like_stdin(run: Run) -> None:
    """A named pipe, as `<(...)` of a shell is, is put into a file first, for it can be read once only."""
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text(Path("in.jsonl").read_text()))
    writer.start()
    done = run("pipe", "out.jsonl")
    writer.join()
    assert done.exit_code == 0
    assert len(Path("out.jsonl").read_text().splitlines()) == 2
