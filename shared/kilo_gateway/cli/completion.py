"""Completion in a shell: what is installed, and words that need no gateway. Imports no client."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from click.shell_completion import get_completion_class

from kilo_gateway import catalog
from kilo_gateway.cli.statuses import wrong_usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

_PROGRAM: Final = "kilo-gateway"
_VARIABLE: Final = "_KILO_GATEWAY_COMPLETE"
_SHELLS: Final = ("bash", "zsh", "fish")


class Script(NamedTuple):
    """What makes a shell complete."""

    shell: str
    source: str


def script_for(shell: str, command: click.Command) -> Script:
    """Return the script for a shell; "" means the one that SHELL names.

    Raises:
        CommandError: a shell that cannot be served.
    """
    name = shell or Path(os.environ.get("SHELL", "")).name
    found = get_completion_class(name) if name in _SHELLS else None
    if found is None:
        raise wrong_usage(f"There is no completion for {name or 'an unknown shell'}. Name one of {', '.join(_SHELLS)}.")
    completer = found(command, {}, _PROGRAM, _VARIABLE)
    return Script(name, f"{(completer.source_template % completer.source_vars()).strip()}\n")


def install(script: Script) -> str:
    """Write the script where its shell reads it; return what was done."""
    home = Path.home()
    if script.shell == "fish":
        path = home / ".config" / "fish" / "completions" / f"{_PROGRAM}.fish"
        _write(path, script.source)
        return f"Wrote {path}. It works in the next shell."
    path = home / ".local" / "share" / _PROGRAM / f"completion.{script.shell}"
    _write(path, script.source)
    start = home / f".{script.shell}rc"
    line = f'. "{path}"'
    known = start.read_text(encoding="utf-8") if start.exists() else ""
    if line not in known.splitlines():
        with start.open("a", encoding="utf-8") as file:
            file.write(f"{'' if not known or known.endswith(chr(10)) else chr(10)}{line}\n")
    return f"Wrote {path}, and a line into {start}. It works in the next shell."


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def complete_models(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the bundled model ids that begin so."""
    return [model for model in _model_ids() if model.startswith(incomplete)]


def complete_labs(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the labs of the bundled models that begin so."""
    labs = sorted({model.partition("/")[0] for model in _model_ids() if "/" in model})
    return [lab for lab in labs if lab.startswith(incomplete)]


def _model_ids() -> Iterator[str]:
    """Yield the ids of the bundled list; reading it as the core does would import the core."""
    folder = Path(next(iter(catalog.__path__)))
    listed: dict[str, Any] = json.loads((folder / "data" / "models.json").read_text(encoding="utf-8"))
    yield from (entry["id"] for entry in listed["models"])
