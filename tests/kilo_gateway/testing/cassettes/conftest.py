"""Cassette tests start with no settings of this machine, no CI, and an empty working directory."""

from __future__ import annotations

import importlib.metadata
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import hypothesis  # noqa: F401 - see below
import pytest
import requests  # noqa: F401 - see below
import vcr.patch  # noqa: F401 - see below

import kilo_gateway.testing.cassettes.decorator
import kilo_gateway.testing.cassettes.vcr_config
import kilo_gateway.testing.pytest_sessions  # noqa: F401 - see below
import llama_index_kilo  # noqa: F401 - a run within a run forgets what it imports, which C extensions do not survive
from kilo_gateway.testing import EmbeddedGateway, check_cassettes, kilo_vcr_config, use_cassette  # noqa: F401 - see above

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PLUGINS = ("kilo_gateway", "recording", "asyncio", "anyio")
"""What a run within a run loads: looking through all that is installed would take most of its time."""
_IMPORTED = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Plugins named on the command line are rewritten, which comes too late for those that this run has loaded."""


@cache
def _plugins() -> list[importlib.metadata.Distribution]:
    """Return the distributions with plugins of pytest: each `-p` looks through all that are installed."""
    found = importlib.metadata.distributions()
    return [one for one in found if any(entry.group == "pytest11" for entry in one.entry_points)]


collect_ignore = ["user_project"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory of the test."""
    for name in [name for name in os.environ if name.startswith("KILO")] + ["CI", "BUILD_NUMBER"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run pytest in the test's folder, with this plugin and pytest-recording, and return the result."""
    pytester = request.getfixturevalue("pytester")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr("sys.dont_write_bytecode", True)  # a test written anew within a second would be the old one
    plugins = _plugins()
    monkeypatch.setattr("importlib.metadata.distributions", lambda: plugins)
    monkeypatch.setenv("PYTEST_ADDOPTS", "--tb=short " + " ".join(f"-p {name}" for name in _PLUGINS))

    def run_pytest(*arguments: str, is_strict_about_warnings: bool = True) -> Any:
        warnings = ["-W", "error", *_IMPORTED] if is_strict_about_warnings else []
        return pytester.runpytest_inprocess(*warnings, "-o", "asyncio_default_fixture_loop_scope=function", *arguments)

    return run_pytest
