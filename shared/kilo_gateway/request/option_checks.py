"""Whether options can be sent: their names, and what each must look like. An unknown name is refused, never dropped."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.errors.nearest import nearest_name
from kilo_gateway.request.options import ANYTHING, FLAG, LARGEST, LISTING, MAPPING, NUMBER, OPTIONS, TEXT, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kilo_gateway.request.options import Kind

_CHECKS: dict[Kind, Callable[[Any], bool]] = {
    NUMBER: lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    WHOLE: lambda value: isinstance(value, int) and not isinstance(value, bool),
    FLAG: lambda value: isinstance(value, bool),
    TEXT: lambda value: isinstance(value, str),
    MAPPING: lambda value: isinstance(value, Mapping),
    LISTING: lambda value: isinstance(value, (list, tuple)),
    ANYTHING: lambda _value: True,
}

HINTS = {
    "providerOptions": "provider",
    "functions": "tools",
    "function_call": "tool_choice",
    "stop_sequences": "stop",
    "max_output_tokens": "max_tokens",
    "thinking": "reasoning",
    "temp": "temperature",
    "stream_options": "extra_body",
}
"""What other APIs call an option -> its name here, for the message that refuses it."""


def check_options(
    options: Mapping[str, Any],
    *,
    known: Mapping[str, Kind] = OPTIONS,
    also: Iterable[str] = (),
    model: str | None = None,
) -> dict[str, Any]:
    """Return the options that have a value; None means not given.

    `known` is the table of a request's options. `also` names what the caller of this function accepts beside them, for
    the suggestion.

    Raises:
        InvalidRequestError: an unknown name, with the nearest known one; or a value of the wrong kind.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        kind = known.get(name)
        if kind is None:
            raise InvalidRequestError(unknown_option(str(name), [*known, *also]), model=model)
        if not _CHECKS[kind](value):
            raise InvalidRequestError(f"{name}={reprlib.repr(value)} is not usable: it must be {kind}.", model=model)
        if name in LARGEST and value > LARGEST[name]:
            raise InvalidRequestError(
                f"{name}={value} is more than the gateway takes ({LARGEST[name]}); lower it.", model=model
            )
    return given


def check_extra_body(extra: Any, *, reserved: Iterable[str], model: str) -> dict[str, Any]:
    """Return `extra_body` as a dict, {} for None; `reserved` are the names that are arguments instead.

    Raises:
        InvalidRequestError: not a mapping, or it holds a reserved name.
    """
    if extra is None:
        return {}
    if not isinstance(extra, Mapping):
        raise InvalidRequestError(f"extra_body must be a mapping, not a {type(extra).__name__}.", model=model)
    for name in reserved:
        if name in extra:
            raise InvalidRequestError(f"extra_body holds {name!r}; pass it as an argument instead.", model=model)
    return dict(extra)


def unknown_option(name: str, known: Iterable[str]) -> str:
    """Return the message for an option that does not exist, with the nearest one that does."""
    near = HINTS.get(name) or nearest_name(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    return f"There is no option {reprlib.repr(name)}.{hint} What has no option of its own goes into extra_body."
