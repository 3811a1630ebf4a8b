"""The blocks of the guide to the command line run as they stand, in a shell, against the embedded gateway."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import Reply

from .executable import Forks

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

GUIDE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text()
ALL_BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
WEATHER = '''
def weather(city: str) -> str:
    """Tell the weather of a city."""
    return "sunny"
'''
CALL: dict[str, Any] = {"name": "weather", "arguments": {"city": "Rome"}}


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_a_block_runs(
    block: str, gateway: EmbeddedGateway, environ: dict[str, str], forks: Forks, tmp_path: Path
) -> None:
    """Each block can be pasted and run."""
    (tmp_path / "question.txt").write_text("Why?\n")
    (tmp_path / "notes.txt").write_text("It begins so.\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(8))
    (tmp_path / "weather.py").write_text(WEATHER)
    if "--tool" in block:
        gateway.enqueue(Reply(tool_calls=[CALL]), Reply(text="It is sunny."))
    path = f"{forks.program.parent}:{environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", block],
        env={**environ, "PATH": path},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout != "") == (0, True), done.stderr


def test_every_option_of_chat_is_in_its_help(run: Any) -> None:
    """What the guide types is there."""
    shown = run("chat", "--help").stdout + run("models", "--help").stdout + run("logs", "--help").stdout
    typed = set(re.findall(r"(?<=\s)--[a-z][a-z-]+", "\n".join(ALL_BLOCKS)))
    others = {"--no-ask", "--yes"}
    assert [option for option in sorted(typed - others) if option not in shown] == []
