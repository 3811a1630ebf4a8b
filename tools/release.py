"""Build all distributions, check them, and install each into fresh environments of the oldest and the newest Python.

`make release`. Writes `dist/` and prints a table; publishes nothing. Environments take our own wheels from `dist/`.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
SOURCES = (ROOT, ROOT / "packaging" / "langchain-kilo", ROOT / "packaging" / "llama-index-llms-kilo")
CODE = ("kilo_gateway/", "langchain_kilo/", "llama_index_kilo/")
ANSWER = """
from kilo_gateway.testing import EmbeddedGateway, Reply
with EmbeddedGateway() as gateway:
    gateway.enqueue(Reply(text="It works."))
    {call}
"""
CHAT = "from langchain_kilo import ChatKilo\n    print(ChatKilo(**vars_of(gateway)).invoke('Hi').text)"
LLM = "from llama_index_kilo import KiloLLM\n    print(KiloLLM(**vars_of(gateway)).complete('Hi').text)"
VARS = "vars_of = lambda gateway: {'base_url': gateway.base_url, 'api_key': gateway.api_key}\n"
INSTALLS = {
    "langchain-kilo": CHAT,
    "llama-index-llms-kilo": LLM,
    "kilo-gateway[langchain]": CHAT,
    "kilo-gateway[llama-index]": LLM,
}
"""What people type, and what must run after it, beside the embedded gateway of `kilo-gateway[testing]`."""


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "UV_LINK_MODE": "copy"}  # hard links are refused by a dependency's safety check
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def _must(what: str, *command: str) -> str:
    done = _run(*command)
    if done.returncode:
        sys.exit(f"{what} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def build() -> list[Path]:
    """Build a wheel and a source distribution of each project into `dist/`."""
    shutil.rmtree(DIST, ignore_errors=True)
    for source in SOURCES:
        _must(f"Building {source.name}", sys.executable, "-m", "uv", "build", "--quiet", "-o", str(DIST), str(source))
    return sorted(DIST.glob("*.whl")) + sorted(DIST.glob("*.tar.gz"))


def check(built: list[Path]) -> list[tuple[str, str]]:
    """Return a row for each check of what was built; ends the program at the first that fails."""
    _must("twine check", sys.executable, "-m", "twine", "check", "--strict", *map(str, built))
    rows = [("metadata (twine check --strict)", f"{len(built)} files")]
    for wheel in (path for path in built if path.suffix == ".whl"):
        names = zipfile.ZipFile(wheel).namelist()
        code = [name for name in names if ".dist-info/" not in name]
        wanted = CODE if wheel.name.startswith("kilo_gateway-") else ()
        if stray := [name for name in code if not name.startswith(wanted)] if wanted else code:
            sys.exit(f"{wheel.name} holds {stray[:5]}, which are nobody's business in site-packages.")
        for package in wanted:
            if f"{package}py.typed" not in names:
                sys.exit(f"{wheel.name} lacks {package}py.typed.")
        if not any(name.endswith("licenses/LICENSE") for name in names):
            sys.exit(f"{wheel.name} lacks its licence.")
        if stray := re.findall(r"\]\((?!https?:|#)[^)]*\)", _description(wheel)):
            sys.exit(f"{wheel.name} describes itself with links that lead nowhere on an index: {stray[:5]}.")
        rows.append((wheel.name, f"{len(code)} files of code, licence in it"))
    return rows


def _description(wheel: Path) -> str:
    """Return what an index shows of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(metadata).decode("utf-8").partition("\n\n")[2]


def install(python: str) -> list[tuple[str, str]]:
    """Return a row for each distribution that was installed and asked; ends the program at the first that fails."""
    rows = []
    for requirement, call in INSTALLS.items():
        with tempfile.TemporaryDirectory() as folder:
            interpreter = str(Path(folder) / "bin" / "python")
            _must(
                f"Python {python}", sys.executable, "-m", "uv", "venv", "--quiet", "--seed", "--python", python, folder
            )
            pip = (sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", interpreter)
            _must(f"Installing {requirement}", *pip, "--find-links", str(DIST), requirement, "kilo-gateway[testing]")
            _must(f"pip check of {requirement}", interpreter, "-m", "pip", "check")
            said = _must(f"Running {requirement}", interpreter, "-c", VARS + ANSWER.format(call=call)).strip()
            if said != "It works.":
                sys.exit(f"{requirement} on Python {python} said {said!r}.")
        rows.append((f"{requirement}, Python {python}", "installed, asked, answered"))
    return rows


def main() -> None:
    """Build, check, install; print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--python", nargs="*", default=["3.11", "3.13"], help="versions to install on; none to only build"
    )
    options = parser.parse_args()
    rows = check(build())
    for python in options.python:
        rows += install(python)
    width = max(len(what) for what, _ in rows)
    for what, seen in rows:
        print(f"{what:<{width}}  {seen}")


if __name__ == "__main__":
    main()
