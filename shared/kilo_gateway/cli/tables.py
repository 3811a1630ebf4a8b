"""Tables for the terminal: settings and models. Only shows what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from kilo_gateway import ModelInfo


def settings_table(described: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the settings with their values and where each came from."""
    table = Table("setting", Column("value", overflow="fold"), Column("from", overflow="fold"))
    for name, row in described.items():
        value = row["value"]
        table.add_row(name, "-" if value is None or value == {} else escape(str(value)), escape(str(row["from"])))
    return table


def models_table(models: Iterable[ModelInfo]) -> Table:
    """Return the models with limits in tokens, prices in USD per million tokens in and out, and what they can do.

    A question mark stands for what the list does not say.
    """
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("context", "output", "$/M in", "$/M out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("can")
    for model in models:
        table.add_row(
            escape(model.id),
            _count(model.context_length),
            _count(model.max_completion_tokens),
            _price(model.pricing.prompt),
            _price(model.pricing.completion),
            ", ".join(_abilities(model)),
        )
    return table


def _abilities(model: ModelInfo) -> list[str]:
    words = [word for word in model.inputs or () if word != "text"]
    known = [word for word, can in (("tools", model.tools), ("reasoning", model.reasoning)) if can]
    return words + known + (["?"] if model.tools is None or model.reasoning is None else [])


def _count(value: int | None) -> str:
    if value is None:
        return "?"
    return f"{value / 1e6:g}M" if value >= 1_000_000 else f"{value / 1e3:g}k"  # noqa: PLR2004 - a million


def _price(value: Decimal | None) -> str:
    return "?" if value is None else f"{value.normalize():f}"
