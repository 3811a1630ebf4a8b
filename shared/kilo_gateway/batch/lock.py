"""One process writes an output file at a time. The lock is the system's, so that it ends with its owner."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Self

from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

SUFFIX = ".lock"


class FileLock:
    """Held for a whole run; the lock file beside the output names its owner and goes with it.

    Raises:
        InvalidSettingError: another process holds it, named with its id and host, or the place cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + SUFFIX)
        self._what = path
        self._file: Any = None

    def __enter__(self) -> Self:
        import portalocker  # noqa: PLC0415 - of the extra `batch`

        while True:
            try:
                file = self._path.open("a+", encoding="utf-8")
            except OSError as error:
                raise InvalidSettingError(
                    f"{self._what} cannot be written: {error.strerror}. Choose another place."
                ) from None
            try:
                portalocker.lock(file, portalocker.LOCK_EX | portalocker.LOCK_NB)
            except portalocker.LockException:
                owner = self._owner(file)
                file.close()
                raise InvalidSettingError(
                    f"{self._what} is being written by another run ({owner}). Wait for it, or choose another output."
                ) from None
            if self._is_still_there(file):
                break
            file.close()  # its last owner has just taken it away
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        self._file = file
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._path.unlink(missing_ok=True)
        self._file.close()

    def _is_still_there(self, file: Any) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    @staticmethod
    def _owner(file: Any) -> str:
        file.seek(0)
        return file.read(200).strip() or "its owner is not known"
