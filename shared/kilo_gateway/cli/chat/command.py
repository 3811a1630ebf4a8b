"""`kilo-gateway chat`, as typed. Imports nothing of the core before it is run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from kilo_gateway.cli.chat.option_spelling import ChatCommand
from kilo_gateway.cli.options import Number, base_url_option, json_option, model_option
from kilo_gateway.cli.wait_indicator import awaiting

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

LEVELS: Final = ("off", "minimal", "low", "medium", "high", "xhigh", "max", "adaptive")
"""As the core has them, which would be long to import; a test holds the two equal."""


class _OptionName(click.ParamType):  # type: ignore[type-arg] # generic in new versions of click only
    name = "NAME=VALUE"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for completion only

        from kilo_gateway.request.options import OPTIONS  # noqa: PLC0415

        return [CompletionItem(f"{name}=") for name in OPTIONS if name.startswith(incomplete)]


@click.command("chat", cls=ChatCommand)
@click.argument("prompt", required=False)
@click.option("--no-stdin", is_flag=True, help="Do not read stdin.")
@model_option
@click.option("-s", "--system", metavar="TEXT", help="A system prompt.")
@click.option(
    "--reasoning",
    "level",
    metavar="LEVEL",
    type=click.Choice(LEVELS, case_sensitive=False),
    help=f"How much to reason: {', '.join(LEVELS)}.",
)
@click.option("-R", "--hide-reasoning", is_flag=True, help="Show no reasoning on the terminal.")
@click.option(
    "-o", "--option", "options", type=_OptionName(), multiple=True, help="An option of the request; or: -o NAME VALUE."
)
@click.option("-a", "--attachment", "attachments", metavar="PATH|URL|-", multiple=True, help="A file to send along.")
@click.option("--at", "--attachment-type", metavar="PATH TYPE", multiple=True, nargs=2, help="The same, of a type.")
@click.option("--schema", metavar="SCHEMA", help='A JSON Schema for the answer, its file, or "name, age int".')
@click.option("--schema-multi", metavar="SCHEMA", help="The same, for a list of such answers.")
@click.option("--tool", "tools", metavar="FILE[:NAME]", multiple=True, help="Functions that the model may call.")
@click.option("-y", "--yes", is_flag=True, help="Run tools without asking.")
@click.option(
    "--cl", "--chain-limit", "chain_limit", type=Number(0), default=5, metavar="N", help="Rounds of tools. [5]"
)
@click.option("-x", "--extract", is_flag=True, help="Print the first fenced block only.")
@click.option("--xl", "--extract-last", "extract_last", is_flag=True, help="Print the last fenced block only.")
@click.option("--no-stream", is_flag=True, help="Ask for the whole answer, and print it whole.")
@click.option("-u", "--usage", is_flag=True, help="Show model, tokens and cost on stderr in any case.")
@click.option("-c", "--continue", "goes_on", is_flag=True, help="Go on with the conversation of the latest answer.")
@click.option("--cid", "--conversation", "conversation", metavar="ID", help="Go on with this conversation.")
@click.option("--log", "log", is_flag=True, help="Record this answer.")
@click.option("-n", "--no-log", "no_log", is_flag=True, help="Do not record this answer.")
@click.option(
    "-d", "--database", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Another record."
)
@base_url_option
@json_option
def chat(*, prompt: str | None, **typed: Any) -> int:
    """Ask PROMPT and print the answer as it comes. Without a PROMPT on a terminal: a conversation.

    What is piped in goes before PROMPT, a blank line between; PROMPT alone may be - for stdin. A PROMPT that
    begins with a dash goes after --.
    """
    with awaiting(is_quiet=prompt in {None, "-"} or typed["as_json"]):
        from kilo_gateway.cli.chat.run import Typed, run_chat  # noqa: PLC0415 - imports the core, which takes a moment
    typed.pop("at")  # stands among the attachments, in the order of both
    return run_chat(prompt, Typed(**typed))
