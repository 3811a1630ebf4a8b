"""All that is known about one model, and who hosts it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.model_rows import abilities, lab_of, model_object, price_object, render_price
from kilo_gateway.cli.streams import text_width
from kilo_gateway.cli.tables import Column, render_count, write_fact, write_table
from kilo_gateway.cli.text import wrap
from kilo_gateway.errors import KiloError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kilo_gateway.catalog.models import ModelInfo
    from kilo_gateway.catalog.providers import ModelEndpoint
    from kilo_gateway.cli.streams import Output
    from kilo_gateway.client import KiloClient

_COLUMNS = (
    Column("provider"),
    Column("tag", goes=1),
    Column("context", is_number=True),
    Column("output", is_number=True, goes=2),
    Column("$/M in", is_number=True),
    Column("$/M out", is_number=True),
)


def known_endpoints(client: KiloClient, model: ModelInfo) -> Sequence[ModelEndpoint] | None:
    """Return who hosts a model; None when the gateway does not tell."""
    try:
        return client.model_endpoints(model.id)
    except KiloError:
        return None


def page_object(model: ModelInfo, endpoints: Sequence[ModelEndpoint] | None) -> dict[str, Any]:
    """Return the model for scripts."""
    return {
        **model_object(model),
        "description": model.description,
        "created": model.created,
        "supported_parameters": None if model.supported_parameters is None else list(model.supported_parameters),
        "endpoints": None if endpoints is None else [_endpoint_object(one) for one in endpoints],
    }


def _endpoint_object(endpoint: ModelEndpoint) -> dict[str, Any]:
    return {
        "provider": endpoint.provider,
        "tag": endpoint.tag,
        "contextWindow": endpoint.context_length,
        "maxTokens": endpoint.max_completion_tokens,
        "price": price_object(endpoint.pricing),
    }


def write_page(out: Output, model: ModelInfo, endpoints: Sequence[ModelEndpoint] | None) -> None:
    """Write the model for people: a name and a value a line, then its providers."""
    for name, value in _facts(model):
        write_fact(out, f"{name}: {value}")
    if endpoints is None:
        out.line("providers: not told")
        return
    out.line(f"providers: {len(endpoints)}")
    rows = [
        (
            one.provider,
            one.tag or "",
            render_count(one.context_length),
            render_count(one.max_completion_tokens),
            render_price(one.pricing.prompt),
            render_price(one.pricing.completion),
        )
        for one in endpoints
    ]
    if rows:
        write_table(out, _COLUMNS, rows)
    if model.description and out.is_terminal:
        out.line()
        out.line("\n".join(wrap(model.description, text_width())))


def _facts(model: ModelInfo) -> Iterator[tuple[str, str]]:
    prices = model.pricing
    named = {"in": prices.prompt, "out": prices.completion, "cache read": prices.cache_read}
    named |= {"cache write": prices.cache_write}
    shown = ", ".join(f"{name} {render_price(price)}" for name, price in named.items() if price is not None)
    yield "id", model.id
    yield "name", model.name
    yield "lab", lab_of(model) or "?"
    yield "context", render_count(model.context_length)
    yield "output", render_count(model.max_completion_tokens)
    yield "$/M", shown or "?"
    yield "free", "?" if model.is_free is None else "yes" if model.is_free else "no"
    yield "can", ", ".join(abilities(model)) or "text"
    if model.created:
        yield "created", datetime.fromtimestamp(model.created, UTC).date().isoformat()
    if model.supported_parameters:
        yield "parameters", ", ".join(model.supported_parameters)
    yield "source", model.source
