"""What can go wrong with a cassette. None of these is a KiloError, so that no retry and no fallback swallows one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcr.errors import CannotOverwriteExistingCassetteException

if TYPE_CHECKING:
    from pathlib import Path


class CassetteError(Exception):
    """Something is wrong with a cassette or with the way it is used."""


class UnreadableCassetteError(CassetteError):
    """A cassette on disk cannot be used; says which file and why."""

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"The cassette {path} cannot be read: {reason}")
        self.path = str(path)
        self.reason = reason


class SecretFoundError(CassetteError):
    """A cassette holds, or would have held, something that must not be on a disk. Never quotes it."""


class NoMatchError(CassetteError, CannotOverwriteExistingCassetteException):  # type: ignore[misc] # untyped
    """No recorded answer fits a request; the text says what differs. Also vcrpy's own error of that case."""

    def __init__(self, message: str, *, cassette: Any = None, failed_request: Any = None) -> None:
        Exception.__init__(self, message)
        self.cassette = cassette
        self.failed_request = failed_request


class UnusedInteractionsError(CassetteError):
    """A strict replay ended with recorded answers that nobody asked for."""


class NetworkBlockedError(CassetteError, RuntimeError):
    """Something tried to leave the machine while a cassette was replayed."""
