"""The record of what was asked: off unless turned on, private, without the key, never in the way of an answer."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.cli.log.home import make_folder
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where answers are recorded."""
    return tmp_path / "home" / "logs.db"


def entries(run: Callable[..., Any], *words: str) -> list[dict[str, Any]]:
    """Return what `logs --json` prints."""
    return [json.loads(line) for line in run("logs", "--json", *words).stdout.splitlines()]


def test_nothing_is_written_unless_asked_for(run: Callable[..., Any], tmp_path: Path) -> None:
    """Questions, lists and look-ups leave no file anywhere."""
    run("chat", "Hi")
    run("models")
    run("logs", "status")
    run("logs", status=1)
    assert list(tmp_path.iterdir()) == []


def test_it_is_turned_on_and_off(run: Callable[..., Any], database: Path, gateway: EmbeddedGateway) -> None:
    """`logs on` is kept until `logs off`; `--log` and `-n` are for one answer."""
    run("chat", "one", "--log")
    run("chat", "two")
    assert [entry["prompt"] for entry in entries(run)] == ["one"]
    assert "recording: off" in run("logs", "status").stdout
    run("logs", "on")
    assert "recording: on" in run("logs", "status").stdout
    run("chat", "three")
    run("chat", "four", "-n")
    run("logs", "off")
    run("chat", "five")
    assert [entry["prompt"] for entry in entries(run)] == ["one", "three"]
    assert run("logs", "path").stdout == f"{database}\n"


def test_it_is_private(run: Callable[..., Any], database: Path) -> None:
    """The folder is its owner's alone, and so is every file in it, while it is written too."""
    run("logs", "on")
    run("chat", "Hi")
    assert stat.S_IMODE(database.parent.stat().st_mode) == 0o700
    held = sqlite3.connect(database)
    held.execute("SELECT * FROM answers").fetchall()
    run("chat", "Hi")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in database.parent.iterdir()}
    held.close()
    assert set(modes.values()) == {0o600}
    assert "logs.db-wal" in modes


def test_the_key_is_not_in_it(
    run: Callable[..., Any], database: Path, gateway: EmbeddedGateway, tmp_path: Path
) -> None:
    """Wherever the key stands in a question or an answer, the record has ***; headers are not recorded."""
    (tmp_path / "notes.txt").write_text(f"key {gateway.api_key}")
    gateway.enqueue(Reply(text=f"It is {gateway.api_key}.", reasoning=f"{gateway.api_key}?"))
    headers = {"KILOCODE_DEFAULT_HEADERS": '{"X-Plain": "header-value"}'}
    run("chat", f"My key is {gateway.api_key}", "-s", gateway.api_key, "-a", "notes.txt", "--log", variables=headers)
    (entry,) = entries(run)
    assert entry["prompt"] == "My key is ***"
    assert entry["text"] == "It is ***."
    raw = b"".join(path.read_bytes() for path in database.parent.iterdir())
    assert gateway.api_key.encode() not in raw
    assert b"header-value" not in raw


