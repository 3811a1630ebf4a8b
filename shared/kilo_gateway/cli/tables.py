"""Tables: aligned on a terminal and never wider than it, one record a line with tabs elsewhere. Nothing is cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kilo_gateway.cli.streams import terminal_width, text_width
from kilo_gateway.cli.text import show_on_one_line, wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kilo_gateway.cli.streams import Output

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    heading: str
    is_number: bool = False
    goes: int = 0
    """The order in which columns leave a table that is too wide; 0 never leaves."""
    is_named: bool = True
    """Whether the heading stands before the value where that has moved to a second line."""


def write_table(out: Output, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    """Write the rows as they fit where stdout leads."""
    clean = [[show_on_one_line(cell) for cell in row] for row in rows]
    if out.is_terminal:
        for line in render_table(columns, clean, terminal_width(out.stream) or text_width()):
            out.line(line)
        return
    for row in clean:
        out.line("\t".join(row))


def render_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of a table of at most this width.

    Columns that may go leave first; then everything but the first column moves to a second line.
    """
    kept = list(range(len(columns)))
    while not _fits(columns, rows, kept, width):
        going = [place for place in kept if columns[place].goes]
        if not going:
            return [line for row in rows for line in _two_lines(columns, row, width)]
        kept.remove(min(going, key=lambda place: columns[place].goes))
    widths = _widths(columns, rows, kept)
    headings = [column.heading for column in columns]
    return [_line(columns, row, kept, widths) for row in [headings, *rows]]


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: list[int]) -> list[int]:
    return [max(_cells(columns[place].heading), *(_cells(row[place]) for row in rows), 0) for place in kept]


def _fits(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: list[int], width: int) -> bool:
    return sum(_widths(columns, rows, kept)) + len(_GAP) * (len(kept) - 1) <= width


def _line(columns: Sequence[Column], row: Sequence[str], kept: list[int], widths: list[int]) -> str:
    cells = []
    for place, width in zip(kept, widths, strict=True):
        blanks = " " * (width - _cells(row[place]))
        cells.append(blanks + row[place] if columns[place].is_number else row[place] + blanks)
    return _GAP.join(cells).rstrip()


def _two_lines(columns: Sequence[Column], row: Sequence[str], width: int) -> list[str]:
    rest = _GAP.join(
        f"{column.heading} {cell}" if column.is_named else cell
        for column, cell in zip(columns[1:], row[1:], strict=True)
        if cell
    )
    return [row[0], *wrap(rest, width, first=_GAP, hang=_GAP)]


def write_fact(out: Output, text: str) -> None:
    """Write a line; on a terminal it is wrapped between words."""
    clean = show_on_one_line(text)
    width = terminal_width(out.stream) or text_width()
    out.line("\n".join(wrap(clean, width, hang=_GAP)) if out.is_terminal else clean)


def _cells(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - for few texts only

    return cell_len(text)


def render_count(value: int | None) -> str:
    """Return a number of tokens in three digits at the most: `262k`, `1.05M`; `?` when unknown."""
    if value is None:
        return "?"
    size, unit = next(((size, unit) for size, unit in ((10**6, "M"), (10**3, "k")) if value >= size), (1, ""))
    short = f"{value / size:.3g}"
    if short == "1e+03":
        return "1M" if unit == "k" else "1000M"
    return f"{short}{unit}"
