"""The page that names a test for every promise of KiloLLM names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "llama-index-bar.md"


def _rows() -> dict[str, list[str]]:
    """Return the tests of each promise."""
    lines = [line.split("|") for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return {cells[1].strip(): re.findall(r"`(test_\w+)`", cells[2]) for cells in lines if cells[1].strip() != "Promise"}


def test_every_promise_has_tests() -> None:
    """The page has 33 promises, each with a test."""
    assert len(_rows()) == 33
    assert all(_rows().values())


def test_every_named_test_exists() -> None:
    """Each test that the page names is a test of this folder."""
    sources = [path.read_text("utf-8") for path in HERE.glob("test_*.py")]
    defined = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    assert {name for names in _rows().values() for name in names} <= defined
