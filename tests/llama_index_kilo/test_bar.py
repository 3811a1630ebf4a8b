"""The page that names a test for every promise of KiloLLM names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs" / "llama-index-bar.md"


def _rows() -> dict[str, list[str]]:
    lines = [line.split("|") for line in PAGE.read_text("utf-8").splitlines() if re.match(r"\| B\d+ \|", line)]
    return {cells[1].strip(): re.findall(r"`(test_\w+)`", cells[3]) for cells in lines}


def test_every_row_has_tests() -> None:
    """The page has the rows B1 to B33, each with a test."""
    assert list(_rows()) == [f"B{number}" for number in range(1, 34)]
    assert all(_rows().values())


def test_every_named_test_exists() -> None:
    """Each test that the page names is a test of this folder."""
    sources = [path.read_text("utf-8") for path in HERE.glob("test_*.py")]
    defined = {name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    assert {name for names in _rows().values() for name in names} <= defined


def test_every_test_of_a_row_is_on_the_page() -> None:
    """Each test that is called after a row is named by the page."""
    named = {name for names in _rows().values() for name in names}
    for path in HERE.glob("test_*.py"):
        for name in re.findall(r"^def (test_b\d+_\w+)", path.read_text("utf-8"), re.MULTILINE):
            assert name in named
