"""The distribution: what is in the wheel and the sdist, and what they say of themselves."""

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest

import kilo_gateway

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a wheel and an sdist of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def test_the_wheel_holds_three_packages_and_nothing_else(built: Path) -> None:
    """The wheel has no top-level `shared`, no tests, and every package is marked as typed."""
    names = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    tops = {name.partition("/")[0] for name in names}
    packages = {"kilo_gateway", "langchain_kilo", "llama_index_kilo"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages
    assert {f"{package}/py.typed" for package in packages} <= set(names)
    assert {"kilo_gateway/catalog/data/models.json", "kilo_gateway/testing/data/catalog.json"} <= set(names)


def test_the_sdist_can_build_the_wheel_again(built: Path) -> None:
    """The sdist holds the core under its folder, the licence and the build settings."""
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "shared/kilo_gateway/__init__.py"} <= names


def test_the_metadata_names_extras_licence_and_version(built: Path) -> None:
    """The extras, the licence and the one version are in the metadata."""
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    metadata = Parser().parsestr(wheel.read(next(n for n in wheel.namelist() if n.endswith("METADATA"))).decode())
    assert {"langchain", "llama-index", "testing", "cli", "all"} <= set(metadata.get_all("Provides-Extra", []))
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Version"] == kilo_gateway.__version__ == version("kilo-gateway")
    assert metadata["Requires-Python"] == ">=3.11"
