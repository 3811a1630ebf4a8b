"""`kilo-gateway`: check a key, list models, ask a question, run the embedded gateway."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> None:
    """Run the command line; without the `cli` extra, say how to install it and exit with 2."""
    run: Callable[[], object]
    try:
        if sys.argv[1:2] == ["batch"]:
            from kilo_gateway.cli.batch.options import batch as run  # noqa: PLC0415 - the extra may be missing

            sys.argv[:2] = ["kilo-gateway batch"]
        else:
            from kilo_gateway.cli.commands import app as run  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "click", "rich", "portalocker"}:
            raise
        sys.stderr.write('The command line needs an extra. Install it with: pip install "kilo-gateway[cli]"\n')
        raise SystemExit(2) from None
    run()
