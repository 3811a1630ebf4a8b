"""Output files: whatever is in an answer or was torn, each row stays its own; what is none of ours is left alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.batch import Result
from kilo_gateway.batch.inputs import InputFile
from kilo_gateway.batch.job import BatchJob
from kilo_gateway.batch.journal import Journal
from kilo_gateway.batch.lock import FileLock
from kilo_gateway.batch.template import Template
from kilo_gateway.errors import BadRequestError, InvalidSettingError, MalformedAnswerError

from .conftest import MODEL, Gateway
from .files import line, rows, run, write


class Talker(Gateway):
    """Answers with texts of a test's own, by id."""

    texts: dict[str, str]

    async def ask(self, sent: Any, seconds: float) -> Result:
        """Answer one request."""
        self.sent.append(sent.custom_id)
        choice = {"message": {"content": self.texts.get(sent.custom_id, "Hi")}, "finish_reason": "stop"}
        body = {"model": "lab/model", "choices": [choice]}
        return Result(sent.custom_id, sent, parse_completion(body), body=json.dumps(body).encode())


def talker(**texts: str) -> Talker:
    """Return one that answers row `r1` with `texts["r1"]`, or row `1` with `texts["_1"]`."""
    gateway = Talker()
    gateway.texts = {name.removeprefix("_"): text for name, text in texts.items()}
    return gateway


@pytest.fixture
def table(tmp_path: Path) -> InputFile:
    """A table of four rows whose columns are called like ours."""
    path = write(tmp_path / "in.csv", "id,answer", *(f"{number},x" for number in range(4)))
    return InputFile(path, model=MODEL, template=Template("{id}"))


ODD = ("a\rb", 'quoted "x", and\nlines\n', "\x00", "\u2028\x85", "", "'=1+1", "\ud800")


@pytest.mark.parametrize("text", ODD, ids=ascii)
def test_any_answer_is_one_row_of_a_table(table: InputFile, tmp_path: Path, text: str) -> None:
    """Whatever an answer holds, its row can be read again: resuming asks for nothing, and the text is there."""
    output = tmp_path / "out.csv"
    run(BatchJob(table, output), talker(_2=text))
    gateway = talker()
    job = BatchJob(table, output, resume=True)
    run(job, gateway)
    assert (gateway.sent, job.resumption.mended) == ([], [])
    with output.open(encoding="utf-8", newline="") as file:
        found = {row["custom_id"]: row["answer_2"] for row in csv.DictReader(file)}
    assert found["2"] == text.encode("utf-8", "replace").decode()


def test_columns_of_one_name_are_told_apart(table: InputFile, tmp_path: Path) -> None:
    """A column of ours that the input has as well gets a number; the input's keeps its name and cells."""
    run(BatchJob(table, tmp_path / "out.csv"), Gateway())
    header, first, *_ = (tmp_path / "out.csv").read_text().splitlines()
    assert header == "id,answer,answer_2,finish_reason,error,cost,custom_id,id_2"
    assert first.split(",")[1] == "x"


def test_a_row_torn_inside_quotes_costs_only_itself(table: InputFile, tmp_path: Path) -> None:
    """The rows behind a row that ends inside quotes are kept."""
    output = tmp_path / "out.csv"
    run(BatchJob(table, output), talker(_1="one\ntwo", _2="three\nfour", _3='a "b"'))
    whole = output.read_bytes()
    at = whole.index(b"one")
    output.write_bytes(whole[: at + 2] + b"\n" + whole[whole.index(b"\n", whole.index(b"two")) + 1 :])
    gateway = talker(_1="again")
    run(BatchJob(table, output, resume=True), gateway)
    assert gateway.sent == ["1"]
    assert output.read_bytes().count(b"batch_req_") == 4


def test_a_row_torn_outside_quotes_costs_only_itself(table: InputFile, tmp_path: Path) -> None:
    """The rows behind the first half of one are kept."""
    output = tmp_path / "out.csv"
    run(BatchJob(table, output), talker(_2="three\nfour"))
    lines = output.read_bytes().splitlines(keepends=True)
    output.write_bytes(b"".join([lines[0], lines[1][:5] + b"\n", *lines[2:]]))
    gateway = talker()
    run(BatchJob(table, output, resume=True), gateway)
    assert gateway.sent == ["1"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.jsonl", '{"note": "mine"}\n{"note": "mine, too"}\n'),
        ("notes.txt", "My notes"),
        ("table.csv", "a,b\n1,2\n"),
        ("table.csv", "id,answer,label,finish_reason,error,cost,custom_id,id_2\n0,x,y,stop,,,1,batch_req_0\n"),
    ],
    ids=["other lines", "text", "other table", "other fields"],
)
def test_what_is_no_output_is_left_alone(table: InputFile, tmp_path: Path, name: str, content: str) -> None:
    """A file that no such run has written is refused by a resumed run, and stays as it is."""
    output = tmp_path / name
    output.write_text(content)
    with BatchJob(table, output, resume=True) as job, pytest.raises(InvalidSettingError, match="no output of such a"):
        job.check(lambda model_id: None)
    assert output.read_text() == content


