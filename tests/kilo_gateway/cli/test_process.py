"""The executable itself, started anew: what it costs to start, completion, pipes of a shell, early signals."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kilo_gateway.cli import main

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

PROGRAM = str(Path(sys.executable).with_name("kilo-gateway"))
CLIENT = ("kilo_gateway.client", "httpx", "pydantic", "rich", "prompt_toolkit", "sqlite3", "jsonschema")


def cpu_seconds(words: list[str], environ: dict[str, str]) -> float:
    """Return the CPU time that a process takes, the least of some runs."""
    taken = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


def complete(words: str, environ: dict[str, str]) -> list[str]:
    """Return what bash would offer for the last of the words."""
    asked = {"_KILO_GATEWAY_COMPLETE": "bash_complete", "COMP_WORDS": words}
    place = {"COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = subprocess.run([PROGRAM], env={**environ, **asked, **place}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


def test_help_starts_quickly(environ: dict[str, str]) -> None:
    """Help and completion take at most 150 and 200 ms CPU more than an empty Python."""
    empty = cpu_seconds([sys.executable, "-c", "pass"], environ)
    assert cpu_seconds([PROGRAM, "--help"], environ) - empty < 0.15
    assert cpu_seconds([PROGRAM, "chat", "--help"], environ) - empty < 0.15
    asked = {"_KILO_GATEWAY_COMPLETE": "bash_complete", "COMP_WORDS": "kilo-gateway chat -m ", "COMP_CWORD": "3"}
    assert cpu_seconds([PROGRAM], {**environ, **asked}) - empty < 0.2


@pytest.mark.parametrize("words", [["--help"], ["chat", "-h"], ["models", "-h"], ["logs", "-h"], ["batch", "-h"]])
def test_help_imports_no_client(words: list[str], environ: dict[str, str]) -> None:
    """No command's help imports the client, or anything that draws or stores."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kilo_gateway.cli", *words],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not imported.intersection(CLIENT)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("kilo-gateway mo", ["models"]),
        ("kilo-gateway models sh", ["show"]),
        ("kilo-gateway models --fr", ["--free"]),
        ("kilo-gateway models --lab anth", ["anthropic"]),
        ("kilo-gateway chat --schema-", ["--schema-multi"]),
        ("kilo-gateway chat --reasoning ma", ["max"]),
        ("kilo-gateway chat -o temp", ["temperature="]),
        ("kilo-gateway chat -m kilo/", ["kilo/auto"]),
        ("kilo-gateway models show kilo/", ["kilo/auto"]),
    ],
)
def test_completion(words: str, offered: list[str], environ: dict[str, str]) -> None:
    """Commands, options, levels, labs and model ids are completed, without a gateway."""
    assert complete(words, {**environ, "KILOCODE_BASE_URL": "http://127.0.0.1:9/"}) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed(shell: str, environ: dict[str, str], tmp_path: Path) -> None:
    """The script is printed, or written where the shell reads it; twice changes nothing more."""
    known = {**environ, "SHELL": f"/bin/{shell}"}
    shown = subprocess.run([PROGRAM, "--show-completion"], env=known, capture_output=True, text=True, check=True)
    assert f"_KILO_GATEWAY_COMPLETE={shell}_complete" in shown.stdout
    for _ in range(2):
        subprocess.run([PROGRAM, "--install-completion", shell], env=known, capture_output=True, check=True)
    files = [path for path in (tmp_path / "user").rglob("*") if path.is_file()]
    assert any(path.read_text() == shown.stdout for path in files)
    start = tmp_path / "user" / f".{shell}rc"
    assert not start.exists() or start.read_text().count("\n") == 1


def test_an_unknown_shell(environ: dict[str, str]) -> None:
    """A shell that cannot be served is wrong usage that names those that can."""
    words = [PROGRAM, "--show-completion", "tcsh"]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "bash, zsh, fish" in done.stderr


def test_in_a_shell(gateway: EmbeddedGateway, environ: dict[str, str]) -> None:
    """In a pipe of a shell `head` gets its line and the program ends with 141; `&&` sees an error."""
    script = f"""
    set -o pipefail
    "{PROGRAM}" models --json | head -1 >/dev/null; echo "head $?"
    "{PROGRAM}" chat Hi -m no/such && echo never || echo "failed $?"
    echo words | "{PROGRAM}" chat >&-; echo "closed $?"
    """
    words = ["bash", "-c", script]
    done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] in {"head 141", "head 0"}  # 0 where everything fitted into the pipe
    assert lines[1:] == ["failed 1", "closed 0"]
    assert re.fullmatch(r"error: .*\n", done.stderr)


def test_without_its_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without click the command ends with 2 and names the extra."""
    monkeypatch.delitem(sys.modules, "kilo_gateway.cli.process", raising=False)
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit) as end:
        main(["models"])
    assert end.value.code == 2
    assert 'pip install "kilo-gateway[cli]"' in capsys.readouterr().err


def test_an_interrupt_before_the_command(environ: dict[str, str]) -> None:
    """Ctrl-C while the program is still imported ends with 130, without a traceback."""
    script = f"import os, signal, sys; sys.argv = ['kilo-gateway', 'models']; {INTERRUPTING}"
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == ""


INTERRUPTING = """
import importlib.abc
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "click.core":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from kilo_gateway.cli import main
main()
"""


def test_a_question_imports_no_other_command_line(environ: dict[str, str]) -> None:
    """The command line of httpx, which would be loaded with every question, is left out."""
    script = (
        "import sys; from kilo_gateway.cli.process import run; run(['balance'])\n"
        "import httpx; assert httpx.Client and callable(httpx.main); assert sys.modules['httpx._main'] is None"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
