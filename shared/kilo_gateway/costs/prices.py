"""What a request can cost at the most: its body and its model's prices in, USD out. Decides; never asks anybody."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kilo_gateway.costs.bounds import ESTIMATED_MEDIA_TOKENS, images, linked_media, output_bound
from kilo_gateway.costs.budget import bound_of_cost
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.jsontext import dumps
from kilo_gateway.request.families import is_free_id, rules_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.prices import Pricing


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
