"""What a command shows on a terminal, as an SVG: a real run on a pseudo-terminal, its screen, its colours."""

from __future__ import annotations

import io
import os
import pty
import shlex
import struct
import subprocess
import sys
from fcntl import ioctl
from termios import TIOCSWINSZ
from typing import TYPE_CHECKING

import pyte
from rich.color import ColorParseError
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pyte.screens import Char

COLUMNS = 100
_LINES = 200
"""More than any command here writes: the screen never scrolls."""
_NAMES = {"brown": "yellow", "brightbrown": "bright_yellow"}
_FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""
"""That of rich, without the fonts that it loads from elsewhere."""


def show(typed: str, environment: Mapping[str, str], folder: Path, *, most: int) -> list[Text]:
    """Run `kilo-gateway` with what is typed, on a terminal of its own; return that, and at most so many lines."""
    main, side = pty.openpty()
    ioctl(side, TIOCSWINSZ, struct.pack("HHHH", _LINES, COLUMNS, 0, 0))
    words = [sys.executable, "-m", "kilo_gateway.cli", *shlex.split(typed)]
    done = subprocess.Popen(words, stdin=side, stdout=side, stderr=side, env=dict(environment), cwd=folder)
    os.close(side)
    screen = pyte.Screen(COLUMNS, _LINES)
    stream = pyte.ByteStream(screen)
    while data := _read(main):
        stream.feed(data)
    os.close(main)
    done.wait()
    lines = [_line(screen, row) for row in range(_LINES)]
    while not lines[-1].plain.strip():
        lines.pop()
    command = Text.assemble(("$ ", "bold green"), "kilo-gateway ", typed)
    return [command, *(lines if len(lines) <= most else [*lines[:most], Text("...", "dim")])]


def write_svg(lines: Sequence[Text], path: Path) -> None:
    """Write lines as the picture of a terminal."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(line, overflow="fold")
    name = path.stem.replace("_", "-")
    svg = console.export_svg(title="kilo-gateway", theme=MONOKAI, code_format=_FORMAT, unique_id=name)
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", "utf-8")


def _read(main: int) -> bytes:
    try:
        return os.read(main, 1 << 16)
    except OSError:  # Linux says so when the other side has been closed
        return b""


def _line(screen: pyte.Screen, row: int) -> Text:
    line = Text()
    for column in range(COLUMNS):
        char = screen.buffer[row][column]
        line.append(char.data, _style(char))
    line.rstrip()
    return line


def _style(char: Char) -> Style:
    colours = {}
    for side, name in (("color", char.fg), ("bgcolor", char.bg)):
        if name != "default":
            colours[side] = _NAMES.get(name, f"#{name}" if len(name) == 6 else name.replace("bright", "bright_"))  # noqa: PLR2004 - rrggbb
    try:
        return Style(bold=char.bold, italic=char.italics, underline=char.underscore, reverse=char.reverse, **colours)
    except ColorParseError:
        return Style(bold=char.bold)
