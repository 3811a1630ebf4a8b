"""The options of `kilo-gateway batch`, as typed. Imports no client before the command is run."""

from __future__ import annotations

import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kilo_gateway.cli.chat.option_spelling import ChatCommand
from kilo_gateway.cli.options import Number
from kilo_gateway.cli.rewording import reword

if TYPE_CHECKING:
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.cli.batch.command import BatchCommand

_NUMBERS = (
    "concurrency",
    "tries",
    "row_timeout_seconds",
    "no_progress_seconds",
    "grace_seconds",
    "max_errors",
    "ordered",
)


def _parse_price(_: click.Context, __: click.Parameter, text: str | None) -> Pricing | None:
    if text is None:
        return None
    from kilo_gateway.catalog.prices import Pricing  # noqa: PLC0415 - needs pydantic

    try:
        prompt, completion = (Decimal(part.strip()) for part in text.split(","))
    except (ValueError, InvalidOperation):
        raise click.BadParameter("IN,OUT in USD per million tokens, such as 0.4,1.6") from None
    if not (prompt.is_finite() and completion.is_finite() and prompt >= 0 and completion >= 0):
        raise click.BadParameter("prices are amounts of at least 0")
    return Pricing(prompt=prompt, completion=completion)


def _parse_schema(_: click.Context, __: click.Parameter, text: str | None) -> dict[str, Any] | None:
    """Return the JSON Schema that was typed, or that stands in a file."""
    if text is None:
        return None
    from kilo_gateway.cli.chat.schema import read_schema  # noqa: PLC0415 - where it is asked for only

    schema = read_schema(text)
    if not isinstance(schema.get("properties"), dict):
        raise click.BadParameter("a table needs the schema of an object with properties")
    return schema


@click.command("batch", cls=ChatCommand, short_help="Run a file of requests into a file of results.")
@click.argument("source", metavar="INPUT")
@click.argument("output", type=click.Path(path_type=Path), metavar="OUTPUT")
@click.option(
    "-m",
    "--model",
    help="The model of rows that name none, else KILOCODE_MODEL; a row that names another one is refused.",
)
@click.option("--concurrency", type=Number(1), default=100, show_default=True, help="The most requests at once.")
@click.option("--budget", metavar="USD", help="Stop before this sum could be passed.")
@click.option("--price", metavar="IN,OUT", callback=_parse_price, help="Prices in USD per million tokens.")
@click.option("--resume", is_flag=True, help="Go on with an output that is there.")
@click.option("--overwrite", is_flag=True, help="Begin an output that is there anew.")
@click.option("--retry-failed", is_flag=True, help="With --resume: ask failed rows again and replace them.")
@click.option("--accept-changed", is_flag=True, help="With --resume: keep answers although requests were changed.")
@click.option("--error-file", type=click.Path(path_type=Path), help="Where failed rows go instead of the output.")
@click.option("--template", metavar="TEXT", help="Makes a prompt of each row of a CSV or plain JSONL file: {column}.")
@click.option("-s", "--system", metavar="TEXT", help="With --template: the system prompt.")
@click.option(
    "--schema",
    metavar="TEXT|FILE",
    callback=_parse_schema,
    help="With --template: what answers look like: 'name, age int', JSON Schema, or its file.",
)
@click.option(
    "-o",
    "--option",
    "request_options",
    metavar="NAME=VALUE",
    multiple=True,
    help="With --template: an option of each request, such as max_tokens=200.",
)
@click.option("--tries", type=Number(1), default=3, show_default=True, help="How often a request is sent at the most.")
@click.option(
    "--row-timeout",
    "row_timeout_seconds",
    type=Number(above=0, is_whole=False),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long a row may take with all its tries.",
)
@click.option(
    "--no-progress-seconds",
    type=Number(above=0, is_whole=False),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Stop after so long without any answer.",
)
@click.option(
    "--grace",
    "grace_seconds",
    type=Number(0, is_whole=False),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="How long requests under way may go on when the run is stopped.",
)
@click.option("--max-errors", type=Number(1), help="Stop after so many failed rows.")
@click.option("--ordered", is_flag=True, help="Write rows in the order of the input; a slow one holds later ones back.")
@click.option("--base-url", metavar="URL", help="Another gateway.")
@click.option("--dry-run", is_flag=True, help="Check and price the whole input, send nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout at the end.")
@click.pass_context
def batch(context: click.Context, /, **typed: Any) -> None:
    """Run the requests of INPUT and write a line for each into OUTPUT.

    INPUT is a batch file as OpenAI has it (- for stdin), or with --template a CSV or plain JSONL file; an OUTPUT that
    ends in .csv is a table. A run that was stopped, for whatever reason, goes on with --resume.
    """
    from kilo_gateway.cli.batch.run import run_batch_command  # noqa: PLC0415 - imports a client
    from kilo_gateway.cli.batch.screen import BatchScreen  # noqa: PLC0415
    from kilo_gateway.cli.batch.signals import keeping_signals  # noqa: PLC0415

    context.with_resource(keeping_signals())
    as_json = typed.pop("as_json")
    screen = BatchScreen(sys.stderr)
    report = run_batch_command(_command(typed), screen)
    if report.reason is not None:
        screen.say(f"error: {reword(report.reason)}")
    if as_json:
        click.echo(report.as_json())
    for line in report.lines(counts_are_shown=screen.is_terminal):
        screen.say(line)
    if report.counts.left and not report.is_dry:
        screen.say("Go on with --resume.")
    context.exit(report.status)


def _command(typed: dict[str, Any]) -> BatchCommand:
    from kilo_gateway.batch import Budget  # noqa: PLC0415 - help needs no batch
    from kilo_gateway.batch.options import RunOptions  # noqa: PLC0415
    from kilo_gateway.cli.batch.command import BatchCommand  # noqa: PLC0415
    from kilo_gateway.cli.chat.request_options import read_options  # noqa: PLC0415

    given = dict(typed)
    numbers = RunOptions(**{name: given.pop(name) for name in _NUMBERS})
    budget, has_schema = given.pop("budget"), given["schema"] is not None
    given["request_options"] = read_options(
        given["request_options"], level=None, has_schema=has_schema, has_tools=False
    )
    return BatchCommand(numbers=numbers, budget=None if budget is None else Budget(budget), **given)
