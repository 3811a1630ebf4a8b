"""Who hosts models: the providers of one model with their prices, all providers, and the models that each has.

GET /models/{id}/endpoints, GET /providers and GET /models-by-provider.
Source: the server, https://github.com/Kilo-Org/cloud d0ce2a8 (2026-02-22); the endpoints of a model since 2026-07.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kilo_gateway.answer.choice import parse_object, parse_word
from kilo_gateway.answer.usage import parse_count
from kilo_gateway.catalog.prices import Pricing, parse_pricing


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """One provider of one model; None is what the gateway does not say."""

    provider: str
    """The provider's display name."""
    tag: str | None = None
    """What `provider.only` and `provider.order` of a request call it."""
    context_length: int | None = None
    """Tokens of input and output together."""
    max_completion_tokens: int | None = None
    """Most output tokens."""
    pricing: Pricing = field(default_factory=Pricing)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    """The entry as sent."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody who hosts models; None is what the gateway does not say."""

    slug: str
    """What routing options call it."""
    name: str
    """The display name."""
    trains_on_prompts: bool | None = None
    retains_prompts: bool | None = None
    models: tuple[str, ...] | None = None
    """Ids of the models that it hosts; None where they were not asked for."""
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    """The entry as sent."""


def parse_endpoints(body: Any) -> tuple[ModelEndpoint, ...]:
    """Return the providers of `{"data": {"endpoints": [entry, ...]}}`; entries without a name are left out.

    Raises: ValueError when it holds no list of endpoints.
    """
    data = body.get("data") if isinstance(body, dict) else None
    entries = data.get("endpoints") if isinstance(data, dict) else None
    return tuple(
        ModelEndpoint(
            provider=name,
            tag=parse_word(entry.get("tag")),
            context_length=parse_count(entry.get("context_length")),
            max_completion_tokens=parse_count(entry.get("max_completion_tokens")),
            pricing=parse_pricing(parse_object(entry.get("pricing"))),
            raw=entry,
        )
        for entry in _entries(entries, "endpoints")
        if (name := parse_word(entry.get("provider_name")) or parse_word(entry.get("name")))
    )


def parse_providers(body: Any) -> tuple[Provider, ...]:
    """Return the providers of a bare list, of `{"data": [...]}`, or of `{"providers": [...]}`, in its order.

    Raises: ValueError when it holds no list of providers.
    """
    rows = body
    if isinstance(body, dict):
        rows = body.get("providers", body.get("data"))
    return tuple(_parse_provider(entry, slug) for entry in _entries(rows, "providers") if (slug := _slug(entry)))


def _parse_provider(entry: dict[str, Any], slug: str) -> Provider:
    policy = parse_object(entry.get("dataPolicy"))
    models = entry.get("models")
    return Provider(
        slug=slug,
        name=parse_word(entry.get("displayName")) or parse_word(entry.get("name")) or slug,
        trains_on_prompts=_flag(policy.get("training")),
        retains_prompts=_flag(policy.get("retainsPrompts")),
        models=tuple(_model_ids(models)) if isinstance(models, list) else None,
        raw=entry,
    )


def _model_ids(models: list[Any]) -> list[str]:
    """Return the ids of a list of ids, or of entries that name their `slug` or `id`."""
    named = (model.get("slug") or model.get("id") if isinstance(model, dict) else model for model in models)
    return [word for model in named if (word := parse_word(model))]


def _slug(entry: dict[str, Any]) -> str | None:
    return parse_word(entry.get("slug")) or parse_word(entry.get("name"))


def _entries(rows: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(rows, list):
        raise ValueError(f"holds no list of {what}")  # noqa: TRY004 - what was sent, not how it was called
    return [row for row in rows if isinstance(row, dict)]


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
