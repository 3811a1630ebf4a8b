"""The base of every error of this package. Knows none of its classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kilo_gateway.errors.text import one_line

if TYPE_CHECKING:
    from kilo_gateway.answer.completion import Completion

Advice = Literal["soon", "later", "never"]
"""When the same request may succeed: after seconds, after minutes, or not at all."""

_LONGEST_MESSAGE = 2000


class KiloError(Exception):
    """The base of every error of this package.

    `str(error)` says what failed, with which model, and what to do: one printable line of at most 2,000 characters,
    whatever it quotes. No error holds a key.
    """

    retry: Advice = "never"
    """When the same request may succeed."""
    retry_after_seconds: float | None = None
    """The wait that the gateway asked for, in seconds; None when it named none."""
    partial: Completion | None = None
    """What had arrived before the error, on a call that had begun to answer."""
    was_tried_again: bool = False
    """Whether this package has waited and tried already: `max_retries` is above 0, and no answer had begun."""

    def __init__(self, message: str, *, model: str | None = None) -> None:
        message = one_line(message, _LONGEST_MESSAGE)
        super().__init__(message)
        self.message = message
        self.model = model

    @property
    def is_retryable(self) -> bool:
        """Whether whoever catches this should try the same request again within seconds.

        False for what will not change, and False once `max_retries` is used up: this package has waited and tried
        already, and a wrapper would multiply the tries. With `max_retries=0`, and after an answer had begun to stream,
        True for a failure that may pass.
        """
        return self.retry == "soon" and not self.was_tried_again

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={value!r}" for name in _SHOWN if (value := getattr(self, name, None)) is not None)
        return f"{type(self).__name__}({self.message!r}, {facts})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from the attributes, so that an error survives a process pool. An HTTP response stays behind."""
        return _rebuild, (type(self), self.args, {k: v for k, v in self.__dict__.items() if k != "response"})


_SHOWN = ("model", "status", "retry")
"""What `repr` shows beside the message."""


def _rebuild(cls: type[KiloError], args: tuple[Any, ...], state: dict[str, Any]) -> KiloError:
    error = cls.__new__(cls, *args)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error
