"""`kilo-gateway version`."""

from __future__ import annotations

import click

from kilo_gateway._version import __version__
from kilo_gateway.cli.help import PlainCommand


@click.command(cls=PlainCommand)
def version() -> None:
    """Show the version of this package."""
    click.echo(__version__)
