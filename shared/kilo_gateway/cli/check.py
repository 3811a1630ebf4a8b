"""`kilo-gateway check`: one verdict on key, gateway and model."""

from __future__ import annotations

import click

from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import base_url_option, json_option, model_option, open_client
from kilo_gateway.cli.streams import stdout
from kilo_gateway.cli.tables import write_fact
from kilo_gateway.cli.text import render_json_line
from kilo_gateway.cli.wait_indicator import awaiting


@click.command(cls=PlainCommand)
@model_option
@click.option("--no-ask", is_flag=True, help="Ask the model nothing; the balance then says whether the key is taken.")
@base_url_option
@json_option
def check(*, model: str | None, no_ask: bool, base_url: str | None, as_json: bool) -> int:
    """Check that key, gateway and model work together. Asks one short question."""
    with awaiting(is_quiet=as_json):
        from kilo_gateway.cli.check_report import examine  # noqa: PLC0415 - imports the core

        report = examine(open_client(model=model, base_url=base_url), asks=not no_ask)
    out = stdout()
    if as_json:
        out.line(render_json_line(report.describe()))
    else:
        for line in report.lines():
            write_fact(out, line)
    return report.exit_status
