"""`kilo-gateway balance`: what is left."""

from __future__ import annotations

import click

from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import base_url_option, json_option, open_client
from kilo_gateway.cli.streams import stdout
from kilo_gateway.cli.text import render_json_line
from kilo_gateway.cli.wait_indicator import awaiting


def render_usd(amount: float) -> str:
    """Return a sum as people write it: `$25.00`, `-$3.20`."""
    return f"{'-' if amount < 0 else ''}${abs(amount):.2f}"


@click.command(cls=PlainCommand)
@base_url_option
@json_option
def balance(*, base_url: str | None, as_json: bool) -> None:
    """Show what is left on the account; of the organization, where one is set."""
    with awaiting(is_quiet=as_json):
        left = open_client(base_url=base_url).balance()
    if not as_json:
        stdout().line(render_usd(left.balance))
        return
    facts = {
        "balance": left.balance,
        "currency": "USD",
        "is_depleted": left.is_depleted,
        "organization_id": left.organization_id,
    }
    stdout().line(render_json_line(facts))
