"""What went wrong -> one line for people, one object for scripts, the exit status. Shows no class and no traceback."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.rewording import reword
from kilo_gateway.cli.statuses import CREDITS, FAILED, KEY, TRY_LATER, WRONG_USAGE, CommandError
from kilo_gateway.cli.text import render_json_line, show_on_one_line

if TYPE_CHECKING:
    from kilo_gateway.errors import KiloError


@dataclass(frozen=True, slots=True)
class Failure:
    """How a command failed."""

    message: str
    """What happened and what to do, in sentences."""
    exit_status: int
    kind: str
    """A word for scripts, such as `rate_limit`."""
    status: int | None = None
    """The HTTP status."""
    code: str | int | None = None
    """The gateway's own code."""
    retry: str = "never"
    """`soon`, `later` or `never`."""
    partial: str | None = None
    """What had arrived of an answer."""

    def line(self) -> str:
        """Return the line for people."""
        return f"error: {show_on_one_line(self.message)}"

    def describe(self) -> dict[str, Any]:
        """Return the object for scripts."""
        return {
            "type": self.kind,
            "message": self.message,
            "status": self.status,
            "code": self.code,
            "retry": self.retry,
            "partial": self.partial,
        }

    def json(self) -> str:
        """Return the line for scripts."""
        return render_json_line({"error": self.describe()})


def failure_of(error: Exception) -> Failure:
    """Return how an exception ends a command; what nobody thought of is raised again in Python's dev mode."""
    if isinstance(error, CommandError):
        return Failure(error.message, error.status, error.kind, partial=error.partial)
    if isinstance(error, OSError):
        return _failure_of_system(error)
    from kilo_gateway.errors import KiloError  # noqa: PLC0415 - help and completion need no core

    if isinstance(error, KiloError):
        return _failure_of_kilo(error)
    if sys.flags.dev_mode:
        raise error
    what = f"{error}".rstrip(".") or "no reason was given"
    return Failure(f"Something went wrong inside kilo-gateway: {what}. Report it, please.", FAILED, "internal")


def _failure_of_system(error: OSError) -> Failure:
    where = f"{error.filename}: " if error.filename is not None else ""
    what = error.strerror or str(error) or "the system refused"
    return Failure(f"{where}{what}. Check the path, the permissions and the space that is left.", FAILED, "system")


def _failure_of_kilo(error: KiloError) -> Failure:
    status = getattr(error, "status", None)
    return Failure(
        message=reword(error.message),
        exit_status=exit_status_of(error),
        kind=_kind_of(type(error).__name__),
        status=status,
        code=getattr(error, "code", None),
        retry=error.retry,
        partial=error.partial.text if error.partial is not None else None,
    )


def exit_status_of(error: KiloError) -> int:
    """Return the exit status that an error means."""
    from kilo_gateway import errors  # noqa: PLC0415 - help and completion need no core

    by_class = (
        ((errors.MissingKeyError, errors.AuthenticationError), KEY),
        ((errors.InsufficientCreditsError, errors.BudgetExceededError), CREDITS),
        ((errors.SetupError,), WRONG_USAGE),
        ((errors.TransportError, errors.TruncatedStreamError), TRY_LATER),
        ((errors.AnswerError,), FAILED),
    )
    for classes, exit_status in by_class:
        if isinstance(error, classes):
            return exit_status
    return _exit_status_of_http(getattr(error, "status", None), error.retry)


def _exit_status_of_http(status: int | None, retry: str) -> int:
    if status is None:
        return FAILED if retry == "never" else TRY_LATER
    if status == HTTPStatus.UNAUTHORIZED:
        return KEY
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return CREDITS
    is_later = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
    return TRY_LATER if is_later else FAILED


def _kind_of(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name.removesuffix("Error")).lower()
