"""docs/testing-with-cassettes.md does what it says: every block is run or compared."""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.testing import check_cassettes

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("folder")

GUIDE = (Path(__file__).parents[4] / "docs/testing-with-cassettes.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", GUIDE, re.DOTALL)
PYTHON = {block.partition("\n")[0].removeprefix("# "): block for kind, block in BLOCKS if kind == "python"}


def of(kind: str) -> list[str]:
    """Return the blocks of a language."""
    return [block for name, block in BLOCKS if name == kind]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """There is no block that this file would overlook."""
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "yaml", "text", "toml"}
    assert all(name.endswith(".py") and " " not in name for name in PYTHON)
    assert len(PYTHON) == len(of("python"))


def test_the_guide_works_from_beginning_to_end(
    pytester: pytest.Pytester, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commands pass, its files are written as shown, its failure reads as shown, its settings are known."""
    monkeypatch.setattr("llama_index.core.global_tokenizer", str.split)  # its own takes a second to load
    for name, block in PYTHON.items():
        (pytester.path / name).write_text(block)

    def follow(command: str) -> pytest.RunResult:
        assert command.startswith("pytest")
        return run(*shlex.split(command)[1:], is_strict_about_warnings=False)  # LlamaIndex warns of itself

    commands = [line for block in of("sh") for line in block.splitlines() if not line.startswith("pip ")]
    assert commands.pop() == "python -m kilo_gateway.testing.cassettes ."
    for command in commands:
        assert follow(command).ret == 0, command
    assert check_cassettes(".") == []
    tests = sum(block.count("\ndef test_") + block.count("    def test_") for block in PYTHON.values())
    assert (
        len(list(pytester.path.glob("cassettes/test_*/test_*.yaml")))
        + len(list(pytester.path.glob("cassettes/test_*/Test*.yaml")))
        == tests
    )

    lines = next(pytester.path.rglob("test_the_chain*.kilo.yaml")).read_text().splitlines()
    assert [line for block in of("yaml") for line in block.splitlines() if line not in lines] == []

    module = pytester.path / "test_chain.py"
    module.write_text(PYTHON["test_chain.py"].replace("in one sentence", "in two words"))
    shown = follow("pytest test_chain.py").stdout.str()
    module.write_text(PYTHON["test_chain.py"])
    assert [line for block in of("text") for line in block.splitlines() if line not in shown] == []

    (pytester.path / "pyproject.toml").write_text(of("toml")[0])
    assert follow("pytest --strict-config test_more.py").ret == 0


def test_the_notebook_runs(folder: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    """The lines for a notebook record, which is said in the log, and replay."""
    shown = []
    for _ in range(2):
        runpy.run_path(str(_written(folder, "notebook.py")))
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
    assert "embedded gateway" in shown[0]


def _written(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(PYTHON[name])
    return path


@pytest.mark.parametrize(
    "name", ["ignore", "models", "repeats", "pieces", "hosts", "network", "strict", "record", "name"]
)
def test_every_argument_is_explained(name: str) -> None:
    """The table of the marker's arguments is complete."""
    from kilo_gateway.testing.pytest_plugin import _MARKER_HELP

    assert f"| `{name}` |" in GUIDE
    assert name in _MARKER_HELP
