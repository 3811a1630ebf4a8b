"""A project of somebody else's, with the wheel installed: records, replays with nothing there, fails when changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from hatchling.build import build_wheel
from uv import find_uv_bin

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("folder")

ROOT = Path(__file__).parents[4]
PROJECT = Path(__file__).parent / "user_project"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel, and what it needs borrowed from this one."""
    home = tmp_path_factory.mktemp("user")
    with chdir(ROOT):
        wheel = build_wheel(str(home))
    venv.create(home / "venv", with_pip=False, symlinks=os.name != "nt")
    program = home / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    packages = sysconfig.get_path("purelib", "venv", {"base": str(home / "venv")})
    (Path(packages) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    install = ["pip", "install", "--python", str(program), "--no-config", "--no-cache", "--no-deps", "--no-index"]
    subprocess.run([find_uv_bin(), *install, str(home / wheel)], check=True, capture_output=True)
    return program


PROBE = """
import json, pathlib, socket
import kilo_gateway, langchain_kilo

def has_network():
    try:
        socket.create_server(("127.0.0.1", 0)).close()
    except BaseException:
        return False
    return True

found = {"packages": [kilo_gateway.__file__, langchain_kilo.__file__], "has_network": has_network()}
pathlib.Path("probe.json").write_text(json.dumps(found))
"""


def test_a_project_records_replays_and_fails_readably(
    python: Path, pytester: pytest.Pytester, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recorded without a key; replayed by the wheel with nothing there; a changed prompt fails with its words."""
    project = pytester.path
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    recorded = run()
    recorded.assert_outcomes(passed=3)
    recorded.stdout.fnmatch_lines(["recorded  tests/cassettes/test_train_times/test_departure.kilo.yaml *"])
    cassettes = sorted(path.name for path in project.rglob("*.kilo.yaml"))
    assert cassettes == ["TestWithUnittest.test_departure.kilo.yaml", "test_departure.kilo.yaml", "test_stop.kilo.yaml"]

    (project / "probe.py").write_text(PROBE)
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", str(project))  # where sitecustomize is, which takes the network away
        patch.setenv("PYTEST_ADDOPTS", "-p kilo_gateway -p probe")  # the name of its entry point
        replayed = pytester.run(python, "-m", "pytest")
    replayed.assert_outcomes(passed=3)
    replayed.stdout.fnmatch_lines(["replayed  3 cassettes, the network blocked"])
    found = json.loads((project / "probe.json").read_text())
    assert not found["has_network"]
    assert all(package.startswith(str(python.parents[1])) for package in found["packages"])

    module = project / "src/train_times/__init__.py"
    module.write_text(module.read_text().replace("in one sentence", "in two words"))
    changed = run("-k", "test_departure", "--tb=short").stdout.str()
    for words in (
        "messages[0].content (system)",
        "recorded: 'Answer in one sentence from this timetable",
        "now:      'Answer in two words from this timetable",
        'pytest --kilo-record=rewrite "tests/test_train_times.py::test_departure"',
    ):
        assert words in changed
