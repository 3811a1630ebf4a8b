"""Where the record lies, who may read it, and whether anything is recorded at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_SWITCH: Final = "log-on"
_DATABASE: Final = "logs.db"
_OWN_FILES: Final = frozenset({_SWITCH, _DATABASE, f"{_DATABASE}-wal", f"{_DATABASE}-shm", f"{_DATABASE}-journal"})
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def home() -> Path:
    """Return the folder: KILOCODE_HOME, else the platform's folder for a user's data."""
    stated = os.environ.get("KILOCODE_HOME")
    if stated:
        return Path(stated)
    from platformdirs import user_data_path  # noqa: PLC0415 - for the record only

    return user_data_path("kilo-gateway", appauthor=False)


def database_path() -> Path:
    """Return where answers are recorded unless a command names another file."""
    return home() / _DATABASE


def is_on() -> bool:
    """Return whether answers are recorded without being asked for each time."""
    with suppress(OSError):
        return (home() / _SWITCH).exists()
    return False


def turn_on() -> None:
    """Record from now on."""
    make_folder(home())
    make_private_file(home() / _SWITCH)


def turn_off() -> None:
    """Record no more; what is recorded stays."""
    (home() / _SWITCH).unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make the folder for its owner alone; one that holds other things keeps its permissions."""
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # another process may have made it meanwhile
    elif folder.stat().st_mode & _OTHERS and {path.name for path in folder.iterdir()} <= _OWN_FILES:
        folder.chmod(0o700)


def make_private_file(path: Path) -> None:
    """Make a file that its owner alone can read, from the start, or make it so."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        if path.stat().st_mode & _OTHERS:
            path.chmod(0o600)
