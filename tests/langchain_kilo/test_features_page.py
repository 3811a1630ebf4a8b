"""The page that compares ChatKilo with other chat models names tests that exist, and has every row."""

from __future__ import annotations

import re
from pathlib import Path

from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "langchain-features.md").read_text("utf-8")
SUITES = {"TestChatKiloUnit": ChatModelUnitTests, "TestChatKiloIntegration": ChatModelIntegrationTests}
COUNTS = {"A": 24, "B": 26, "C": 27, "D": 14, "E": 11, "F": 8}


def _rows() -> dict[str, list[str]]:
    """Return the tests that each row names."""
    lines = [line.split(" | ") for line in PAGE.splitlines() if re.match(r"\| [A-F]\d+ \|", line)]
    assert all(len(cells) == 6 and all(cell.strip() for cell in cells) for cells in lines)
    return {cells[0].strip("| "): re.findall(r"`([^`]+)`", cells[5]) for cells in lines}


def test_every_row_has_tests() -> None:
    """No row is missing, and each has at least one test."""
    assert list(_rows()) == [f"{part}{number}" for part, count in COUNTS.items() for number in range(1, count + 1)]
    assert all(_rows().values())


def test_every_named_test_exists() -> None:
    """Each test is where the page says: a function of the file, or one of LangChain's suite that the file runs."""
    for name in {name for names in _rows().values() for name in names}:
        file, *path = name.split("::")
        source = (HERE / file).read_text("utf-8")
        if len(path) == 1:
            assert re.search(rf"^def {path[0]}\(", source, re.MULTILINE), name
        else:
            assert f"class {path[0]}(" in source, name
            assert callable(getattr(SUITES[path[0]], path[1])), name


def test_the_suites_run_with_nothing_switched_off() -> None:
    """The standard suites are run whole: no test is skipped, expected to fail or replaced, no part is switched off."""
    for file in ("test_standard_unit.py", "test_standard_integration.py"):
        source = (HERE / file).read_text("utf-8")
        assert not re.search(r"xfail|skip|return False|def test_", source), file
        for part in ("image_inputs", "image_urls", "pdf_inputs", "audio_inputs", "anthropic_inputs", "json_mode"):
            assert re.search(rf"def supports_{part}\(self\) -> bool:\s+return True", source), (file, part)
