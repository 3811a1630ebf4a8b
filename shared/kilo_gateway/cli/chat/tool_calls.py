"""Tool calls of an answer: shown, asked about, run or refused."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.streams import stderr
from kilo_gateway.cli.text import show_on_one_line

if TYPE_CHECKING:
    from kilo_gateway.cli.chat.toolbox import Toolbox

_REFUSED: Final = "The user does not allow this call. Go on without it."


class ToolRunner:
    """Runs the calls that a model wants, each after a question unless all are allowed."""

    def __init__(self, toolbox: Toolbox, *, asks: bool) -> None:
        self._toolbox = toolbox
        self._asks = asks
        self._allowed: set[str] = set()

    @property
    def descriptions(self) -> list[dict[str, Any]]:
        """The tools as they go on the wire."""
        return self._toolbox.descriptions

    def run(self, call: Any) -> str:
        """Return what the model is told of a call: the result, what went wrong, or that it is not allowed."""
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        if not self._is_allowed(name, arguments):
            return _REFUSED
        return self._toolbox.run(name, arguments)

    def _is_allowed(self, name: str, arguments: str) -> bool:
        err = stderr()
        if err.is_terminal:
            err.line(f"tool {show_on_one_line(name)} {show_on_one_line(arguments)}")
        if not self._asks or name in self._allowed:
            return True
        answer = ask("run? [y/N/a] ")
        if answer == "a":
            self._allowed.add(name)
        return answer in {"y", "yes", "a"}


def ask(question: str) -> str:
    """Return what somebody at the terminal answers, in lower case; "" where nothing comes."""
    stderr().decoration(question)
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        stderr().decoration("\n")
    return line.strip().lower()
