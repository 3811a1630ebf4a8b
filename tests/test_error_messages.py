"""Every message of an error, as the person reads it who gets it: on the page, on one line, with what to do."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kilo_gateway import errors

ROOT = Path(__file__).parent.parent


def _load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("error_messages", ROOT / "tools" / "error_messages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL: Any = _load_tool()
NAMES = sorted(TOOL._REMEDIES)
PLACEHOLDER = re.compile(r"<[a-z ]+>")
HOSTILE = "\x1b[31ma\nb\x00\u202e\u2066c\ud800\r\x85\u2028"
SECOND_SENTENCE = re.compile(r"[.)] [A-Z<]|: [a-z]|; [a-z]|: <(?:message|error)>\.?$")
SAYS_WHAT_IS_RIGHT = re.compile(
    r"\b(?:must|[Tt]here (?:are|is)|one of|none of|needs?|is an amount|is missing|has no|are whole|carries)\b"
    r"|, not |<hint>"
)


@pytest.fixture(scope="module")
def patterns() -> dict[str, list[str]]:
    """Return the messages of each class, as the source writes them."""
    raised, answered = TOOL.raised(), TOOL.answered()
    return {name: sorted(raised.get(name, set()) | answered.get(name, set())) for name in {*raised, *answered}}


def test_the_page_is_that_of_the_source() -> None:
    """Whoever searches for a message finds it."""
    assert TOOL.PAGE.read_text(encoding="utf-8") == TOOL.render(), "run `make error-messages` to write the page anew"


def test_every_class_that_is_raised_has_its_place_on_the_page(patterns: dict[str, list[str]]) -> None:
    """No class is left out, and none stands there without a message."""
    assert sorted(patterns) == NAMES
    assert sum(map(len, patterns.values())) > 150


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_one_printable_line_whatever_it_quotes(name: str, patterns: dict[str, list[str]]) -> None:
    """Controls, line ends, marks that turn the writing round and half characters are taken out; length is bounded."""
    cls = getattr(errors, name)
    for pattern in patterns[name]:
        for quoted in (HOSTILE, "x" * 5000):
            said = str(cls(PLACEHOLDER.sub(lambda _, text=quoted: text, pattern)))
            assert said.isprintable(), pattern
            assert len(said) <= 2000, pattern
            said.encode()


@pytest.mark.parametrize("name", NAMES)
def test_a_message_is_well_written(name: str, patterns: dict[str, list[str]]) -> None:
    """It says what failed and what to do or what would be right, ends as a sentence, and doubles no full stop."""
    for pattern in patterns[name]:
        said = PLACEHOLDER.sub("value", pattern)
        assert not re.search(r"(?<!\.)\.\.(?!\.)|[!?:;,]\.|\.[,;:]|  | \.(?!\.)|(?<!\w)\(\)", said), pattern
        assert re.search(r"[.?)}]$|value$|\.\.\.$|/$", said), pattern
        assert SECOND_SENTENCE.search(pattern) or SAYS_WHAT_IS_RIGHT.search(pattern), pattern
