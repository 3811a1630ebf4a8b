"""The examples run as they are, with no key and no network; the demo as a person starts it."""

import ast
import asyncio
import math
import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway.catalog import discovery
from kilo_gateway.testing import EmbeddedGateway, Reply

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("[!_]*.py") if path.stem != "demo")


@pytest.fixture(autouse=True)
def _without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody without a key, and nothing known of any gateway."""
    for name in [name for name in os.environ if name.startswith("KILO")]:
        monkeypatch.delenv(name)
    # What the examples set themselves is taken back afterwards.
    for name in ("KILOCODE_BASE_URL", "KILOCODE_API_KEY"):
        monkeypatch.setenv(name, "")
    discovery.forget()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the frameworks, about themselves
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_runs(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Each example ends well, says something, and warns of nothing on the way."""
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(path.parent))
    runpy.run_path(str(path), run_name="__main__")
    assert len(capfd.readouterr().out.splitlines()) > 3
    assert not [record for record in caplog.records if record.name.startswith("kilo_gateway")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_says_what_it_needs(path: Path) -> None:
    """The first lines of an example say what to install, and the list of examples leads to it."""
    assert "Needs `pip install " in (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "")
    assert f"({path.name})" in (path.parent / "README.md").read_text("utf-8")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of LlamaIndex, about itself
def test_the_evaluation_counts_what_a_judge_says(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """With a model that can judge, the evaluation asks it about every answer."""
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    main = runpy.run_path(str(ROOT / "examples" / "llama_index_evaluation.py"))["main"]
    with EmbeddedGateway() as gateway:
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
        gateway.enqueue(Reply(text="YES", times=math.inf))
        asyncio.run(main(has_judge=True))
    out = capsys.readouterr().out
    assert "faithful     3 of 3" in out
    assert "relevant     3 of 3" in out


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_demo_shows_what_a_person_wants_to_see(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The demo prints answers as they come from both frameworks, reasoning, the tool calls, model, tokens and cost."""
    for name in ("KILOCODE_BASE_URL", "KILOCODE_API_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    runpy.run_path(str(ROOT / "examples/demo.py"), run_name="__main__")
    shown, complaints = capfd.readouterr()
    assert "Traceback" not in complaints
    assert "Warning" not in complaints
    for text in (
        "20:29",
        "get_temperature({'city': 'Paris'})",
        "get_temperature({'city': 'Rome'})",
        "27",
        "193 kilometres",
        "summary    In 1791 the French Academy of Sciences",
    ):
        assert text in shown
    assert "does not answer" not in shown
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
