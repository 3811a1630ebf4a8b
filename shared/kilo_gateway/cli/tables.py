"""Tables for the terminal: settings and models. Only shows what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from kilo_gateway import ModelInfo


def settings_table(described: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the settings with their values and where each came from."""
    table = Table("setting", "value", "from")
    for name, row in described.items():
        value = row["value"]
        table.add_row(name, "-" if value is None or value == {} else escape(str(value)), escape(str(row["from"])))
    return table


def models_table(models: Iterable[ModelInfo]) -> Table:
    """Return the models with context, output limit, capabilities and prices in USD per million tokens."""
    table = Table("ref", "context", "output", "inputs", "tools", "reasoning", "$/M in", "$/M out")
    for model in models:
        table.add_row(
            escape(model.ref),
            _count(model.context_length),
            _count(model.max_completion_tokens),
            ", ".join(model.inputs or ()) or "?",
            _word(model.tools),
            _word(model.reasoning),
            _price(model.pricing.prompt),
            _price(model.pricing.completion),
        )
    return table


def _count(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _word(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[value]


def _price(value: Decimal | None) -> str:
    return "?" if value is None else f"{value.normalize():f}"
