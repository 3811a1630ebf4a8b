"""A project of somebody else's, with the wheel installed: records, replays with nothing there, fails when changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PROJECT = Path(__file__).parent / "user_project"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment with the wheel, and what it needs borrowed from this one."""
    home = tmp_path_factory.mktemp("user")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(home / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    venv.create(home / "venv", with_pip=False, symlinks=os.name != "nt")
    program = home / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    show = [str(program), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()
    (Path(packages) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = next((home / "dist").glob("*.whl"))
    install = ["-m", "pip", "--python", str(program), "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([sys.executable, *install, "--target", packages, str(wheel)], check=True, capture_output=True)
    return program


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a copy of the project."""
    return shutil.copytree(PROJECT, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__"))


def run(python: Path, project: Path, *arguments: str, has_network: bool) -> subprocess.CompletedProcess[str]:
    """Run the project's tests as its owner would."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("KILO", "PYTEST"))}
    environment.pop("CI", None)
    environment.pop("PYTHONPATH", None)
    if not has_network:
        environment["PYTHONPATH"] = str(project)  # where sitecustomize is
    command = [str(python), "-m", "pytest", "-p", "no:randomly", "-p", "no:asyncio", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_a_project_records_replays_and_fails_readably(python: Path, project: Path) -> None:
    """Recorded without a key; replayed without network and server; a changed prompt fails with its words."""
    recorded = run(python, project, has_network=True)
    assert recorded.returncode == 0, recorded.stdout + recorded.stderr
    assert "recorded  tests/cassettes/test_train_times/test_departure.kilo.yaml" in recorded.stdout
    cassettes = sorted(path.name for path in project.rglob("*.kilo.yaml"))
    assert cassettes == ["TestWithUnittest.test_departure.kilo.yaml", "test_departure.kilo.yaml", "test_stop.kilo.yaml"]

    replayed = run(python, project, has_network=False)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "replayed  3 cassettes, the network blocked" in replayed.stdout
    assert "3 passed" in replayed.stdout

    module = project / "src/train_times/__init__.py"
    module.write_text(module.read_text().replace("in one sentence", "in two words"))
    changed = run(python, project, "-k", "test_departure", "--tb=short", has_network=False)
    assert changed.returncode == 1
    for words in (
        "messages[0].content (system)",
        "recorded: 'Answer in one sentence from this timetable",
        "now:      'Answer in two words from this timetable",
        'pytest --kilo-record=rewrite "tests/test_train_times.py::test_departure"',
    ):
        assert words in changed.stdout


def test_the_wheel_is_what_is_tested(python: Path) -> None:
    """The packages of that environment come from the wheel, the plugin by its entry point."""
    code = (
        "import kilo_gateway, langchain_kilo; from importlib.metadata import distribution\n"
        "print(kilo_gateway.__file__, langchain_kilo.__file__)\n"
        "print([one.value for one in distribution('kilo-gateway').entry_points if one.group == 'pytest11'])"
    )
    shown = subprocess.run(
        [str(python), "-c", code], cwd=python.parent, check=True, capture_output=True, text=True
    ).stdout
    assert shown.count(str(python.parents[1])) == 2
    assert "kilo_gateway.testing.pytest_plugin" in shown


@pytest.mark.parametrize("has_network", [True, False])
def test_the_network_is_really_gone(python: Path, project: Path, has_network: bool) -> None:
    """The way in which that test takes the network away does so."""
    code = "import socket; socket.create_server(('127.0.0.1', 0)).close(); print('there')"
    environment = {} if has_network else {"PYTHONPATH": str(project)}
    done = subprocess.run([str(python), "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ("there" in done.stdout) is has_network
