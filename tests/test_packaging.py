"""The distributions under the names that each framework's users type: the same version, and no code."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from kilo_gateway import __version__

ROOT = Path(__file__).parent.parent
PACKAGING = ROOT / "packaging"
OURS = {"kilo_gateway": ROOT / "shared", "langchain_kilo": ROOT, "llama_index_kilo": ROOT}
DISTRIBUTIONS = {
    "llama_index": "llama-index-core",
    "markdown_it": "markdown-it-py",
    "vcr": "vcrpy",
    "yaml": "pyyaml",
}
"""What a module comes from, where the names differ by more than a dash."""
BROUGHT_BY_THE_USER = {"PyInstaller", "numpy", "pandas", "pyarrow", "pytest", "trio"}
"""Imported only where they are: by hooks, by the plugin, on trio, and by Ray, which brings three of them."""


@pytest.mark.parametrize(("name", "extra"), [("langchain-kilo", "langchain"), ("llama-index-llms-kilo", "llama-index")])
def test_an_alias_is_the_package_of_its_version(name: str, extra: str) -> None:
    """An alias asks for the extra of exactly the version that stands beside it, and holds no code."""
    project = tomllib.loads((PACKAGING / name / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"]) == (name, __version__)
    assert project["dependencies"] == [f"kilo-gateway[{extra}]=={__version__}"]
    assert not list((PACKAGING / name).rglob("*.py"))


def imported_modules(path: Path) -> set[str]:
    """Return the top-level modules that a file imports, be it inside a function: one statement stands on a line."""
    text = path.read_text(encoding="utf-8")
    names = {
        name.split()[0] for line in re.findall(r"^ *import (\w.*)", text, re.MULTILINE) for name in line.split(",")
    }
    names |= set(re.findall(r"^ *from (\w\S*) import ", text, re.MULTILINE))
    return {name.partition(".")[0] for name in names}


def test_what_is_imported_is_declared() -> None:
    """No module is imported that another dependency happens to bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = (wanted for name, wanted in project["optional-dependencies"].items() if name not in ("dev", "docs"))
    declared = {re.split(r"[\[<>=!~ ;]", one)[0] for wanted in (project["dependencies"], *extras) for one in wanted}
    files = [path for package, folder in OURS.items() for path in (folder / package).rglob("*.py")]
    found = (
        set().union(*map(imported_modules, files)) - set(sys.stdlib_module_names) - OURS.keys() - BROUGHT_BY_THE_USER
    )
    assert {DISTRIBUTIONS.get(name, name.replace("_", "-")) for name in found} <= declared
