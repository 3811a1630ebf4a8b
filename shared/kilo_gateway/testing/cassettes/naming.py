"""How cassettes are called and where they lie: beside the test module, in a folder of its name, one file a test."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".kilo.yaml"
"""Tells these cassettes from those of pytest-recording, which may lie in the same folder."""

FOLDER = "cassettes"

_UNFIT = re.compile(r"[<>?%*:|\"'/\\\x00-\x1f\x7f]")
"""Characters that some file system refuses in a name."""
_FOREIGN = frozenset({"node_modules", "site-packages", "__pycache__"})
"""Folders that hold nothing of the project's own."""
_LONGEST = 150
"""Characters of a name, so that folders, suffix and multi-byte characters fit into 255 bytes."""


def file_name(test: str) -> str:
    """Return the file name for a test's name; one that had to be changed ends with a hash, so that none collide."""
    fit = _UNFIT.sub("-", test)
    while len(fit.encode()) > _LONGEST:
        fit = fit[: len(fit) - 1]
    if fit != test:
        fit = f"{fit}-{sha256(test.encode()).hexdigest()[:8]}"
    return fit + SUFFIX


def cassette_path(module: Path, test: str, *, folder: str = FOLDER) -> Path:
    """Return where the cassette of a test lies: `cassettes/<module>/<Class.test[parameters]>.kilo.yaml`."""
    return module.parent / folder / module.stem / file_name(test)


def cassettes_below(folder: Path) -> Iterator[Path]:
    """Yield the cassettes of a project: not those in hidden folders, virtual environments and installed packages."""
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if not (name.startswith(".") or name in _FOREIGN)]
        folders[:] = [name for name in folders if not (here / name / "pyvenv.cfg").exists()]
        yield from (here / name for name in files if name.endswith(SUFFIX))


def shown(path: Path) -> str:
    """Return the path as messages name it: from the working directory, when it lies below that."""
    home = Path.cwd()
    return str(path.relative_to(home) if path.is_relative_to(home) else path)


def named_path(home: Path, name: str) -> Path:
    """Return where the cassette of a given name lies: under its home, unless the name is a path of its own."""
    return home / (name if name.endswith((".yaml", ".yml")) else name + SUFFIX)


def file_signature(path: Path) -> tuple[int, int, int] | None:
    """Return what changes whenever the file is written again; None when there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
