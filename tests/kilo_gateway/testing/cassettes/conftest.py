"""Tests that record or replay start with no settings of this machine, no CI, and an empty working directory."""

from __future__ import annotations

import importlib.metadata
import os
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.fixtures import FixtureFunctionDefinition
from _pytest.pytester import SysModulesSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable

_PLUGINS = ("kilo_gateway", "recording", "asyncio", "anyio")
"""What a run within a run loads: looking through all that is installed would take most of its time."""
_UNUSED = (
    *("cacheprovider", "debugging", "doctest", "faulthandler", "junitxml", "pastebin"),
    *("setuponly", "setupplan", "stepwise", "subtests"),
)
"""What pytest has of its own and no test here is about."""
_IMPORTED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Plugins named on the command line are rewritten, which comes too late for those that this run has loaded."""


@cache
def _plugins() -> list[importlib.metadata.Distribution]:
    """Return the distributions with plugins of pytest: each `-p` looks through all that are installed."""
    found = importlib.metadata.distributions()
    return [one for one in found if any(entry.group == "pytest11" for entry in one.entry_points)]


collect_ignore = ["user_project"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory of the test."""
    for name in [name for name in os.environ if name.startswith("KILO")] + ["CI", "BUILD_NUMBER"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def _installed_modules_stay(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let a run within a run forget the modules of its own folder only: others, imported twice, would be two."""
    folder, known = f"{tmp_path_factory.getbasetemp()}{os.sep}", set(sys.modules)

    def is_kept(name: str) -> bool:
        if name in known:  # kept in any case
            return False
        file = getattr(sys.modules[name], "__file__", None)
        return file is None or not file.startswith(folder)

    monkeypatch.setattr("_pytest.pytester.SysModulesSnapshot", lambda preserve: SysModulesSnapshot(preserve=is_kept))


@cache
def _fixtures_of(module: ModuleType) -> list[str]:
    return [name for name in dir(module) if isinstance(getattr(module, name, None), FixtureFunctionDefinition)]


@pytest.fixture
def _plugins_are_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run within a run remember which names of an installed plugin are fixtures, of thousands that are none."""

    def names(holder: object) -> list[str]:
        is_installed = isinstance(holder, ModuleType) and holder.__name__.startswith(("_pytest.", "pytest_", "kilo_"))
        return _fixtures_of(holder) if is_installed else dir(holder)

    monkeypatch.setattr("_pytest.fixtures.dir", names, raising=False)


@pytest.fixture
def pytester(_installed_modules_stay: None, pytester: pytest.Pytester) -> pytest.Pytester:
    """Return pytest's own fixture, made when installed modules stay."""
    return pytester


@pytest.fixture
def run(
    _plugins_are_looked_through_once: None, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Run pytest in the test's folder, with this plugin and pytest-recording, and return the result."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr("sys.dont_write_bytecode", True)  # a test written anew within a second would be the old one
    plugins = _plugins()
    monkeypatch.setattr("importlib.metadata.distributions", lambda: plugins)
    named = [*_PLUGINS, *(f"no:{name}" for name in _UNUSED)]
    monkeypatch.setenv("PYTEST_ADDOPTS", "--tb=short " + " ".join(f"-p {name}" for name in named))

    def run_pytest(*arguments: str, is_strict_about_warnings: bool = True) -> Any:
        warnings = ["-W", "error", *_IMPORTED] if is_strict_about_warnings else []
        return pytester.runpytest_inprocess(*warnings, "-o", "asyncio_default_fixture_loop_scope=function", *arguments)

    return run_pytest
