"""How help is laid out: wrapped between words only, so that no option, command or id is split."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from kilo_gateway.cli.text import wrap

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_TERM = 26
_GAP = 2


class Formatter(click.HelpFormatter):
    """Writes help texts."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line that shows how a command is called."""
        self._wrapped(f"{prefix or 'Usage: '}{prog} {args}".rstrip(), hang=" " * 4)

    def write_text(self, text: str) -> None:
        """Write paragraphs; those that begin with a backspace line are left as they are."""
        paragraphs = [textwrap.dedent(one).strip("\n") for one in text.split("\n\n")]
        for number, paragraph in enumerate(paragraphs):
            if number:
                self.write("\n")
            if paragraph.startswith("\b\n"):
                lines = paragraph.removeprefix("\b\n").splitlines()
                self.write("".join(f"{' ' * self.current_indent}{line}\n" for line in lines))
            else:
                self._wrapped(" ".join(paragraph.split()))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = _LONGEST_TERM, col_spacing: int = _GAP) -> None:
        """Write terms and what they mean; a long term has its meaning below it."""
        listed = list(rows)
        limit = min(col_max, self.width // 3)
        column = max((len(term) for term, _ in listed if len(term) <= limit), default=limit) + col_spacing
        margin = " " * self.current_indent
        for term, meaning in listed:
            lines = wrap(" ".join(meaning.split()), max(self.width - self.current_indent - column, 20))
            fits = len(term) + col_spacing <= column and bool(lines)
            self.write(f"{margin}{term:<{column}}{lines.pop(0)}\n" if fits else f"{margin}{term}\n")
            self.write("".join(f"{margin}{'':{column}}{line}\n" for line in lines))

    def _wrapped(self, text: str, hang: str = "") -> None:
        margin = " " * self.current_indent
        lines = wrap(" ".join(text.split()), max(self.width - self.current_indent - len(hang), 20))
        self.write("".join(f"{margin}{hang if number else ''}{line}\n" for number, line in enumerate(lines)))


class _CommandContext(click.Context):
    formatter_class = Formatter


CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"]}


class PlainCommand(click.Command):
    """A command with our help and both spellings of `--help`."""

    context_class = _CommandContext

    def __init__(self, *given: object, **named: object) -> None:
        named["context_settings"] = {**CONTEXT_SETTINGS, **(named.get("context_settings") or {})}  # type: ignore[dict-item] # click's own mapping
        super().__init__(*given, **named)  # type: ignore[arg-type] # passed on as given
