"""`kilo-gateway`: check a key, list models, ask a question, run the embedded gateway."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the `cli` extra, say how to install it and exit with 2."""
    try:
        from kilo_gateway.cli.commands import app  # noqa: PLC0415 - the extra may be missing
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.stderr.write('The command line needs an extra. Install it with: pip install "kilo-gateway[cli]"\n')
        raise SystemExit(2) from None
    app()
