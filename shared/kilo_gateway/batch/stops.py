"""What an error means for a batch: wait at the gate, try the request again, let it fail, or end the run. No I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from kilo_gateway.errors import (
    AuthenticationError,
    BatchStoppedError,
    BudgetExceededError,
    ConnectionFailedError,
    GatewayError,
    InsufficientCreditsError,
    MissingKeyError,
)

if TYPE_CHECKING:
    from kilo_gateway.errors import KiloError, StopReason

Meaning = Literal["busy", "again", "failed", "stop"]

_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_NO_CREDIT_WORDS: Final = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "insufficient_credits",
        "credit_limit_reached",
        "billing_not_active",
    }
)
"""What a 429 may say that no waiting mends."""


def meaning_of(error: KiloError) -> Meaning:
    """Return what follows from an error."""
    if stop_after(error) is not None:
        return "stop"
    if isinstance(error, GatewayError):
        if error.status in _BUSY:
            return "busy"
    elif isinstance(error, ConnectionFailedError) and not was_sent(error):
        return "busy"
    return "again" if error.retry == "soon" else "failed"


def was_sent(error: KiloError) -> bool:
    """Return whether the request may have reached the gateway, and may therefore have been billed."""
    if isinstance(error, BudgetExceededError):
        return False
    return not isinstance(error, ConnectionFailedError) or error.was_sent


def stop_after(error: KiloError) -> BatchStoppedError | None:
    """Return the error that ends the run, for what no further request of it can mend; None for all else."""
    if isinstance(error, BudgetExceededError):  # that of a tracker around the run
        return error
    if isinstance(error, (AuthenticationError, MissingKeyError)):
        return _stopped(error, "key")
    if isinstance(error, ConnectionFailedError) and not error.was_sent and error.retry == "never":
        return _stopped(error, "no_progress")  # such as a certificate of another name
    words = {str(getattr(error, name, None)).lower() for name in ("code", "error_type")}
    if isinstance(error, InsufficientCreditsError) or words & _NO_CREDIT_WORDS:
        return _stopped(error, "credits")
    return None


def _stopped(error: KiloError, reason: StopReason) -> BatchStoppedError:
    stop = BatchStoppedError(f"The run was stopped: {error.message}", reason=reason, model=error.model)
    stop.__cause__ = error
    return stop


def no_progress(seconds: float, refusal: KiloError | None) -> BatchStoppedError:
    """Return the error of a run in which nothing was answered for so long, with why the gateway took no request."""
    why = "" if refusal is None else f" {refusal.message}"
    stop = BatchStoppedError(
        f"The run was stopped: the gateway has answered nothing for {seconds:g} s.{why} Resume it later.",
        reason="no_progress",
    )
    stop.__cause__ = refusal
    return stop


def pause_too_long(seconds: float) -> BatchStoppedError:
    """Return the error of a run that would have to wait longer for the gateway than it may."""
    until = datetime.now(UTC).astimezone() + timedelta(seconds=seconds)
    return BatchStoppedError(
        f"The run was stopped: the gateway asks for a pause until {until:%Y-%m-%d %H:%M:%S}. Resume it then.",
        reason="no_progress",
    )


def too_many_errors(count: int) -> BatchStoppedError:
    """Return the error of a run in which as many requests failed as may."""
    failed = "1 request" if count == 1 else f"{count} requests"
    return BatchStoppedError(
        f"The run was stopped: {failed} failed. See why in the output, then resume it.", reason="errors"
    )


def interrupted() -> BatchStoppedError:
    """Return the error of a run that somebody ended."""
    return BatchStoppedError("The run was interrupted. It can be resumed.", reason="interrupted")
