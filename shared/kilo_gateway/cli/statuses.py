"""The exit statuses, one meaning each, and what ends a command early. A script may act on them."""

from __future__ import annotations

from typing import Final

DONE: Final = 0
FAILED: Final = 1
"""Failed for good."""
WRONG_USAGE: Final = 2
"""Nothing was sent."""
TRY_LATER: Final = 3
KEY: Final = 4
"""The key is missing or refused."""
CREDITS: Final = 5
"""No credits are left, or a budget is used up."""
NOT_AS_ASKED: Final = 6
"""An answer came, but not what was asked for."""
INTERRUPTED: Final = 130
READER_GONE: Final = 141
TERMINATED: Final = 143
HUNG_UP: Final = 129


class CommandError(Exception):
    """Ends a command: a sentence for people, and the exit status."""

    def __init__(self, message: str, status: int = FAILED, *, kind: str | None = None, partial: str | None = None):
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind or _KINDS.get(status, "failed")
        """A word for scripts."""
        self.partial = partial
        """What had arrived."""


_KINDS: Final = {WRONG_USAGE: "usage", TRY_LATER: "try_later", KEY: "key", CREDITS: "credits", NOT_AS_ASKED: "answer"}


class TerminatedError(BaseException):
    """SIGTERM arrived, or SIGHUP: the terminal is gone."""

    def __init__(self, status: int = TERMINATED) -> None:
        super().__init__()
        self.status = status
        """What the command ends with."""


def wrong_usage(message: str) -> CommandError:
    """Return the error of a command that was given something it cannot use; nothing was sent."""
    return CommandError(message, WRONG_USAGE)
