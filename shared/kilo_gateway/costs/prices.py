"""What a request can cost at the most: its body and its model's prices in, USD out. Decides; never asks anybody."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from kilo_gateway.costs.bounds import ESTIMATED_MEDIA_TOKENS, images, linked_media, output_bound
from kilo_gateway.costs.exact import EXACT
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.jsontext import dumps
from kilo_gateway.request.families import is_free_id, rules_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.prices import Pricing

_PER_MILLION = Decimal(1_000_000)


def listed_price(catalog: Catalog, model_id: str) -> Pricing | None:
    """Return the prices of a model, as a catalog has them; None where they are unknown.

    What an auto id costs depends on the model that the gateway chooses; a list that states a price, or none, for the
    id itself says nothing of that.
    """
    model = catalog.get(model_id)
    if model is None or (rules_for(model_id).is_auto and not is_free_id(model_id)):
        return None
    return model.pricing


def bound_of_body(body: Mapping[str, Any], pricing: Pricing | None, *, ref: str, has_output: bool) -> Decimal:
    """Return the most that a request can cost, in USD; `has_output` is False for embeddings.

    Raises:
        InvalidSettingError: the price of the model is unknown.
    """
    bound = None
    if pricing is not None:
        if not has_output and pricing.completion is None:
            pricing = pricing.model_copy(update={"completion": Decimal(0)})
        bound = bound_of_cost(
            pricing,
            body_bytes=len(dumps(body)) + linked_media(body) * ESTIMATED_MEDIA_TOKENS,
            output_tokens=output_bound(body) if has_output else 0,
            images=images(body),
        )
    if bound is None:
        raise InvalidSettingError(
            f"The price of model {ref!r} is not known, so a budget cannot hold: state a price, or run without a budget."
        )
    return bound


def bound_of_cost(pricing: Pricing, *, body_bytes: int, output_tokens: int, images: int = 0) -> Decimal | None:
    """Return the most that a request can cost, in USD; None where a price is unknown.

    No tokenizer makes more tokens than there are bytes, so the body's bytes bound the input. `output_tokens` are those
    of all answers together. A price of what is cached is at most twice the price of input, and is not added.
    """
    if pricing.prompt is None or pricing.completion is None:
        return None
    dearest_input = max(pricing.prompt, pricing.cache_write or 0)
    dearest_output = max(pricing.completion, pricing.internal_reasoning or 0)
    with localcontext(EXACT):
        tokens = dearest_input * body_bytes + dearest_output * output_tokens
        return tokens / _PER_MILLION + (pricing.request or 0) + (pricing.image or 0) * images
