"""`kilo-gateway renew-models`: the bundled catalog, written anew. For maintainers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import base_url_option, open_client
from kilo_gateway.cli.statuses import TRY_LATER, CommandError
from kilo_gateway.cli.streams import stdout


@click.command("renew-models", cls=PlainCommand)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@base_url_option
def renew_models(*, path: Path, base_url: str | None) -> None:
    """Write the bundled catalog anew, into PATH, from the gateway's live list."""
    from kilo_gateway.catalog.snapshot import render_snapshot  # noqa: PLC0415 - imports the core

    client = open_client(base_url=base_url)
    catalog = client.discover(refresh=True)
    if not catalog.is_live:
        raise CommandError("The gateway's list is out of reach; nothing was written. Try again later.", TRY_LATER)
    source = f"{client.settings.base_url}models"
    path.write_text(render_snapshot(catalog, source=source, date=datetime.now(UTC).date().isoformat()))
    stdout().line(f"Wrote {path}.")
