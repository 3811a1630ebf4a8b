"""The distributions under the names that each framework's users type: the same version, and no code."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from kilo_gateway import __version__

PACKAGING = Path(__file__).parent.parent / "packaging"


@pytest.mark.parametrize(("name", "extra"), [("langchain-kilo", "langchain"), ("llama-index-llms-kilo", "llama-index")])
def test_an_alias_is_the_package_of_its_version(name: str, extra: str) -> None:
    """An alias asks for the extra of exactly the version that stands beside it, and holds no code."""
    project = tomllib.loads((PACKAGING / name / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"]) == (name, __version__)
    assert project["dependencies"] == [f"kilo-gateway[{extra}]=={__version__}"]
    assert not list((PACKAGING / name).rglob("*.py"))
