"""Commands that hold commands: each is imported when it is used, and one may be what is meant when none is named."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kilo_gateway.cli.help import CONTEXT_SETTINGS, Formatter
from kilo_gateway.cli.usage import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem


class CommandEntry(NamedTuple):
    """One command of a group."""

    module: str
    """Below `kilo_gateway.cli`."""
    name: str
    """What the module calls it."""
    summary: str
    is_hidden: bool = False


class _GroupContext(click.Context):
    formatter_class = Formatter


class LazyGroup(click.Group):
    """A group whose commands are named in a table."""

    context_class = _GroupContext

    def __init__(
        self, *given: Any, entries: Mapping[str, CommandEntry], default: str | None = None, hint: str = "", **named: Any
    ) -> None:
        super().__init__(*given, context_settings=CONTEXT_SETTINGS, **named)
        self._entries = entries
        self._default = default
        self._hint = hint

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(self._entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now; None when there is none of this name."""
        entry = self._entries.get(cmd_name)
        if entry is None:
            return None
        found: click.Command = getattr(import_module(f"kilo_gateway.cli.{entry.module}"), entry.name)
        found.context_class = _GroupContext
        found.context_settings = {**CONTEXT_SETTINGS, **found.context_settings}
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command that is meant before arguments that name none."""
        names_one = args[0] in {*self._entries, *ctx.help_option_names} if args else ctx.resilient_parsing
        if self._default is not None and not names_one:
            args = [self._default, *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is named first.

        Raises:
            UsageError: there is none of this name; names the nearest.
        """
        command = self.get_command(ctx, args[0])
        if command is None and not ctx.resilient_parsing:
            found = nearest(args[0], [name for name, entry in self._entries.items() if not entry.is_hidden])
            meant = f"Did you mean {ctx.command_path} {found[0]}? " if found else ""
            raise click.UsageError(f"There is no command {args[0]!r}. {meant}{self._hint}".rstrip(), ctx)
        return args[0] if command else None, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        rows = [(name, entry.summary) for name, entry in self._entries.items() if not entry.is_hidden]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, those of the command that is meant when none is named, and the commands."""
        default = None if self._default is None else self.get_command(ctx, self._default)
        owners = [self] if default is None else [default]
        rows = [row for owner in owners for one in owner.get_params(ctx) if (row := _option_row(one, ctx))]
        if rows:
            with formatter.section("Options"):
                formatter.write_dl(rows)
        self.format_commands(ctx, formatter)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that begin so, and the options; those of the meant command too."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for completion only

        found = [
            CompletionItem(name, help=entry.summary)
            for name, entry in self._entries.items()
            if name.startswith(incomplete) and not entry.is_hidden
        ]
        if self._default is None:
            return [*found, *click.Command.shell_complete(self, ctx, incomplete)]
        default = self.get_command(ctx, self._default)
        return [*found, *(default.shell_complete(ctx, incomplete) if default is not None else [])]


def _option_row(parameter: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    return parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
