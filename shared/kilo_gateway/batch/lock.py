"""One writer at a time: a lock on an output file that the system takes away from a dead owner."""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, Any, Self

from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX = ".lock"


class FileLock:
    """Held for a whole run; the lock file beside the output names its owner and goes with it."""

    def __init__(self, path: Path, *, at_once: int = 0) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._what = path
        self._at_once = at_once
        self._file: Any = None
        self.lost_at_most = 0
        """How many requests may have been under way when the last owner died; 0 when it let the lock go itself."""

    def acquire(self) -> Self:
        """Take the lock.

        Raises:
            InvalidSettingError: another process holds it, named with its id and host, or the place cannot be written.
        """
        import portalocker  # noqa: PLC0415 - of the extra `batch`

        while True:
            file = self._open()
            try:
                portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except portalocker.LockException:
                owner = _read(file)
                file.close()
                raise InvalidSettingError(
                    f"{self._what} is being written by another run ({owner or 'its owner is not known'}). "
                    "Wait for it, or choose another output."
                ) from None
            if self._is_still_there(file):
                break
            file.close()  # its last owner has just taken it away
        self.lost_at_most = _parse_at_once(_read(file))
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}, {self._at_once} requests at once")
        file.flush()
        self._file = file
        return self

    def release(self) -> None:
        """Let the lock go, and remove its file."""
        self._path.unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _open(self) -> Any:
        try:
            return self._path.open("a+", encoding="utf-8")
        except OSError as error:
            raise InvalidSettingError(
                f"{self._what} cannot be written: {error.strerror}. Choose another place."
            ) from None

    def _is_still_there(self, file: Any) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False


def _read(file: Any) -> str:
    file.seek(0)
    return str(file.read(200)).strip()


def _parse_at_once(owner: str) -> int:
    found = re.search(r", (\d+) requests at once$", owner)
    return int(found[1]) if found else 0
