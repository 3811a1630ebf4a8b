"""Whether a cassette still has its test, as the source of the test module says. Runs nothing."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from kilo_gateway.testing.cassettes.naming import SUFFIX, file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_MARKER = "kilo_cassette"
_USE = "use_cassette"


def has_owner(cassette: Path) -> bool:
    """Return whether a test, a fixture or a decorator of the module beside it has this cassette.

    A cassette lies at `<folder>/<module>/<test>.kilo.yaml` beside `<module>.py`; elsewhere a name in the source counts.
    """
    module = cassette.parent.parent.parent / f"{cassette.parent.name}.py"
    if module.is_file():
        return _is_of_module(cassette.name, module)
    stem = cassette.name.removesuffix(SUFFIX)
    modules = [path for folder in (cassette.parent, cassette.parent.parent) for path in folder.glob("*.py")]
    return any(stem in _names_given(path) for path in modules)


def _is_of_module(name: str, module: Path) -> bool:
    stem = name.removesuffix(SUFFIX)
    if stem in _names_given(module) or name in _names_given(module):
        return True
    if stem.startswith("fixture-"):
        fixture = stem.removeprefix("fixture-").partition("[")[0].rpartition(".")[2]
        return fixture in _functions_of(module) or fixture.partition("-")[0] in {"setup_module", "setUpClass"}
    plain = re.sub(r"-[0-9a-f]{8}$", "", stem)
    for test in _tests_in(_parse(module).body):
        if plain == test or plain.startswith((f"{test}[", f"{test}-")) or file_name(test) == name:
            return True
    return _inherits(module, plain)


def _tests_in(body: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the tests as cassettes are called: `test`, `Class.test`, `Class.Inner.test`."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{test}" for test in _tests_in(node.body))


def _inherits(module: Path, test: str) -> bool:
    """Return whether the test's class has other classes before it, whose tests it inherits."""
    classes = (node for node in _parse(module).body if isinstance(node, ast.ClassDef))
    return any(node.bases and test.startswith(f"{node.name}.test") for node in classes)


def _functions_of(module: Path) -> set[str]:
    functions = (node for node in ast.walk(_parse(module)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return {node.name for node in functions}


def _names_given(module: Path) -> set[str]:
    """Return the texts given to the marker and the decorator: names that cassettes were given."""
    calls = (node for node in ast.walk(_parse(module)) if isinstance(node, ast.Call))
    named = (call for call in calls if ast.unparse(call.func).endswith((_MARKER, _USE)))
    values = (value for call in named for value in [*call.args, *(keyword.value for keyword in call.keywords)])
    return {value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)}


def _parse(module: Path) -> ast.Module:
    try:
        return ast.parse(module.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return ast.Module(body=[], type_ignores=[])
