"""Whether cassettes on disk hold anything that must not be there. Says where and of what kind; never quotes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kilo_gateway.testing.cassettes.document import parse_document
from kilo_gateway.testing.cassettes.naming import cassettes_below
from kilo_gateway.testing.cassettes.scrubbing import Scrubber
from kilo_gateway.testing.cassettes.secret_shapes import find_shapes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from kilo_gateway.testing.cassettes.document import Document


@dataclass(frozen=True, order=True)
class Finding:
    """One thing wrong with a cassette on disk."""

    path: str
    line: int
    """From 1; 0 when it concerns the file."""
    what: str

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: {self.what}"


def check_cassettes(*folders: str | os.PathLike[str]) -> list[Finding]:
    """Return what is wrong with the cassettes in these folders or files: secrets, and files that cannot be read.

    An empty list means that all is well.
    """
    return [finding for path in sorted(_cassettes(folders)) for finding in _check_file(path)]


def _cassettes(folders: tuple[str | os.PathLike[str], ...]) -> Iterator[Path]:
    for folder in folders:
        path = Path(folder)
        yield from cassettes_below(path) if path.is_dir() else [path]


def _check_file(path: Path) -> list[Finding]:
    text = ""
    try:
        text = path.read_bytes().decode()
        return findings_in(str(path), text, parse_document(text))
    except (OSError, ValueError) as error:
        return [Finding(str(path), 0, f"cannot be read: {error}"), *_shapes_in(str(path), text)]


def findings_in(path: str, text: str, document: Document, scrubber: Scrubber | None = None) -> list[Finding]:
    """Return what a cassette's text holds that scrubbing takes out, by line, then by interaction."""
    cleaner = scrubber or Scrubber()
    findings = _shapes_in(path, text)
    if not findings and cleaner.knows(text):
        findings.append(Finding(path, 0, "holds a secret of this session"))
    for number, interaction in enumerate(document.interactions, 1):
        clean = cleaner.interaction(interaction)
        for side in ("request", "response"):
            changed = [name for name, value in interaction[side].items() if clean[side][name] != value]
            if changed:
                what = f"holds a secret, an id or a balance in the {side}'s {', '.join(changed)}"
                findings.append(Finding(path, 0, f"interaction {number} {what}"))
    return findings


def _shapes_in(path: str, text: str) -> list[Finding]:
    return sorted(
        {Finding(path, text.count("\n", 0, span.start) + 1, f"holds {span.kind}") for span in find_shapes(text)}
    )
