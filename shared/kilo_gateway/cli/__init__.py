"""`kilo-gateway`, the command line: conversations, models, checks, recorded answers, and the embedded gateway."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as in `typing`, which takes longer to import than a Ctrl-C to type
if TYPE_CHECKING:
    from collections.abc import Sequence

_EXTRAS = frozenset({"click", "platformdirs", "portalocker", "prompt_toolkit", "markdown_it", "jsonschema", "rich"})


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; without the `cli` extra, say how to install it and exit with 2."""
    try:
        from kilo_gateway.cli.process import run  # noqa: PLC0415 - the extra may be missing

        status = run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:  # before a command began
        status = 130
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        sys.stderr.write('error: The command line needs an extra. Install it with: pip install "kilo-gateway[cli]"\n')
        status = 2
    if arguments is None:
        _ignore_signals()
    raise SystemExit(status)


def _ignore_signals() -> None:
    """Let the process end in peace: its status is known, and all is written."""
    import signal  # noqa: PLC0415 - at the end of a process only

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        try:
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        except (AttributeError, ValueError):  # Windows has no SIGHUP; not the main thread
            continue
