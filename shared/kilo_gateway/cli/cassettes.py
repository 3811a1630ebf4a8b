"""`kilo-gateway cassettes`: the recorded answers of tests, listed, shown, checked. Changes none of them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from kilo_gateway.cli.groups import CommandEntry, LazyGroup
from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import json_option
from kilo_gateway.cli.statuses import FAILED, CommandError, wrong_usage
from kilo_gateway.cli.streams import stderr, stdout
from kilo_gateway.cli.tables import Column, write_table
from kilo_gateway.cli.text import render_json_line

_NEEDED = ("vcr", "yaml")


@click.group(
    cls=LazyGroup,
    entries={
        "list": CommandEntry("cassettes", "list_cassettes", "List them, with their models and age."),
        "show": CommandEntry("cassettes", "show", "Show what was asked and answered."),
        "check": CommandEntry("cassettes", "check", "Look for secrets, and for files that cannot be read."),
        "unused": CommandEntry("cassettes", "unused", "List those that no test has."),
    },
    subcommand_metavar="COMMAND [PATH]",
    hint="See kilo-gateway cassettes --help.",
)
def cassettes() -> None:
    """Look at the recorded answers of tests. PATH is a file or a folder, tests unless it is named."""


_path_argument = click.argument("path", type=click.Path(path_type=Path), default="tests")


@click.command("list", cls=PlainCommand)
@_path_argument
@json_option
def list_cassettes(*, path: Path, as_json: bool) -> None:
    """List the cassettes below PATH."""
    found = _require(path)
    from kilo_gateway.cli.cassette_rows import summaries  # noqa: PLC0415 - the extra may be missing

    rows = list(summaries(found))
    if as_json:
        for row in rows:
            stdout().line(render_json_line(row.describe()))
        return
    columns = (Column("path"), Column("interactions", is_number=True), Column("models"), Column("recorded", goes=1))
    cells = [(row.path, str(row.interactions), ", ".join(row.models), row.recorded or "") for row in rows]
    write_table(stdout(), columns, cells)
    err = stderr()
    if err.is_terminal:
        err.line(f"{len(rows)} cassettes")


@click.command("show", cls=PlainCommand)
@_path_argument
def show(*, path: Path) -> None:
    """Show the interactions of the cassettes at PATH: what was asked, with which status it was answered, and how."""
    found = _require(path)
    from kilo_gateway.cli.cassette_rows import pages  # noqa: PLC0415 - the extra may be missing

    for line in pages(found):
        stdout().line(line)


@click.command("check", cls=PlainCommand)
@_path_argument
@json_option
def check(*, path: Path, as_json: bool) -> int:
    """Look for secrets and for files that cannot be read; say where, never what. Findings exit with 1."""
    found = _require(path)
    from kilo_gateway.testing import check_cassettes  # noqa: PLC0415 - the extra may be missing

    findings = check_cassettes(*found)
    for finding in findings:
        place = {"path": finding.path, "line": finding.line or None, "what": finding.what}
        stdout().line(render_json_line(place) if as_json else str(finding))
    return FAILED if findings else 0


@click.command("unused", cls=PlainCommand)
@_path_argument
@json_option
def unused(*, path: Path, as_json: bool) -> None:
    """List the cassettes that no test has: their module or their test is gone. Runs no test."""
    found = _require(path)
    from kilo_gateway.cli.cassette_owners import has_owner  # noqa: PLC0415 - help needs no parser

    for cassette in found:
        if not has_owner(cassette):
            stdout().line(render_json_line({"path": str(cassette)}) if as_json else str(cassette))


def _require(path: Path) -> list[Path]:
    """Return the cassettes at a path.

    Raises:
        CommandError: nothing is there, or the extra is missing.
    """
    missing = next((name for name in _NEEDED if find_spec(name) is None), None)
    if missing is not None:
        raise wrong_usage(f'This needs {missing}. Install it with: pip install "kilo-gateway[testing]"')
    if not path.exists():
        raise wrong_usage(f"There is no file and no folder {path}. Name the one that holds cassettes.")
    from kilo_gateway.testing.cassettes.naming import cassettes_below  # noqa: PLC0415 - the extra may be missing

    try:
        return sorted(cassettes_below(path)) if path.is_dir() else [path]
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from None
