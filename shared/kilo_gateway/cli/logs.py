"""`kilo-gateway logs`: turn the record of what is asked on and off, and look things up in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kilo_gateway.cli.completion import complete_models
from kilo_gateway.cli.groups import CommandEntry, LazyGroup
from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import Number, json_option
from kilo_gateway.cli.statuses import CommandError, wrong_usage
from kilo_gateway.cli.streams import can_ask, stderr, stdout
from kilo_gateway.cli.text import render_json_line

if TYPE_CHECKING:
    from kilo_gateway.cli.log.store import Log

_NOTHING = "Nothing is recorded. Turn it on with kilo-gateway logs on."


@click.group(
    cls=LazyGroup,
    entries={
        "list": CommandEntry("logs", "list_logs", "Show what is recorded; this is meant when nothing is named."),
        "on": CommandEntry("logs", "turn_on", "Record every answer from now on."),
        "off": CommandEntry("logs", "turn_off", "Record no more; what is there stays."),
        "status": CommandEntry("logs", "status", "Show whether answers are recorded, where, and how many."),
        "path": CommandEntry("logs", "path", "Show where the record lies."),
        "delete": CommandEntry("logs", "delete", "Delete an answer or a conversation."),
        "clear": CommandEntry("logs", "clear", "Delete everything that is recorded."),
    },
    default="list",
    subcommand_metavar="[COMMAND]",
    hint="See kilo-gateway logs --help.",
)
def logs() -> None:
    """Record what is asked, and look it up. Nothing is recorded unless it is turned on."""


database_option = click.option(
    "-d", "--database", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Another record."
)
_yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


@click.command("list", cls=PlainCommand)
@click.option("-n", "--count", type=Number(0), metavar="N", help="How many, the last ones; 0 is all. [3]")
@click.option("-q", "--query", metavar="TEXT", help="Only those that hold this text.")
@click.option("-m", "--model", metavar="REF", shell_complete=complete_models, help="Only those of this model.")
@click.option("-c", "--current", is_flag=True, help="Only the conversation with the latest answer.")
@click.option("--cid", "--conversation", "conversation", metavar="ID", help="Only this conversation.")
@click.option("-r", "--response", is_flag=True, help="The last answer's text, and nothing else.")
@click.option("-x", "--extract", is_flag=True, help="The first fenced block of the last answer.")
@click.option("-s", "--short", is_flag=True, help="A line for each.")
@database_option
@json_option
def list_logs(*, database: Path | None, as_json: bool, **wanted: Any) -> None:
    """Show the last answers that were recorded, with what was asked."""
    from kilo_gateway.cli.chat.fences import extract  # noqa: PLC0415 - help needs none of these
    from kilo_gateway.cli.log.pages import entry_object, write_pages, write_short  # noqa: PLC0415

    entries = _find(_log(database), wanted)
    out = stdout()
    if as_json:
        for entry in entries:
            out.line(render_json_line(entry_object(entry)))
    elif wanted["response"] or wanted["extract"]:
        text = entries[-1].text
        out.piece(extract(text) if wanted["extract"] else text)
        out.end()
    elif wanted["short"]:
        write_short(out, entries)
    else:
        write_pages(out, entries)


def _find(log: Log, wanted: dict[str, Any]) -> list[Any]:
    conversation = wanted["conversation"]
    if wanted["current"]:
        latest = log.latest()
        conversation = latest.conversation if latest is not None else conversation
    count = wanted["count"]
    if count is None:
        count = 0 if conversation else 3
    model = wanted["model"]
    found = log.find(
        text=wanted["query"],
        model=model.removeprefix("kilocode/") if model else None,
        conversation=conversation,
        most=count,
    )
    if not found:
        is_empty = log.latest() is None
        raise CommandError(_NOTHING if is_empty else "No answer matches. See kilo-gateway logs -n 0 -s.")
    return found


@click.command("on", cls=PlainCommand)
def turn_on() -> None:
    """Record every answer from now on, readable by you alone. Keys are never in it; prompts are."""
    from kilo_gateway.cli.log import home  # noqa: PLC0415 - help needs no folder

    home.turn_on()
    _say(f"Answers are recorded in {home.database_path()}.")


@click.command("off", cls=PlainCommand)
def turn_off() -> None:
    """Record no more. What is recorded stays; see kilo-gateway logs clear."""
    from kilo_gateway.cli.log import home  # noqa: PLC0415 - help needs no folder

    home.turn_off()
    _say("Answers are not recorded.")


def _say(line: str) -> None:
    err = stderr()
    if err.is_terminal:
        err.line(line)


@click.command("status", cls=PlainCommand)
@database_option
def status(*, database: Path | None) -> None:
    """Show whether answers are recorded, where, and how many there are."""
    from kilo_gateway.cli.log import home  # noqa: PLC0415 - help needs no folder

    log = _log(database)
    answers, conversations = log.counts()
    size = log.path.stat().st_size if log.path.exists() else 0
    stdout().line(f"recording: {'on' if home.is_on() else 'off'}\nfile: {log.path}")
    stdout().line(f"answers: {answers}\nconversations: {conversations}\nbytes: {size}")


@click.command("path", cls=PlainCommand)
def path() -> None:
    """Show where the record lies, whether it is there or not."""
    stdout().line(str(_log(None).path))


@click.command("delete", cls=PlainCommand)
@click.argument("id_or_conversation", metavar="ID")
@_yes_option
@database_option
def delete(*, id_or_conversation: str, yes: bool, database: Path | None) -> None:
    """Delete the answer or the conversation with this ID."""
    log = _log(database)
    if not yes:
        _confirm(f"Delete {id_or_conversation}?")
    if not log.delete(id_or_conversation):
        raise CommandError(f"No answer and no conversation is called {id_or_conversation}. See kilo-gateway logs -s.")


@click.command("clear", cls=PlainCommand)
@_yes_option
@database_option
def clear(*, yes: bool, database: Path | None) -> None:
    """Delete everything that is recorded."""
    log = _log(database)
    if not yes:
        _confirm(f"Delete everything in {log.path}?")
    log.delete(None)


def _confirm(question: str) -> None:
    from kilo_gateway.cli.chat.tool_calls import ask  # noqa: PLC0415 - for this only

    if not can_ask():
        raise wrong_usage("Nobody is there to be asked. Say --yes.")
    if ask(f"{question} [y/N] ") not in {"y", "yes"}:
        raise CommandError("Nothing was deleted. Answer y to delete.")


def _log(database: Path | None) -> Log:
    from kilo_gateway.cli.log.home import database_path  # noqa: PLC0415 - help needs no folder
    from kilo_gateway.cli.log.store import Log  # noqa: PLC0415

    return Log(database or database_path())
