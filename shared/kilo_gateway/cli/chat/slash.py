"""The commands of a conversation, which begin with a slash. None of them is ever sent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kilo_gateway.cli.chat.tool_calls import ask
from kilo_gateway.cli.chat.turn import render_cost
from kilo_gateway.cli.rewording import reword
from kilo_gateway.cli.statuses import CommandError, wrong_usage
from kilo_gateway.cli.streams import can_ask
from kilo_gateway.cli.usage import nearest
from kilo_gateway.errors import SetupError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.request.reasoning import parse_level

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.cli.chat.asking import ChatState
    from kilo_gateway.cli.chat.editor import Editor
    from kilo_gateway.cli.chat.turn import Turn
    from kilo_gateway.cli.streams import Output

_HELP: Final = {
    "/help": "show this",
    "/model [REF]": "show or change the model",
    "/system [TEXT]": "show, change or (-) drop the prompt",
    "/reasoning [LEVEL]": "show or change how much to reason",
    "/cost": "show tokens and cost so far",
    "/save FILE": "write the conversation into a file",
    "/multi": "more lines, up to /end",
    "/exit": "leave; so does Ctrl-D",
    "//...": "send a line that begins with a slash",
    "...\\": "go on in the next line",
}


class SlashCommands:
    """What a conversation's commands act on."""

    def __init__(self, state: ChatState, out: Output, editor: Editor, default_model: str) -> None:
        self._state = state
        self._out = out
        self._editor = editor
        self._default_model = default_model
        self.turns: list[Turn] = []
        """What was asked and answered so far."""
        self.has_left = False
        self._commands = {
            "/help": self._help,
            "/model": self._model,
            "/system": self._system,
            "/reasoning": self._reasoning,
            "/cost": self._cost,
            "/save": self._save,
            "/exit": self._exit,
            "/quit": self._exit,
        }

    @property
    def model(self) -> str:
        """The model that is asked."""
        return (self._state.model or self._default_model).removeprefix("kilocode/")

    def message_of(self, line: str) -> str | None:
        """Return what is to be sent; None where the line was a command, or blank.

        Raises:
            CommandError: a command that is unknown, or that cannot be done.
        """
        word, _, rest = line.strip().partition(" ")
        if not word:
            return None
        if word.startswith("//"):
            return line.strip()[1:]
        if not word.startswith("/"):
            return line
        if word == "/multi":
            return self._read_lines()
        command = self._commands.get(word)
        if command is None:
            found = nearest(word, [*self._commands, "/multi"])
            hint = f"Did you mean {found[0]}?" if found else "See /help."
            raise wrong_usage(f"There is no command {word}. {hint} To send it, begin with //.")
        command(rest.strip())
        return None

    def _read_lines(self) -> str | None:
        lines: list[str] = []
        while (line := self._editor.read(is_inside=True)) is not None and line.strip() != "/end":
            lines.append(line)
        text = "\n".join(lines)
        return text if text.strip() else None

    def _help(self, _: str) -> None:
        for name, meaning in _HELP.items():
            self._out.line(f"{name:<20}{meaning}")

    def _model(self, ref: str) -> None:
        if ref:
            self._state.model = _checked(parse_model_id, ref)
        self._out.line(f"model: {self.model}")

    def _system(self, text: str) -> None:
        if text:
            self._state.system = None if text == "-" else text
        self._out.line(f"system: {self._state.system or 'none'}")

    def _reasoning(self, word: str) -> None:
        if word:
            self._state.level = _checked(parse_level, word)
        self._out.line(f"reasoning: {self._state.level or 'as the model likes'}")

    def _cost(self, _: str) -> None:
        usages = [usage for turn in self.turns if (usage := turn.usage()) is not None]
        tokens = [sum(usage[name] or 0 for usage in usages) for name in ("input_tokens", "output_tokens")]
        costs = [turn.cost for turn in self.turns]
        known = render_cost(sum(cost for cost in costs if cost is not None))
        unknown = f" + {costs.count(None)} of unknown cost" if None in costs else ""
        count = f"{len(self.turns)} answer{'s' if len(self.turns) != 1 else ''}"
        self._out.line(f"{count}, tokens {tokens[0]}/{tokens[1]}, {known}{unknown}")

    def _save(self, name: str) -> None:
        if not name:
            raise wrong_usage("/save needs a FILE.")
        path = Path(name).expanduser()
        try:
            if path.exists() and not self._may_overwrite(path):
                self._out.line(f"not saved: {path} is there already")
                return
            with open(path, "w", encoding="utf-8", opener=_open_privately) as file:
                file.write(self._transcript())
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}. Choose another file.") from None
        self._out.line(f"saved in {path}")

    def _may_overwrite(self, path: Path) -> bool:
        return can_ask() and ask(f"{path} is there. Overwrite it? [y/N] ") in {"y", "yes"}

    def _transcript(self) -> str:
        system = f"# system\n\n{self._state.system}\n\n" if self._state.system else ""
        turns = (f"# user\n\n{turn.prompt.rstrip()}\n\n# assistant\n\n{turn.text.rstrip()}\n" for turn in self.turns)
        return (system + "\n".join(turns)).encode("utf-8", "replace").decode()

    def _exit(self, _: str) -> None:
        self.has_left = True


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _checked(parse: Callable[[str], str], text: str) -> str:
    try:
        return parse(text)
    except SetupError as error:
        raise wrong_usage(reword(error.message)) from None
