"""The executable itself: what it costs to start, completion, pipes of a shell, early signals."""

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
    from collections.abc import Callable

    from .in_process import Done

PROGRAM = str(Path(sys.executable).with_name("kilo-gateway"))
CLIENT = ("kilo_gateway.client", "httpx", "pydantic", "rich", "prompt_toolkit", "sqlite3", "jsonschema")


def cpu_seconds(words: list[str], environ: dict[str, str]) -> float:
    """Return the CPU time that a process takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_starts_quickly(environ: dict[str, str]) -> None:
    """Help and completion take at most 150 and 200 ms CPU more than an empty Python, in one of five runs at least."""
    empty = min(cpu_seconds([sys.executable, "-c", "pass"], environ) for _ in range(2))
    asked = {"_KILO_GATEWAY_COMPLETE": "bash_complete", "COMP_WORDS": "kilo-gateway chat -m ", "COMP_CWORD": "3"}
    for words, variables, most in ((["--help"], {}, 0.15), (["chat", "--help"], {}, 0.15), ([], asked, 0.2)):
        assert any(cpu_seconds([PROGRAM, *words], {**environ, **variables}) - empty < most for _ in range(5))


def test_help_imports_no_client(environ: dict[str, str]) -> None:
    """No command's help imports the client, or anything that draws or stores."""
    script = (
        "import sys; from kilo_gateway.cli.process import run\n"
        "for words in ['--help'], ['chat', '-h'], ['models', '-h'], ['logs', '-h'], ['batch', '-h']: run(words)\n"
        f"sys.exit(', '.join(set({CLIENT}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.stdout.count("Usage: ") == 5
    assert (done.returncode, done.stderr) == (0, "")


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
def test_completion(words: str, offered: list[str], run: Callable[..., Done]) -> None:
    """Commands, options, levels, labs and model ids are completed for bash, without a gateway."""
    asked = {"_KILO_GATEWAY_COMPLETE": "bash_complete", "COMP_WORDS": words}
    place = {"COMP_CWORD": str(len(words.split(" ")) - 1), "KILOCODE_BASE_URL": "http://127.0.0.1:9/"}
    done = run(variables={**asked, **place})
    assert [line.partition(",")[2] for line in done.stdout.splitlines()] == offered
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_shown_and_installed(shell: str, run: Callable[..., Done], tmp_path: Path) -> None:
    """The script is printed, or written where the shell reads it; twice changes nothing more."""
    shown = run("--show-completion", variables={"SHELL": f"/bin/{shell}"})
    assert f"_KILO_GATEWAY_COMPLETE={shell}_complete" in shown.stdout
    for _ in range(2):
        run("--install-completion", shell)
    files = [path for path in (tmp_path / "user").rglob("*") if path.is_file()]
    assert any(path.read_text() == shown.stdout for path in files)
    start = tmp_path / "user" / f".{shell}rc"
    assert not start.exists() or start.read_text().count("\n") == 1


def test_an_unknown_shell(run: Callable[..., Done]) -> None:
    """A shell that cannot be served is wrong usage that names those that can."""
    assert "bash, zsh, fish" in run("--show-completion", "tcsh", status=2).stderr


def test_in_a_shell(environ: dict[str, str]) -> None:
    """In a pipe of a shell `head` gets its line and the program ends with 141; `&&` sees an error."""
    script = f"""
    set -o pipefail
    "{PROGRAM}" models --json | head -1 >/dev/null; echo "head $?"
    "{PROGRAM}" chat Hi --nope && echo never || echo "failed $?"
    echo words | "{PROGRAM}" chat >&-; echo "closed $?"
    """
    words = ["bash", "-c", script]
    done = subprocess.run(words, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] in {"head 141", "head 0"}  # 0 where everything fitted into the pipe
    assert lines[1:] == ["failed 2", "closed 0"]
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
