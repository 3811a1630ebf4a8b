"""The table of commands, and what `kilo-gateway` itself takes. Imports none of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kilo_gateway._version import __version__
from kilo_gateway.cli.groups import CommandEntry, LazyGroup

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any] | click.Command")

PROGRAM: Final = "kilo-gateway"

_COMMANDS: Final = {
    "chat": CommandEntry("chat.command", "chat", "Ask a question, or have a conversation."),
    "models": CommandEntry("models", "models", "List the models that can be used, and what they cost."),
    "check": CommandEntry("check", "check", "Check that key, gateway and model work together."),
    "balance": CommandEntry("balance", "balance", "Show what is left on the account."),
    "settings": CommandEntry("settings", "settings", "Show the settings in force, and where each comes from."),
    "logs": CommandEntry("logs", "logs", "Record what is asked, and look it up. Off unless turned on."),
    "batch": CommandEntry("batch.options", "batch", "Run a file of requests into a file of results."),
    "serve": CommandEntry("serve", "serve", "Run the embedded gateway: no key, no network."),
    "cassettes": CommandEntry("cassettes", "cassettes", "Look at the recorded answers of tests."),
    "renew-models": CommandEntry("renewal", "renew_models", "Write the bundled catalog anew.", is_hidden=True),
    "version": CommandEntry("version", "version", "Show the version."),
}


def _print_version(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if is_asked and not context.resilient_parsing:
        click.echo(f"{PROGRAM} {__version__}")
        context.exit()


def _show_completion(context: click.Context, parameter: click.Parameter, shell: str | None) -> None:
    if shell is None or context.resilient_parsing:
        return
    from kilo_gateway.cli import completion  # noqa: PLC0415 - for this option only

    script = completion.script_for(shell, context.command)
    if parameter.name == "show_completion":
        sys.stdout.write(script.source)
    else:
        sys.stdout.write(f"{completion.install(script)}\n")
    context.exit()


def _completion_option(name: str, text: str) -> Callable[[F], F]:
    return click.option(
        name,
        is_flag=False,
        flag_value="",
        metavar="[SHELL]",
        is_eager=True,
        expose_value=False,
        callback=_show_completion,
        help=text,
    )


@click.group(
    cls=LazyGroup,
    entries=_COMMANDS,
    hint=f'To ask a question: {PROGRAM} chat "...". See {PROGRAM} --help.',
    invoke_without_command=True,
    epilog="The key is read from KILOCODE_API_KEY. Get one at https://app.kilo.ai, under API Keys.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@_completion_option("--install-completion", "Let bash, zsh or fish complete what is typed.")
@_completion_option("--show-completion", "Print what --install-completion would install.")
@click.pass_context
def cli(context: click.Context) -> None:
    """Kilo Gateway from the command line: one key, hundreds of models."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
