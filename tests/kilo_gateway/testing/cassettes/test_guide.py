"""docs/testing-with-cassettes.md does what it says: every block is run or compared."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[4] / "docs/testing-with-cassettes.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
PYTHON = {block.partition("\n")[0].removeprefix("# "): block for kind, block in BLOCKS if kind == "python"}


def of(kind: str) -> list[str]:
    """Return the blocks of a language."""
    return [block for name, block in BLOCKS if name == kind]


class Reader:
    """Somebody who follows the guide in an empty folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, block in PYTHON.items():
            (folder / name).write_text(block)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as it stands in the guide."""
        program, *arguments = shlex.split(command)
        words = ["-m", "pytest", "-p", "no:randomly"] if program == "pytest" else []
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("KILO", "PYTEST"))}
        environment.pop("CI", None)
        return subprocess.run(
            [sys.executable, *words, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Return a reader who has run every command once."""
    reader = Reader(tmp_path_factory.mktemp("guide"))
    for block in of("sh"):
        for command in block.splitlines():
            if not command.startswith("pip "):
                done = reader.run(command)
                assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return reader


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """There is no block that this file would overlook."""
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "yaml", "text", "toml"}
    assert all(name.endswith(".py") and " " not in name for name in PYTHON)
    assert len(PYTHON) == len(of("python"))


def test_all_tests_of_the_guide_are_recorded_and_replayed(reader: Reader) -> None:
    """The tests of the guide left a cassette each, which its own last commands replayed and checked."""
    tests = sum(block.count("\ndef test_") + block.count("    def test_") for block in PYTHON.values())
    assert len(list(reader.folder.glob("cassettes/test_*/*.kilo.yaml"))) == tests


def test_the_notebook_runs(reader: Reader) -> None:
    """The lines for a notebook record and replay."""
    shown = [reader.run("python notebook.py") for _ in range(2)]
    assert [done.returncode for done in shown] == [0, 0], shown[0].stderr + shown[1].stderr
    assert shown[0].stdout == shown[1].stdout
    assert "embedded gateway" in shown[0].stdout


def test_the_cassette_looks_as_shown(reader: Reader) -> None:
    """Each line of the excerpt stands in the recorded file."""
    lines = next(reader.folder.rglob("test_the_chain*.kilo.yaml")).read_text().splitlines()
    for block in of("yaml"):
        assert [line for line in block.splitlines() if line not in lines] == []


def test_the_failure_looks_as_shown(reader: Reader) -> None:
    """A changed prompt gives the words of the guide."""
    module = reader.folder / "test_chain.py"
    module.write_text(PYTHON["test_chain.py"].replace("in one sentence", "in two words"))
    shown = reader.run("pytest test_chain.py").stdout
    module.write_text(PYTHON["test_chain.py"])
    for block in of("text"):
        for line in filter(None, block.splitlines()):
            assert line in shown


def test_the_configuration_is_known(reader: Reader) -> None:
    """The settings of the guide are those of the plugin."""
    (reader.folder / "pyproject.toml").write_text(of("toml")[0])
    done = reader.run("pytest --strict-config test_more.py")
    (reader.folder / "pyproject.toml").unlink()
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "name", ["ignore", "models", "repeats", "pieces", "hosts", "network", "strict", "record", "name"]
)
def test_every_argument_is_explained(name: str) -> None:
    """The table of the marker's arguments is complete."""
    from kilo_gateway.testing.pytest_plugin import _MARKER_HELP

    assert f"| `{name}` |" in GUIDE
    assert name in _MARKER_HELP
