"""Options that several commands share, and the client that they mean."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import click

from kilo_gateway.cli.completion import complete_models

if TYPE_CHECKING:
    from kilo_gateway.client import KiloClient


_MOST: Final = 1_000_000_000
"""More than anybody needs, and what clocks, sockets and databases can still take."""


class Number(click.ParamType):  # type: ignore[type-arg] # generic in new versions of click only
    """A number within bounds, whole unless `is_whole` is false."""

    name = "n"

    def __init__(
        self,
        least: float | None = None,
        most: float = _MOST,
        *,
        above: float | None = None,
        is_whole: bool = True,
    ) -> None:
        self._least = least
        self._most = most
        self._above = above
        self._is_whole = is_whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; what is none, or lies outside, is wrong usage."""
        try:
            number = int(value) if self._is_whole else float(value)
        except ValueError:
            number = math.nan
        if number != number:  # noqa: PLR0124 - so is NaN
            self.fail(f"{value!r} is no {'whole ' if self._is_whole else ''}number", param, ctx)
        if self._least is not None and number < self._least:
            self.fail(f"{value} is less than {self._least:g}", param, ctx)
        if self._above is not None and number <= self._above:
            self.fail(f"{value} is not more than {self._above:g}", param, ctx)
        if number > self._most:
            self.fail(f"{value} is more than {self._most}", param, ctx)
        return number


base_url_option = click.option("--base-url", metavar="URL", help="Another gateway, such as the embedded one.")
model_option = click.option(
    "-m",
    "--model",
    metavar="REF",
    shell_complete=complete_models,
    help="The model; default KILOCODE_MODEL, else kilocode/kilo/auto.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON on stdout, and nothing else.")


def open_client(**settings: Any) -> KiloClient:
    """Return a client with these settings over the environment's.

    Raises:
        SetupError: a setting that cannot work.
    """
    from kilo_gateway.client import KiloClient  # noqa: PLC0415 - takes longer to import than help may take

    return KiloClient(**settings)
