"""Input files: every problem before the first request, and what is in the wild read as it is meant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kilo_gateway.batch.inputs import InputFile
from kilo_gateway.batch.job import BatchJob
from kilo_gateway.batch.template import Template
from kilo_gateway.errors import InvalidSettingError

from .conftest import MODEL, Gateway
from .files import line, run, write

MESSAGES = [{"role": "user", "content": "x"}]
WRONG_LINES = {
    "torn": ('{"custom_id": "a', "not JSON"),
    "no object": ("[1]", "not a JSON object"),
    "no id": (json.dumps({"body": {}}), "`custom_id` is missing"),
    "id no text": (line(7), "`custom_id` must be a string"),
    "empty id": (line(""), "`custom_id` is empty"),
    "wrong url": (line("a", url="/v1/images"), "`url` is '/v1/images'"),
    "wrong method": (line("a", method="GET"), "`method` is 'GET'"),
    "no messages": (line("a", body={"model": MODEL}), "no messages"),
    "no model": (line("a", body={"messages": MESSAGES}), "names no model"),
    "params": (json.dumps({"custom_id": "a", "params": {}}), "Anthropic's name"),
    "stream": (
        line("a", body={"model": MODEL, "messages": [{"role": "user", "content": "x"}], "stream": True}),
        "whole",
    ),
    "NaN": ('{"custom_id": "a", "body": {"model": "m/x", "temperature": NaN}}', "NaN is no number"),
    "infinity": (
        '{"custom_id": "a", "body": {"model": "m/x", "messages": [{"role": "user"}], "seed": 1e999}}',
        "finite",
    ),
    "id twice": (line("a")[:-1] + ', "custom_id": "b"}', "`custom_id` is there twice"),
    "body twice": ('{"body": {}, "custom_id": "a", "body": {"messages": []}}', "`body` is there twice"),
    "no message": (line("a", body={"model": MODEL, "messages": ["x"]}), "messages[0]"),
    "no input": (line("a", url="/v1/embeddings", body={"model": "openai/e"}), "inputs"),
}


@pytest.mark.parametrize("kind", WRONG_LINES)
def test_every_problem_is_found_before_the_first_request(tmp_path: Path, kind: str) -> None:
    """What is wrong with a line is said with its number, before anything is sent."""
    text, said = WRONG_LINES[kind]
    source = InputFile(write(tmp_path / "in.jsonl", line("ok"), "", text))
    [problem] = BatchJob(source, tmp_path / "out.jsonl").check(lambda model_id: None).problems
    assert problem.line == 3
    assert said in problem.message


def test_ids_that_are_there_twice_name_both_lines(tmp_path: Path) -> None:
    """A repeated id is refused with the line of the first."""
    source = InputFile(write(tmp_path / "in.jsonl", line("a"), line("b"), line("a")))
    [problem] = BatchJob(source, tmp_path / "out.jsonl").check(lambda model_id: None).problems
    assert str(problem) == "line 3: custom_id 'a' is on line 1 already."


def test_many_problems_are_counted(tmp_path: Path) -> None:
    """All problems are counted, the first twenty are kept."""
    found = BatchJob(InputFile(write(tmp_path / "in.jsonl", *["x"] * 30)), tmp_path / "o").check(lambda model_id: None)
    assert (found.problem_count, len(found.problems)) == (30, 20)


def test_files_as_they_are_in_the_wild(tmp_path: Path) -> None:
    """A byte order mark, CRLF, other line separators inside strings, and lines of an id and a body only are read."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "a\u2028b\x85c"}]}
    text = "\ufeff" + line("a") + "\r\n" + json.dumps({"custom_id": "b", "body": body}, ensure_ascii=False) + "\r\n\r\n"
    path = tmp_path / "in.jsonl"
    path.write_bytes(text.encode())
    source = InputFile(path)
    found = list(source.requests())
    assert [row.custom_id for row in found] == ["a", "b"]
    assert found[1].body["messages"] == body["messages"]
    assert source.blank_lines == 1


def test_a_model_for_all(tmp_path: Path) -> None:
    """A model is filled in where none is named, and refused beside a different one."""
    bare = json.dumps({"custom_id": "a", "body": {"messages": [{"role": "user", "content": "x"}]}})
    source = InputFile(write(tmp_path / "in.jsonl", bare, line("b")), model="lab/other")
    first, second = source.rows()
    assert getattr(first, "model_id", None) == "lab/other"
    assert "is asked for" in str(second)


