"""Run the tests with the lowest declared and the newest versions of all dependencies, on each Python that is given.

`make versions`. Environments are made by uv in `.venv-versions/`; the table at the end is what the README states.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".venv-versions"
SHOWN = ("langchain-core", "llama-index-core", "httpx", "pydantic", "vcrpy", "starlette")
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}


@dataclass
class Row:
    """One run: a Python, a choice of versions, and what came of it."""

    python: str
    choice: str
    versions: str
    outcome: str


def _uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "UV_LINK_MODE": "copy"}  # hard links are refused by a dependency's safety check
    command = [sys.executable, "-m", "uv", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def _run(python: str, choice: str, tests: list[str]) -> Row:
    folder = HOME / f"{python}-{choice}"
    shutil.rmtree(folder, ignore_errors=True)
    made = _uv("venv", "--quiet", "--seed", "--python", python, str(folder))
    interpreter = str(folder / "bin" / "python")
    if made.returncode == 0:
        wanted = ("--resolution", RESOLUTIONS[choice], "--editable", ".[dev]")
        made = _uv("pip", "install", "--quiet", "--python", interpreter, *wanted)
    if made.returncode:
        return Row(python, choice, "", f"not installed: {made.stderr.strip()}")
    listed = _uv("pip", "list", "--python", interpreter, "--format", "freeze").stdout
    found = dict(line.split("==", 1) for line in listed.splitlines() if "==" in line)
    done = subprocess.run(
        [interpreter, "-m", "pytest", "-q", "-n", "auto", *tests], cwd=ROOT, capture_output=True, text=True, check=False
    )
    (folder / "pytest.log").write_text(done.stdout + done.stderr)
    summary = re.findall(r"^\d+ (?:passed|failed|error).*$", done.stdout, re.MULTILINE)
    outcome = summary[-1] if summary else f"no result, see {folder.relative_to(ROOT)}/pytest.log"
    return Row(python, choice, ", ".join(f"{name} {found.get(name)}" for name in SHOWN), outcome)


def main() -> None:
    """Make the environments, run the tests, print a table; the exit status is 1 if one run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", nargs="+", default=["3.11", "3.13"], help="versions of Python to run on")
    parser.add_argument("--only", choices=RESOLUTIONS, help="only the lowest or only the newest versions")
    parser.add_argument("tests", nargs="*", help="what pytest is to run; all tests unless given")
    options = parser.parse_args()
    rows = []
    for python in options.python:
        for choice in [options.only] if options.only else RESOLUTIONS:
            print(f"Python {python}, {choice} versions ...", file=sys.stderr, flush=True)
            rows.append(_run(python, choice, options.tests))
    print("| Python | versions | of these | result |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.python} | {row.choice} | {row.versions} | {row.outcome} |")
    sys.exit(any("failed" in row.outcome or "passed" not in row.outcome for row in rows))


if __name__ == "__main__":
    main()
