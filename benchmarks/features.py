"""Try every feature with us and with the nearest packages, and write the tables of docs/comparison.md.

`make compare`, or `python -m benchmarks.features`; with `--print` nothing is written. A feature counts as a package has
it by its own means, at the embedded gateway.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.trials import try_out

if TYPE_CHECKING:
    from benchmarks.trials import Cell

PAGE = Path(__file__).parent.parent / "docs" / "comparison.md"
FRAMEWORKS = ("langchain", "llama_index")


def table(framework: str) -> str:
    """Return the table of a framework as Markdown: a row a feature, a column a class, notes below."""
    module: Any = import_module(f"benchmarks.features_{framework}")
    notes: dict[str, int] = {}
    lines = [
        "| | " + " | ".join(contender.name for contender in module.CONTENDERS) + " |",
        "|---|" + "---|" * len(module.CONTENDERS),
    ]
    for trial in module.TRIALS:
        cells = [try_out(trial, contender) for contender in module.CONTENDERS]
        lines.append(f"| {trial.feature} | " + " | ".join(_shown(cell, notes) for cell in cells) + " |")
    below = [f"{number}. {note}" for note, number in notes.items()]
    versions = ", ".join(contender.title for contender in module.CONTENDERS)
    tried = f"Tried on {datetime.datetime.now(tz=datetime.UTC).date()}, Python {platform.python_version()}: {versions}."
    return "\n".join([*lines, "", *below, "", tried])


def _shown(cell: Cell, notes: dict[str, int]) -> str:
    if not cell.note:
        return cell.word
    return f"{cell.word} ({notes.setdefault(cell.note, len(notes) + 1)})"


def main() -> None:
    """Try everything; write the tables between their marks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--print", action="store_true", dest="is_dry", help="show the tables, write nothing")
    options = parser.parse_args()
    page = PAGE.read_text("utf-8") if PAGE.exists() else ""
    for framework in FRAMEWORKS:
        made = table(framework)
        if options.is_dry:
            print(made, end="\n\n")
        mark = f"<!-- {framework} -->"
        page = re.sub(f"{mark}.*?{mark}", lambda _, text=f"{mark}\n\n{made}\n\n{mark}": text, page, flags=re.DOTALL)
    if not options.is_dry:
        PAGE.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