def test_an_entry(run: Callable[..., Any], gateway: EmbeddedGateway, tmp_path: Path) -> None:
    """Each line has every key; tokens, cost and attachments as they were."""
    (tmp_path / "a.txt").write_text("words")
    gateway.enqueue(
        Reply(text="Yes.", reasoning="Hm.", usage={"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.5})
    )
    told = json.loads(run("chat", "Hi", "-s", "Brief.", "-a", "a.txt", "--log", "--json").stdout)
    (entry,) = entries(run)
    keys = "id conversation time model prompt system text reasoning usage cost finish_reason attachments"
    assert set(entry) == set(keys.split())
    assert entry["conversation"] == told["conversation"]
    assert entry["usage"]["input_tokens"] == 3
    assert entry["cost"] == 0.5
    assert entry["attachments"] == [{"type": "text/plain", "size": 5, "source": "a.txt"}]


def test_going_on(run: Callable[..., Any], gateway: EmbeddedGateway) -> None:
    """`-c` goes on with the conversation of the latest answer, not of the latest beginning; `--cid` with that one."""
    words = ("-m", "anthropic/claude-sonnet-4.6", "-s", "Brief.", "--reasoning", "high", "-o", "temperature=0.5")
    run("chat", "first", "--log", *words)
    first = entries(run)[-1]["conversation"]
    run("chat", "second", "--log")
    run("chat", "first again", "--log", "--cid", first)
    run("chat", "more", "-c", "--log")
    body = gateway.requests[-1].body
    said = [message["content"] for message in body["messages"] if message["role"] != "assistant"]
    assert said == ["Brief.", "first", "first again", "more"]
    assert body["model"] == "anthropic/claude-sonnet-4.6"
    assert body["reasoning"] == {"effort": "high"}
    assert "temperature" not in body
    run("chat", "anew", "-c", "-m", "openai/gpt-4.1-mini", "-s", "Other.")
    assert gateway.requests[-1].body["model"] == "openai/gpt-4.1-mini"
    assert gateway.requests[-1].body["messages"][0]["content"] == "Other."
    assert "logs on" in run("chat", "more", "--cid", "unknown", status=2).stderr


def test_what_is_shown(run: Callable[..., Any], gateway: EmbeddedGateway) -> None:
    """The last three, all, those that match, the last text alone, its block, a line each."""
    for number in range(5):
        gateway.enqueue(Reply(text=f"answer {number}\n```\nblock {number}\n```\n"))
        run("chat", f"question {number}", "--log")
    assert [entry["prompt"] for entry in entries(run)] == ["question 2", "question 3", "question 4"]
    assert len(entries(run, "-n", "0")) == 5
    assert [entry["prompt"] for entry in entries(run, "-q", "QUESTION 1")] == ["question 1"]
    assert len(entries(run, "-n", "0", "-m", "openai/gpt-4.1-mini")) == 5
    assert run("logs", "-r").stdout == "answer 4\n```\nblock 4\n```\n"
    assert run("logs", "-x").stdout == "block 4\n"
    rows = [line.split("\t") for line in run("logs", "-s", "-n", "2").stdout.splitlines()]
    assert [row[-1] for row in rows] == ["question 3", "question 4"]
    page = run("logs", "list", "-n", "1").stdout
    assert "question 4" in page
    assert "answer 4" in page
    assert run("logs", "-q", "nothing like it", status=1).stdout == ""
    conversation = entries(run)[0]["conversation"]
    assert len(entries(run, "--cid", conversation)) == len(entries(run, "-c")) == 1


def test_deleting(run: Callable[..., Any], start: Callable[..., Any]) -> None:
    """An answer, a conversation, or everything goes after a yes; without somebody to ask `--yes` must be said."""
    for word in ("one", "two", "three"):
        run("chat", word, "--log")
    first, second, _ = entries(run)
    assert "--yes" in run("logs", "delete", first["id"], status=2).stderr
    run("logs", "delete", first["id"], "--yes")
    run("logs", "delete", second["conversation"], "--yes")
    run("logs", "delete", "unknown", "--yes", status=1)
    assert [entry["prompt"] for entry in entries(run)] == ["three"]
    running = start("logs", "clear", terminal=("stdin", "stdout", "stderr"))
    running.wait_for("[y/N]")
    running.type("n\n")
    assert running.wait() == 1
    run("logs", "clear", "--yes")
    run("logs", status=1)


def test_another_file(run: Callable[..., Any], tmp_path: Path) -> None:
    """`-d` names another record, for one command."""
    run("chat", "Hi", "--log", "-d", "other.db")
    assert [path.name for path in tmp_path.iterdir()] == ["other.db"]
    assert entries(run, "-d", "other.db")[0]["prompt"] == "Hi"
    run("chat", "More", "-c", "-d", "other.db")


def test_an_interrupted_answer_is_kept(run: Callable[..., Any], start: Any, gateway: EmbeddedGateway) -> None:
    """The part that had arrived is recorded, with `interrupted` as its finish reason; a cut one with `error`."""
    cut = Reply(text="one two three four")
    gateway.enqueue(Fault(stall_after_events=4, stall_seconds=30, reply=cut), Fault(cut_after_events=3, reply=cut))
    running = start("chat", "Hi", "--log")
    running.close_stdin()
    running.wait_for("one", stream="stdout")
    running.interrupt()
    assert running.wait() == 130
    run("chat", "Hi", "--log", status=3)
    assert [entry["finish_reason"] for entry in entries(run)] == ["interrupted", "error"]
    assert all(entry["text"].startswith("one") for entry in entries(run))


def test_a_locked_record_is_waited_for(run: Callable[..., Any], database: Path) -> None:
    """While another process writes, the answer is there and its record follows; nothing is lost."""
    run("chat", "one", "--log")
    held = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    held.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.5, held.execute, ["COMMIT"])
    release.start()
    assert run("chat", "two", "--log").stderr == ""
    release.join()
    held.close()
    assert [entry["prompt"] for entry in entries(run)] == ["one", "two"]


def test_many_at_once(start: Callable[..., Any], run: Callable[..., Any]) -> None:
    """Answers of several processes, the first ones of a new record, are all recorded."""
    running = [start("chat", f"question {number}", "--log", "--no-stdin") for number in range(6)]
    assert [one.wait() for one in running] == [0] * 6
    assert [one.stderr for one in running] == [""] * 6
    assert len(entries(run, "-n", "0")) == 6


def test_a_folder_that_another_process_makes_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is there only a moment later is taken as it is."""
    folder = tmp_path / "kilo"
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(Path, "exists", lambda path: False)
    make_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs a place that cannot be written")
def test_a_record_that_cannot_be_written(run: Callable[..., Any], tmp_path: Path) -> None:
    """The answer is there with status 0; the lost record is one warning."""
    (tmp_path / "no-database").write_text("words, not a database\n" * 100)
    for place in ("no-database", "no/such/folder.db"):
        done = run("chat", "Hi", "--log", "-d", place)
        assert done.stdout
        assert done.stderr.startswith("warning: ")
        assert done.stderr.count("\n") == 1
    blocked = {"KILOCODE_HOME": "/proc/nowhere"}
    assert run("chat", "Hi", "--log", variables=blocked).stderr.startswith("warning: ")
    assert run("logs", "-d", "no-database", status=1).stderr.startswith("error: ")
    began = time.monotonic()
    run("logs", "status", variables=blocked)
    assert time.monotonic() - began < 5