def test_a_table_and_a_template(tmp_path: Path) -> None:
    """Each row of a table is a prompt; cells are never expanded again, and the output has columns and answer."""
    path = tmp_path / "in.csv"
    path.write_text('name,note\nAnn,"two\nlines, and {name}"\n\nBob,{{x}}\n', encoding="utf-8")
    source = InputFile(path, model=MODEL, template=Template("{{About}} {name}: {note}"), options={"max_tokens": 5})
    first, second = source.requests()
    assert first.body["messages"][0]["content"] == "{About} Ann: two\nlines, and {name}"
    assert (first.custom_id, second.custom_id, first.body["max_tokens"]) == ("1", "2", 5)
    output = tmp_path / "out.csv"
    run(BatchJob(source, output), Gateway())
    assert output.read_text().splitlines()[0] == "name,note,answer,finish_reason,error,cost,custom_id,id"
    gateway = Gateway()
    run(BatchJob(source, output, resume=True), gateway)
    assert gateway.sent == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text\n".encode("utf-16"), "no table in UTF-8"),
        (b"", "is empty"),
        (b"a,a\n1,2\n", "'a' twice"),
        (b'"a', "no table in UTF-8"),
    ],
    ids=["UTF-16", "empty", "twice", "torn"],
)
def test_tables_without_usable_columns(tmp_path: Path, content: bytes, said: str) -> None:
    """A table whose first row cannot be used is refused in a sentence."""
    path = tmp_path / "in.csv"
    path.write_bytes(content)
    job = BatchJob(InputFile(path, model=MODEL, template=Template("{a}")), tmp_path / "out.csv")
    with pytest.raises(InvalidSettingError, match=said):
        job.check(lambda model_id: None)


def test_an_unknown_column_is_refused(tmp_path: Path) -> None:
    """A template that names a column which is not there is refused with those that there are."""
    path = write(tmp_path / "in.csv", "name,note", "a,b")
    job = BatchJob(InputFile(path, model=MODEL, template=Template("{nmae}")), tmp_path / "out.csv")
    with pytest.raises(InvalidSettingError, match=r"\{nmae\}.*there are name, note"):
        job.check(lambda model_id: None)


@pytest.mark.parametrize("text", ["", "Label this.", "Label this: {text", "{{text}}"])
def test_a_template_without_a_column_is_refused(tmp_path: Path, text: str) -> None:
    """A template with which every row would ask the same is refused before anything is paid for."""
    path = write(tmp_path / "in.csv", "text,note", "a,b")
    job = BatchJob(InputFile(path, model=MODEL, template=Template(text)), tmp_path / "out.csv")
    with pytest.raises(InvalidSettingError, match="names no column, so every row would ask the same"):
        job.check(lambda model_id: None)


@pytest.mark.parametrize(("header", "name"), [(" text ,note", "text"), ("cafe\u0301,note", "caf\u00e9")])
def test_columns_are_found_as_people_see_them(tmp_path: Path, header: str, name: str) -> None:
    """Blanks around a column's name, and the way in which its accents are written, do not matter."""
    path = write(tmp_path / "in.csv", header, "good,b")
    [row] = InputFile(path, model=MODEL, template=Template(f"Say {{{name}}}")).requests()
    assert row.body["messages"][0]["content"] == "Say good"


def test_plain_lines_and_a_template(tmp_path: Path) -> None:
    """Each object of a plain file is a prompt; values that are no text are written as JSON."""
    path = write(tmp_path / "in.jsonl", json.dumps({"text": "good", "stars": 4, "tags": ["a"]}))
    [row] = InputFile(path, model=MODEL, template=Template("{text} {stars} {tags}")).requests()
    assert row.body["messages"][0]["content"] == 'good 4 ["a"]'


def test_answers_fields_become_columns(tmp_path: Path) -> None:
    """The fields of a schema are columns of the table, empty where an answer does not fit."""
    source = InputFile(write(tmp_path / "in.jsonl", line("a")))
    output = tmp_path / "out.csv"
    run(BatchJob(source, output, fields=("label", "score")), Gateway())
    assert output.read_text().splitlines()[0] == "label,score,finish_reason,error,cost,custom_id,id"


def test_large_integers_pass_unchanged(tmp_path: Path) -> None:
    """An integer of any size is sent to the digit, and an answer is written as it came."""
    digits = "123456789012345678901234567890"
    body = f'{{"model": "{MODEL}", "messages": [{{"role": "user", "content": "x"}}], "seed": {digits}}}'
    source = InputFile(write(tmp_path / "in.jsonl", f'{{"custom_id": "a", "body": {body}}}'))
    [row] = source.requests()
    from kilo_gateway.jsontext import dumps

    assert digits.encode() in dumps(row.body)


ODD_VALUES = (
    "9007199254740993",
    "18446744073709551616",
    "-9223372036854775809",
    "0.1",
    "1e5",
    "-0.0",
    "1.7976931348623157e308",
    '"\\ud800"',
    '"\\u00e9 \\ud83d\\ude00"',
    '"say \\"custom_id\\" twice: \\"custom_id\\""',
    '{"custom_id": 1, "body": {"body": 2}}',
    '[[], {}, null, true, ""]',
)


@pytest.mark.parametrize("value", ODD_VALUES)
def test_lines_are_read_the_same_quickly_and_slowly(value: str, tmp_path: Path) -> None:
    """Reading most lines the quick way changes no digit and no character."""
    text = f'{{"custom_id": "a", "body": {{"model": "{MODEL}", "messages": [{{"role": "user"}}], "x": {value}}}}}'
    source = InputFile(write(tmp_path / "in.jsonl", text))
    [(_, found)] = source._objects()
    assert found == json.loads(text)
    assert repr(found["body"]["x"]) == repr(json.loads(value))
