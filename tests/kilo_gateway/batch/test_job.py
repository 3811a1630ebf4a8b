"""Files in, files out: every problem before the first request, resumable at every byte, one writer at a time."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.batch.inputs import InputFile
from kilo_gateway.batch.job import BatchJob
from kilo_gateway.batch.lock import FileLock
from kilo_gateway.errors import BadRequestError, ConnectionFailedError, InvalidSettingError, RequestTimeoutError

from .conftest import Gateway
from .files import line, rows, run, write


def test_rows_have_the_shape_of_the_field(source: InputFile, output: Path) -> None:
    """An answer is a response with its status and its body as it came; `error` is null."""
    run(BatchJob(source, output), Gateway())
    [row] = [row for row in rows(output) if row["custom_id"] == "r7"]
    assert row["response"] == {"status_code": 200, "request_id": "", "body": {"id": "gen-1"}}
    assert row["error"] is None
    assert row["id"].startswith("batch_req_")
    assert list(row) == ["id", "custom_id", "response", "error"]


def test_failures_have_the_shape_of_the_field(source: InputFile, output: Path) -> None:
    """A refusal is a response with its status and error; what got no answer is an error with its code."""
    body = {"error": {"message": "No such thing", "code": 400}}
    fates: dict[str, Any] = {
        "r1": BadRequestError("No", status=400, http_status=400, body=body, request_id="req-1"),
        "r2": RequestTimeoutError("too late"),
        "r3": ConnectionFailedError("broke"),
        "r4": BadRequestError("inside", status=422, http_status=200, body={"error": {"code": 422}}),
    }
    for error in fates.values():
        error.retry = "never"
    run(BatchJob(source, output), Gateway(fate=lambda sent, number: fates.get(sent.custom_id)))
    found = {row["custom_id"]: row for row in rows(output)}
    assert found["r1"]["response"] == {"status_code": 400, "request_id": "req-1", "body": body}
    assert (found["r2"]["response"], found["r2"]["error"]["code"]) == (None, "request_timeout")
    assert found["r3"]["error"] == {"code": "connection_failed", "message": "broke"}
    assert found["r4"]["response"]["status_code"] == 422
    assert len(found) == 20


def test_failures_go_to_a_file_of_their_own(source: InputFile, output: Path, tmp_path: Path) -> None:
    """With an error file the output holds answers only, and a resumed run knows both."""
    refused = BadRequestError("No", status=400, http_status=400)
    failures = tmp_path / "errors.jsonl"
    fate = lambda sent, number: refused if sent.custom_id == "r5" else None  # noqa: E731
    run(BatchJob(source, output, error_file=failures), Gateway(fate=fate))
    assert [row["custom_id"] for row in rows(failures)] == ["r5"]
    assert len(rows(output)) == 19
    gateway = Gateway()
    run(BatchJob(source, output, error_file=failures, resume=True), gateway)
    assert gateway.sent == []
    run(BatchJob(source, output, error_file=failures, resume=True, retry_failed=True), gateway)
    assert gateway.sent == ["r5"]
    assert rows(failures) == []
    assert len(rows(output)) == 20


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_cut_at_any_byte_and_resumed(source: InputFile, tmp_path: Path, suffix: str) -> None:
    """Wherever an output was cut, a resumed run asks for just the rows that are not whole; all are there once."""
    output = tmp_path / f"out{suffix}"
    run(BatchJob(source, output), Gateway())
    whole = output.read_bytes()
    for size in random.Random(4).sample(range(len(whole)), 25):
        output.write_bytes(whole[:size])
        kept = max(0, whole[:size].count(b"\n") - (suffix == ".csv"))
        gateway = Gateway()
        job = BatchJob(source, output, resume=True)
        run(job, gateway)
        assert len(gateway.sent) == 20 - kept
        assert job.resumption.resumed == kept
        assert sorted(output.read_bytes().splitlines()) == sorted(whole.splitlines())


def test_a_bad_row_costs_only_itself(source: InputFile, output: Path) -> None:
    """A row in the middle that cannot be read is left out and asked again; the others are kept, and it is reported."""
    run(BatchJob(source, output), Gateway())
    lines = output.read_bytes().splitlines(keepends=True)
    lost = json.loads(lines[6])["custom_id"]
    lines[6] = lines[6][:30] + b"\n"
    output.write_bytes(b"".join(lines))
    gateway = Gateway()
    job = BatchJob(source, output, resume=True)
    run(job, gateway)
    assert gateway.sent == [lost]
    assert job.resumption.mended == [(output, [7])]
    assert len(rows(output)) == 20


def test_stopped_and_resumed(source: InputFile, output: Path) -> None:
    """A run that was left resumes with the rows that are open, and no row is there twice."""
    run(BatchJob(source, output), Gateway(seconds=0.001), most=5)
    assert len(rows(output)) >= 5
    gateway = Gateway()
    run(BatchJob(source, output, resume=True), gateway)
    assert sorted(row["custom_id"] for row in rows(output)) == sorted(f"r{number}" for number in range(20))


def test_failed_rows_are_asked_again_by_choice(source: InputFile, output: Path) -> None:
    """A resumed run leaves failed rows as they are; asked to, it replaces them: one line an id."""
    refused = BadRequestError("No", status=400, http_status=400)
    run(BatchJob(source, output), Gateway(fate=lambda sent, number: refused if sent.custom_id < "r12" else None))
    gateway = Gateway()
    run(BatchJob(source, output, resume=True), gateway)
    assert gateway.sent == []
    run(BatchJob(source, output, resume=True, retry_failed=True), gateway)
    assert sorted(gateway.sent) == ["r0", "r1", "r10", "r11"]
    assert sorted(row["response"]["status_code"] for row in rows(output)) == [200] * 20


def test_another_prompt_or_model_is_not_mixed_in(source: InputFile, output: Path) -> None:
    """A resumed run whose requests were changed is refused, naming an id; it can be accepted."""
    run(BatchJob(source, output), Gateway(), most=10)
    write(source.path, *(line(f"r{number}", "Something else") for number in range(20)))
    job = BatchJob(source, output, resume=True)
    with job:
        job.check(lambda model_id: None)
        with pytest.raises(InvalidSettingError, match="'r0'"):
            job.prepare_output()
    gateway = Gateway()
    run(BatchJob(source, output, resume=True, accept_changed=True), gateway)
    assert len(rows(output)) == 20


def test_an_output_of_another_tool_is_refused(source: InputFile, output: Path) -> None:
    """What another tool wrote cannot be compared, so it is refused, or accepted by choice."""
    write(output, json.dumps({"id": "vllm-1", "custom_id": "r0", "response": {"status_code": 200}, "error": None}))
    with BatchJob(source, output, resume=True) as job:
        job.check(lambda model_id: None)
        with pytest.raises(InvalidSettingError, match="another tool"):
            job.prepare_output()
    gateway = Gateway()
    run(BatchJob(source, output, resume=True, accept_changed=True), gateway)
    assert len(gateway.sent) == 19


def test_one_writer_at_a_time(source: InputFile, output: Path) -> None:
    """A second run on the same output is refused at once, naming the first; afterwards the lock is gone."""
    with (
        BatchJob(source, output),
        pytest.raises(InvalidSettingError, match=r"another run \(process \d+ on "),
        FileLock(output),
    ):
        pass
    assert not list(output.parent.glob("*.lock"))
    with FileLock(output):
        pass


def test_the_lock_of_a_dead_owner_is_taken_over(output: Path) -> None:
    """A lock file that nobody holds stops nobody."""
    output.with_name(output.name + ".lock").write_text("process 1 on elsewhere")
    with FileLock(output):
        pass


def test_an_output_that_is_there_needs_a_word(source: InputFile, output: Path) -> None:
    """Without resume or overwrite an output that holds something is refused; overwriting begins anew."""
    run(BatchJob(source, output), Gateway())
    with pytest.raises(InvalidSettingError, match="is there already"), BatchJob(source, output):
        pass
    gateway = Gateway()
    run(BatchJob(source, output, overwrite=True), gateway)
    assert len(gateway.sent) == 20
    with pytest.raises(InvalidSettingError, match="exclude"), BatchJob(source, output, resume=True, overwrite=True):
        pass


def test_outputs_that_cannot_be(source: InputFile, tmp_path: Path) -> None:
    """The input itself, also by a link, a folder, and a folder that is not there are refused."""
    link = tmp_path / "link.jsonl"
    link.symlink_to(source.path)
    for output in (source.path, link, tmp_path, tmp_path / "none" / "out.jsonl"):
        with pytest.raises(InvalidSettingError), BatchJob(source, output, overwrite=True):
            pass
    assert source.path.read_text()


def test_a_full_disk_stops_the_run(source: InputFile, output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that the disk takes half of is taken back, the run ends, and the file can be resumed."""
    from kilo_gateway.batch import journal

    class Full:
        """A disk that takes 1,000 bytes."""

        def __init__(self, file: Any) -> None:
            self._file, self._left = file, 1000

        def write(self, data: Any) -> int:
            if len(data) > self._left:
                self._file.write(bytes(data[: self._left]))
                raise OSError(28, "No space left on device")
            self._left -= len(data)
            return int(self._file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    class OnFullDisk(journal.Journal):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._file = Full(self._file)  # type: ignore[assignment]

    gateway = Gateway(seconds=0.001)
    with monkeypatch.context() as patch:
        patch.setattr("kilo_gateway.batch.job.Journal", OnFullDisk)
        with pytest.raises(OSError, match="No space left"):
            run(BatchJob(source, output), gateway)
    written = rows(output)
    assert 0 < len(written) < 20
    again = Gateway()
    run(BatchJob(source, output, resume=True), again)
    assert len(again.sent) == 20 - len(written)
