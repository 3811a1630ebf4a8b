"""The arrows between modules, as pyproject.toml states them."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import kilo_gateway

ROOT = Path(__file__).parent.parent
MEANT_FOR_ADAPTERS = {"kilo_gateway.adapters", "kilo_gateway.errors", "kilo_gateway.wire"}


def test_no_module_imports_what_stands_above_it() -> None:
    """The import contracts hold: layers of the core, no framework in it, httpx in the transport only."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def _imports(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield what a file imports, in any place of it: the module, and the names out of it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.module or "", [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)


@pytest.mark.parametrize("package", ["langchain_kilo", "llama_index_kilo"])
def test_adapters_import_what_is_meant_for_them(package: str) -> None:
    """Of the core, adapters import its public names, `adapters`, `errors` and `wire`; of each other, nothing.

    What is imported for type checkers, or inside a function, counts as well.
    """
    other = {"langchain_kilo": "llama_index_kilo", "llama_index_kilo": "langchain_kilo"}[package]
    wrong: list[str] = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for module, names in _imports(path):
            room = ".".join(module.split(".")[:2])
            if module == "kilo_gateway":
                allowed = {*kilo_gateway.__all__, "errors", "wire"}
                wrong += [f"{path.name}: kilo_gateway.{name}" for name in names if name not in allowed]
            is_inner = module.startswith("kilo_gateway.") and room not in MEANT_FOR_ADAPTERS
            if is_inner or module.partition(".")[0] == other:
                wrong.append(f"{path.name}: {module}")
    assert wrong == []


def _rooms() -> Iterator[str]:
    """Yield every package of the three that holds more than one module."""
    for root in (ROOT / "shared", ROOT):
        for package in ("kilo_gateway", "langchain_kilo", "llama_index_kilo"):
            for path in sorted((root / package).rglob("__init__.py")):
                inner = [one for one in path.parent.iterdir() if one.suffix == ".py" or (one / "__init__.py").exists()]
                if len(inner) > 2:
                    yield ".".join(path.parent.relative_to(root).parts)


def test_every_room_is_built_in_layers() -> None:
    """Each room has a contract that names all of its modules, so that a new file has to find its place."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    held = {room for one in contracts if one.get("exhaustive") for room in one["containers"]}
    assert sorted(set(_rooms()) - held - {"kilo_gateway.packagers"}) == []


def _folder(room: str) -> Path:
    return ROOT if room.startswith(("langchain_kilo", "llama_index_kilo")) else ROOT / "shared" / "kilo_gateway"


def test_the_files_that_contributors_are_sent_to_are_there() -> None:
    """Every file and room that the tables of CONTRIBUTING.md name exists, and every room of the core is named."""
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    named = {name for row in rows for name in re.findall(r"`([\w/]+(?:\.py|/))`", row)}
    assert [name for name in named if not (_folder(name) / name).exists()] == []
    rooms = {path.parent.name for path in (ROOT / "shared" / "kilo_gateway").glob("*/__init__.py")}
    assert sorted(rooms - {name.rstrip("/") for name in named} - {"packagers"}) == []


_TOLD_APART_BY_PACKAGE = {"CostCallback"}
"""Names that users import from one of the two adapters."""


def test_no_class_name_has_two_meanings() -> None:
    """No two classes of the three packages share a name, an underscore before it or not."""
    places: dict[str, set[str]] = {}
    for package in ("shared/kilo_gateway", "langchain_kilo", "llama_index_kilo"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if found := re.match(r" *class _*(\w+)[:(]", line):
                    places.setdefault(found[1], set()).add(f"{path.relative_to(ROOT)}:{number}")
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in shared.items() if name not in _TOLD_APART_BY_PACKAGE} == {}
