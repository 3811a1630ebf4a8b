"""Options that several commands share, and the client that they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kilo_gateway.cli.completion import complete_models

if TYPE_CHECKING:
    from kilo_gateway.client import KiloClient

base_url_option = click.option("--base-url", metavar="URL", help="Another gateway, such as the embedded one.")
model_option = click.option(
    "-m",
    "--model",
    metavar="REF",
    shell_complete=complete_models,
    help="The model; default KILOCODE_MODEL, else kilocode/kilo/auto.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout, and nothing else.")


def open_client(**settings: Any) -> KiloClient:
    """Return a client with these settings over the environment's.

    Raises:
        SetupError: a setting that cannot work.
    """
    from kilo_gateway.client import KiloClient  # noqa: PLC0415 - takes longer to import than help may take

    return KiloClient(**settings)
