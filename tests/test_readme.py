"""What README and guides state is what the code has: settings, keys of an answer, errors, commands, make targets."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest

from kilo_gateway import Timeouts, errors, render_metadata
from kilo_gateway.answer.completion import parse_completion
from kilo_gateway.cli.app import PROGRAM, cli
from kilo_gateway.settings.auth import DEFAULT_FEATURE
from kilo_gateway.settings.settings import ROWS, Settings

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
SAID_IN_WORDS = {"feature": DEFAULT_FEATURE, "timeout": "connect 10, read 120, silence 600"}
"""Defaults that are no plain value of the settings."""
MESSAGE = {key: [{"type": "x"}] for key in ("reasoning_details", "annotations", "images")}
MESSAGE |= {"content": "x", "reasoning": "x", "refusal": "x", "audio": {"id": "a"}}
CHOICE = {"finish_reason": "stop", "native_finish_reason": "end", "logprobs": {"content": []}, "message": MESSAGE}
FULL_ANSWER: dict[str, Any] = {
    **dict.fromkeys(("id", "model", "provider", "system_fingerprint", "service_tier", "unknown"), "x"),
    "created": 1,
    "usage": {"cost": 1, "is_byok": True, "cost_details": {"upstream_inference_cost": 1}},
    "choices": [CHOICE],
}


def _section(heading: str) -> str:
    return README.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def _code_of(page: Path) -> list[str]:
    """Return what stands as code on a page: blocks line by line, and spans."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```(?:sh)?\n(.*?)^```|^((?: {4}.*\n)+)", text, re.DOTALL | re.MULTILINE)
    lines = "\n".join(map("".join, blocks)).replace("\\\n", " ").splitlines()
    return [*lines, *re.findall(r"`([^`\n]+)`", text)]


def test_the_table_of_settings_is_that_of_the_code() -> None:
    """Each setting has its row, with its variables in their order and its default."""
    found: dict[str, tuple[list[str], str]] = {}
    for line in re.findall(r"^\| `.*", _section("Settings"), re.MULTILINE):
        cells = [cell.strip() for cell in line.split("|")]
        names, variables = (re.findall(r"`(\w+)`", cell) for cell in cells[1:3])
        is_one_each = len(names) == len(variables)
        for at, name in enumerate(names if is_one_each else names[:1]):
            found[name] = ([variables[at]] if is_one_each else variables, cells[3].strip("`"))
    settings = Settings()
    defaults = {name: getattr(settings, name) or "" for name in ROWS} | SAID_IN_WORDS
    assert found == {name: (list(row.variables), str(defaults[name])) for name, row in ROWS.items()}


def test_the_time_bounds_are_those_of_the_table() -> None:
    """The defaults that the table says in words are those of `Timeouts`."""
    assert Timeouts() == Timeouts(connect=10, read=120, silence=600)


def test_the_keys_of_an_answer_are_those_of_the_readme() -> None:
    """Every key that an answer can carry is named, and no other."""
    named = set(re.findall(r"`(\w+)`", _section("What an answer carries"))) - {"response_metadata", "additional_kwargs"}
    completion = replace(parse_completion(FULL_ANSWER, requested_model="asked"), sent_model="sent")
    assert set(render_metadata(completion)) | {"cached"} == named


def test_the_errors_of_the_readme_are_there() -> None:
    """Each class that the README names is one, of the kind that it says."""
    named = re.findall(r"`(\w+Error)`", _section("Errors"))
    assert len(named) > 8
    assert [name for name in named if not hasattr(errors, name)] == ["ValueError", "ModelError"]
    assert issubclass(errors.SetupError, ValueError)
    for name in ("AuthenticationError", "InsufficientCreditsError", "ModelNotFoundError", "RateLimitError"):
        assert issubclass(getattr(errors, name), errors.GatewayError)


def test_every_make_target_that_is_named_is_there() -> None:
    """A target that a page names exists, and each says what it does."""
    targets = set(re.findall(r"^([a-z-]+):.*## .", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for page in PAGES for code in _code_of(page) for name in re.findall(r"^make ([a-z-]+)", code.strip())}
    assert len(named) > 10
    assert named - targets == set()


def _options_of(words: list[str]) -> set[str] | None:
    """Return the options of the command that these words name; None for no command."""
    found: click.Command = cli
    while words and isinstance(found, click.Group):
        inner = found.get_command(click.Context(found), words.pop(0))
        inner = inner or (None if found is cli else found.get_command(click.Context(found), "list"))
        if inner is None:
            return None
        found = inner
    return {option for one in found.params for option in (*one.opts, *one.secondary_opts)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_is_there(page: Path) -> None:
    """A command line that a page shows is one of a command that exists, with options that it has."""
    for code in _code_of(page):
        shown = re.match(rf"(?:.*\| *)?{PROGRAM} ([a-z][a-z-]*.*)", code.strip())
        if shown is not None:
            words = re.sub(r"\"[^\"]*\"| -- .*| [|>#].*", "", shown[1]).split()
            options = _options_of(words.copy())
            assert options is not None, code
            assert {word for word in words if word.startswith("--")} - options == set(), code
