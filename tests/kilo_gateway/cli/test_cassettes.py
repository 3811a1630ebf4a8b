"""`cassettes`: recorded answers listed, shown, checked for secrets, and held to the tests that are there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDED = Path(__file__).parents[2] / "recorded"
STREAM = "tests/cassettes/test_core/test_a_stream.kilo.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the cassettes of this one."""
    shutil.copytree(RECORDED, tmp_path / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_list(run: Callable[..., Any], project: Path) -> None:
    """Each cassette is a row; the default folder is `tests`."""
    rows = [line.split("\t") for line in run("cassettes", "list").stdout.splitlines()]
    assert [row for row in rows if row[0] == STREAM] == [[STREAM, "1", "anthropic/claude-sonnet-4.6", ""]]
    told = [json.loads(line) for line in run("cassettes", "list", "--json").stdout.splitlines()]
    assert len(told) == len(rows)
    assert set(told[0]) == {"path", "interactions", "models", "recorded"}


def test_a_page(run: Callable[..., Any], project: Path) -> None:
    """What was asked and what was answered is shown, of a streamed answer too; no header is."""
    page = run("cassettes", "show", STREAM).stdout
    assert "1. POST /api/gateway/chat/completions anthropic/claude-sonnet-4.6: 200" in page
    assert "user: " in page
    assert "-> " in page
    assert "user-agent" not in page.lower()


def test_a_check(run: Callable[..., Any], project: Path) -> None:
    """Clean cassettes end with 0; a secret or a broken file is a line that says where, never what, and 1."""
    assert run("cassettes", "check").stdout == ""
    path = project / STREAM
    path.write_text(f"{path.read_text()}\n# Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnopqrstuv\n")
    done = run("cassettes", "check", status=1)
    assert done.stdout.startswith(f"{STREAM}:")
    assert "eyJ" not in done.stdout
    found = json.loads(run("cassettes", "check", STREAM, "--json", status=1).stdout.splitlines()[0])
    assert set(found) == {"path", "line", "what"}
    path.write_bytes(b"\xff\xfe")
    run("cassettes", "check", status=1)
    assert run("cassettes", "list", STREAM, status=1).stderr.startswith("error: ")


def test_a_project_is_searched_and_nothing_installed(run: Callable[..., Any], project: Path) -> None:
    """Hidden folders, virtual environments and packages hold cassettes of others, and are left out."""
    wanted = run("cassettes", "list", ".").stdout
    for folder in (".tox/py", "venv/lib", "node_modules/x", "env/site-packages/x"):
        shutil.copytree(project / "tests", project / folder / "tests")
    (project / "venv" / "pyvenv.cfg").touch()
    assert run("cassettes", "list", ".").stdout == wanted
    (project / "venv" / "lib" / STREAM).write_text("broken")
    assert run("cassettes", "check", ".").stdout == ""


def test_unused_ones(run: Callable[..., Any], project: Path) -> None:
    """A cassette whose test or module is gone is listed; nothing is run."""
    assert run("cassettes", "unused").stdout == ""
    module = project / "tests" / "test_core.py"
    module.write_text(module.read_text().replace("def test_a_whole_answer(", "def test_another("))
    (project / "tests" / "test_llama_index.py").unlink()
    unused = run("cassettes", "unused").stdout.splitlines()
    assert STREAM not in unused  # another test names it
    assert STREAM.replace("test_a_stream", "test_a_whole_answer") in unused
    assert "tests/cassettes/test_llama_index/test_an_agent.kilo.yaml" in unused
    assert not [path for path in unused if "test_langchain" in path]


def test_tests_of_classes_are_no_unused_ones(run: Callable[..., Any], project: Path) -> None:
    """Tests of a class within a class, and those that a class inherits, have their cassettes."""
    module = project / "tests" / "test_core.py"
    code = (
        "class TestA:\n    class TestB:\n        def test_c(self): ...\n\nclass TestD(Base): ...\n\nclass TestE: ...\n"
    )
    module.write_text(f"{module.read_text()}\n{code}")
    folder = project / "tests" / "cassettes" / "test_core"
    for name in ("TestA.TestB.test_c", "TestD.test_e[1]", "TestE.test_f"):
        shutil.copy(folder / "test_a_stream.kilo.yaml", folder / f"{name}.kilo.yaml")
    assert run("cassettes", "unused").stdout == "tests/cassettes/test_core/TestE.test_f.kilo.yaml\n"


def test_a_place_that_is_none(run: Callable[..., Any]) -> None:
    """A path that is not there is wrong usage."""
    assert "tests" in run("cassettes", "check", status=2).stderr
    assert "nowhere" in run("cassettes", "list", "nowhere", status=2).stderr
