"""Models chosen, sorted, and shown as rows: a table for people, objects for scripts. Asks no gateway."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.tables import Column, render_count, write_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from kilo_gateway.catalog.models import ModelInfo
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.cli.streams import Output

_COLUMNS: Final = (
    Column("id"),
    Column("context", is_number=True),
    Column("output", is_number=True, goes=3),
    Column("$/M in", is_number=True),
    Column("$/M out", is_number=True, goes=4),
    Column("can", goes=2),
    Column("source", goes=1),
)
_NEAREST: Final = 3


@dataclass(frozen=True, slots=True)
class Filters:
    """What a model must be."""

    search: str = ""
    free: bool = False
    tools: bool = False
    vision: bool = False
    reasoning: bool = False
    max_price: float | None = None
    """USD for a million input tokens."""
    min_context: int | None = None
    lab: str | None = None

    def pass_model(self, model: ModelInfo) -> bool:
        """Return whether a model is all of that; what is unknown is not."""
        price, context = model.pricing.prompt, model.context_length
        return all(
            (
                self.search.lower() in f"{model.id} {model.name}".lower(),
                not self.free or model.is_free is True,
                not self.tools or model.tools is True,
                not self.vision or "image" in (model.inputs or ()),
                not self.reasoning or model.reasoning is True,
                self.max_price is None or (price is not None and price <= _exact(self.max_price)),
                self.min_context is None or (context is not None and context >= self.min_context),
                self.lab is None or (lab_of(model) or "").lower() == self.lab.lower().rstrip("/"),
            )
        )


def _exact(price: float) -> Decimal:
    from decimal import Decimal  # noqa: PLC0415 - for one comparison

    return Decimal(str(price))


def lab_of(model: ModelInfo) -> str | None:
    """Return who made a model, as its id says."""
    lab, slash, _ = model.id.partition("/")
    return lab if slash else None


def sort_models(models: list[ModelInfo], order: str | None) -> list[ModelInfo]:
    """Return the models in an order, in the gateway's own without one; what is unknown comes last."""
    return models if order is None else sorted(models, key=_ORDERS[order])


def _prices(model: ModelInfo) -> tuple[float, ...]:
    prices = (model.pricing.prompt, model.pricing.completion)
    return tuple(float("inf") if price is None else float(price) for price in prices)


_ORDERS: Final[Mapping[str, Callable[[ModelInfo], Any]]] = {
    "id": lambda model: model.id.lower(),
    "price": _prices,
    "context": lambda model: -(model.context_length or 0),
    "new": lambda model: -(model.created or 0),
}
"""Order -> what models are sorted by."""


def nearest_ids(word: str, models: Iterable[ModelInfo]) -> list[str]:
    """Return up to three ids that look most like a word: as a whole, or by what follows the lab."""
    wanted = word.strip().lower().removeprefix("kilocode/")[:100]
    tail = wanted.rpartition("/")[2]
    scores: dict[str, float] = {}
    for model in models:
        known = model.id.lower()
        pairs = ((wanted, known), (tail, known.rpartition("/")[2]))
        scores[model.id] = max(difflib.SequenceMatcher(None, a, b).ratio() for a, b in pairs)
    best = sorted(scores, key=lambda model_id: -scores[model_id])[:_NEAREST]
    return [model_id for model_id in best if scores[model_id] >= 0.4]  # noqa: PLR2004 - less is no likeness


def models_table(out: Output, models: Iterable[ModelInfo]) -> None:
    """Write a row for each model; a question mark stands for what the list does not say."""
    rows = [
        (
            model.id,
            render_count(model.context_length),
            render_count(model.max_completion_tokens),
            render_price(model.pricing.prompt),
            render_price(model.pricing.completion),
            ", ".join(abilities(model)),
            model.source,
        )
        for model in models
    ]
    write_table(out, _COLUMNS, rows)


def abilities(model: ModelInfo) -> list[str]:
    """Return what a model can do beside answering in text; `?` where the list does not say."""
    words = [word for word in model.inputs or () if word != "text"]
    known = [word for word, can in (("tools", model.tools), ("reasoning", model.reasoning)) if can]
    return words + known + (["?"] if model.tools is None or model.reasoning is None else [])


def render_price(value: Decimal | None) -> str:
    """Return USD per million tokens; `?` when unknown."""
    return "?" if value is None else f"{value.normalize():f}"


def price_object(pricing: Pricing) -> dict[str, float | None]:
    """Return the prices for scripts, in USD per million tokens; null is unknown."""
    named = (
        ("input", pricing.prompt),
        ("output", pricing.completion),
        ("cacheRead", pricing.cache_read),
        ("cacheWrite", pricing.cache_write),
    )
    return {name: None if price is None else float(price) for name, price in named}


def model_object(model: ModelInfo) -> dict[str, Any]:
    """Return a model for scripts: the row of the provider page, and what that leaves out."""
    return {
        **model.provider_row(),
        "output": None if model.outputs is None else list(model.outputs),
        "tools": model.tools,
        "free": model.is_free,
        "lab": lab_of(model),
        "price": price_object(model.pricing),
        "source": model.source,
    }
