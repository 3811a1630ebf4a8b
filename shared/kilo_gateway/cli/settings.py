"""`kilo-gateway settings`: the settings in force, without any secret."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import click

from kilo_gateway.cli.help import PlainCommand
from kilo_gateway.cli.options import base_url_option, json_option, model_option, open_client
from kilo_gateway.cli.streams import stderr, stdout
from kilo_gateway.cli.tables import Column, write_table
from kilo_gateway.cli.text import render_json_line

if TYPE_CHECKING:
    from kilo_gateway.client import KiloClient

_COLUMNS: Final = (Column("name"), Column("value", is_named=False), Column("from"))
_MASK: Final = "***"


@click.command(cls=PlainCommand)
@model_option
@base_url_option
@json_option
def settings(*, model: str | None, base_url: str | None, as_json: bool) -> None:
    """Show the settings in force, and where each comes from. Secrets are ***."""
    shown_url, base_url = _without_login(base_url)
    described = effective_settings(open_client(model=model, base_url=base_url))
    if shown_url is not None:
        described["base_url"] = shown_url
        stderr().line(f"warning: {shown_url['from']} holds a user name or password, and no call takes it. Take it out.")
    if as_json:
        stdout().line(render_json_line(described))
        return
    rows = [(name, _render_value(row["value"]), str(row["from"])) for name, row in described.items()]
    write_table(stdout(), _COLUMNS, rows)


def _without_login(base_url: str | None) -> tuple[dict[str, str] | None, str | None]:
    """Return how a URL with a user or password is shown, None for another one, and the URL that can be read."""
    name = "--base-url" if base_url is not None else "KILOCODE_BASE_URL"
    text = (os.environ.get(name, "") if base_url is None else base_url).strip()
    scheme, slashes, rest = text.partition("://")
    login, at, host = rest.partition("/")[0].rpartition("@")
    if not (slashes and at):
        return None, base_url
    bare = f"{host}{rest[len(login) + 1 + len(host) :]}"
    user = f"{login.partition(':')[0]}:" if ":" in login else ""
    return {"value": f"{scheme}://{user}{_MASK}@{bare}", "from": name}, f"{scheme}://{bare}"


def effective_settings(client: KiloClient) -> dict[str, dict[str, Any]]:
    """Return each setting as `{"value", "from"}`, values as JSON knows them, secrets masked."""
    from kilo_gateway.settings.auth import resolve_feature  # noqa: PLC0415 - imports the core

    described = client.settings.describe()
    described["feature"]["value"] = resolve_feature(client.settings, os.environ)
    described["default_headers"]["value"] = dict.fromkeys(client.settings.default_headers, _MASK)
    bounds = asdict(client.settings.timeout)
    described["timeout"]["value"] = {name: seconds for name, seconds in bounds.items() if seconds is not None}
    return {name: {"value": row["value"], "from": _origin(str(row["from"]))} for name, row in described.items()}


def _origin(text: str) -> str:
    """Return where a value comes from, options by the name that was typed."""
    head, _, name = text.partition(" ")
    return f"--{name.replace('_', '-')}" if head == "argument" else text


def _render_value(value: Any) -> str:
    if value is None or value == {}:
        return "-"
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {one:g}" if isinstance(one, float) else f"{name} {one}" for name, one in value.items()
        )
    return str(value).lower() if isinstance(value, bool) else str(value)
