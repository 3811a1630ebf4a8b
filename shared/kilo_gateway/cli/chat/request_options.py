"""Options of the request, `-o NAME=VALUE`, held to the core's table before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.chat.option_spelling import parse_option
from kilo_gateway.cli.statuses import wrong_usage
from kilo_gateway.request.option_checks import check_options
from kilo_gateway.request.options import OPTIONS, SHAPED

if TYPE_CHECKING:
    from collections.abc import Sequence


def read_options(words: Sequence[str], *, level: str | None, has_schema: bool, has_tools: bool) -> dict[str, Any]:
    """Return the options that the words mean.

    Raises:
        CommandError: one that another option of the command decides.
        InvalidRequestError: an unknown one, or a value of the wrong kind.
    """
    given = dict(parse_option(word) for word in words)
    decided = (
        ("reasoning", level is not None, "--reasoning"),
        ("reasoning_effort", level is not None, "--reasoning"),
        ("response_format", has_schema, "--schema"),
        ("tools", has_tools, "--tool"),
    )
    for name, is_decided, option in decided:
        if is_decided and name in given:
            raise wrong_usage(f"{option} and -o {name} cannot be given together. Give one of them.")
    check_options({name: value for name, value in given.items() if name not in SHAPED}, known=OPTIONS, also=SHAPED)
    return given
