"""The examples run as they are, with no key and no network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("[!_]*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_runs(path: Path) -> None:
    """Each example ends well, says something, and warns of nothing on the way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KILO")}
    command = [sys.executable, "-W", "error::ResourceWarning", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert len(done.stdout.splitlines()) > 3


def test_the_demo_shows_what_a_person_wants_to_see() -> None:
    """The demo prints answers as they come from both frameworks, reasoning, the tool calls, model, tokens and cost."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KILO")}
    command = [sys.executable, str(ROOT / "examples/demo.py")]
    shown = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=ROOT).stdout
    for text in (
        "20:29",
        "get_temperature({'city': 'Paris'})",
        "get_temperature({'city': 'Rome'})",
        "27",
        "193 kilometres",
    ):
        assert text in shown
    for label in (
        "reasoning  ",
        "tool call  ",
        "answer     ",
        "sources    ",
        "model      ",
        "tokens     ",
        "cost       $",
    ):
        assert label in shown