def test_an_answered_row_counts_more_than_a_failed_one(source: InputFile, output: Path, tmp_path: Path) -> None:
    """Of two rows with one id the answer is kept, wherever the failure stands."""
    failures = tmp_path / "errors.jsonl"
    refused = BadRequestError("No", status=400, http_status=400)
    fate = lambda sent, number: refused if sent.custom_id == "r5" else None  # noqa: E731
    run(BatchJob(source, output, error_file=failures), Gateway(fate=fate))
    run(BatchJob(source, output, resume=True), Gateway())  # knows nothing of the failure
    gateway = Gateway()
    run(BatchJob(source, output, error_file=failures, resume=True, retry_failed=True), gateway)
    assert gateway.sent == []
    assert (len(rows(output)), rows(failures)) == (20, [])


def test_overwriting_waits_for_the_input_to_be_right(source: InputFile, output: Path) -> None:
    """A wrong input costs nobody the output that was to be overwritten."""
    output.write_text("precious")
    write(source.path, "not JSON")
    with BatchJob(source, output, overwrite=True) as job:
        assert job.check(lambda model_id: None).problem_count == 1
    assert output.read_text() == "precious"


def test_a_link_and_its_file_are_one_output(source: InputFile, output: Path, tmp_path: Path) -> None:
    """Two runs cannot write one file by two names, and what is rewritten is the file, not the link."""
    run(BatchJob(source, output), Gateway())
    link = tmp_path / "link.jsonl"
    link.symlink_to(output)
    with (
        BatchJob(source, output, resume=True),
        pytest.raises(InvalidSettingError, match="another run"),
        BatchJob(source, link, resume=True),
    ):
        pass
    with output.open("ab") as file:
        file.write(b"torn")
    run(BatchJob(source, link, resume=True), Gateway())
    assert link.is_symlink()
    assert len(rows(output)) == 20


def test_one_error_file_has_one_writer(source: InputFile, tmp_path: Path) -> None:
    """Two runs with outputs of their own cannot share an error file, and a run's two files differ."""
    failures = tmp_path / "errors.jsonl"
    with (
        BatchJob(source, tmp_path / "a.jsonl", error_file=failures),
        pytest.raises(InvalidSettingError, match="another run"),
        BatchJob(source, tmp_path / "b.jsonl", error_file=failures),
    ):
        pass
    with pytest.raises(InvalidSettingError, match="choose two"), BatchJob(source, failures, error_file=failures):
        pass


def test_a_lock_tells_how_much_a_kill_has_lost(output: Path) -> None:
    """The lock of a dead owner says how many requests were under way at the most; one that was let go says nothing."""
    output.with_name(output.name + ".lock").write_text("process 1 on elsewhere, 40 requests at once")
    with FileLock(output) as lock:
        assert lock.lost_at_most == 40
    with FileLock(output, at_once=7) as lock:
        assert lock.lost_at_most == 0
        assert "7 requests at once" in output.with_name(output.name + ".lock").read_text()


def test_rows_of_no_request_are_told(source: InputFile, output: Path) -> None:
    """Rows whose request is not in the input stay, and are counted."""
    run(BatchJob(source, output), Gateway())
    lines = source.path.read_text().splitlines()
    write(source.path, *lines[:15])
    job = BatchJob(source, output, resume=True)
    run(job, Gateway())
    assert (job.resumption.strangers, len(rows(output))) == (5, 20)


def test_an_answer_that_was_refused_is_on_disk(source: InputFile, output: Path) -> None:
    """A row that failed although it was answered holds both, and is asked again by choice only."""

    class Judge(Gateway):
        async def ask(self, sent: Any, seconds: float) -> Result:
            result = await super().ask(sent, seconds)
            result.error = MalformedAnswerError("Does not fit.") if sent.custom_id == "r3" else None
            return result

    run(BatchJob(source, output), Judge())
    [row] = [row for row in rows(output) if row["custom_id"] == "r3"]
    assert row["response"]["body"] == {"id": "gen-1"}
    assert row["error"] == {"code": "answer_refused", "message": "Does not fit."}
    gateway = Gateway()
    run(BatchJob(source, output, resume=True), gateway)
    assert gateway.sent == []
    run(BatchJob(source, output, resume=True, retry_failed=True), gateway)
    assert gateway.sent == ["r3"]


def test_a_row_is_one_write(source: InputFile, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row and line break reach the system together, so that no other writer and no kill comes between them."""
    written: list[bytes] = []

    class Watched(Journal):
        def __init__(self, path: Path, rows: Any) -> None:
            super().__init__(path, rows)
            file = self._file

            class File:
                def write(self, data: Any) -> int:
                    written.append(bytes(data))
                    return int(file.write(data))

                def __getattr__(self, name: str) -> Any:
                    return getattr(file, name)

            self._file = File()  # type: ignore[assignment]

    monkeypatch.setattr("kilo_gateway.batch.job.Journal", Watched)
    run(BatchJob(source, output), Gateway())
    assert len(written) == 20
    assert all(row.count(b"\n") == 1 and row.endswith(b"\n") for row in written)


def test_half_a_character_in_an_id(tmp_path: Path, output: Path) -> None:
    """An id that UTF-8 cannot carry is written as its escape, and found again."""
    source = InputFile(write(tmp_path / "in.jsonl", line("x").replace('"x"', '"\\ud83d"'), line("y")))
    run(BatchJob(source, output), Gateway())
    assert b'"custom_id":"\\ud83d"' in output.read_bytes()
    gateway = Gateway()
    run(BatchJob(source, output, resume=True), gateway)
    assert gateway.sent == []
