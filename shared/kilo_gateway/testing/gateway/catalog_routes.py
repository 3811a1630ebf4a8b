"""The model list and what stands beside it. Reads the state's catalog; never changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.answer import Answer
from kilo_gateway.testing.gateway.model_ids import is_hosted_free

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.identity import Identity
    from kilo_gateway.testing.gateway.incoming import IncomingRequest
    from kilo_gateway.testing.gateway.state import GatewayState

_PROVIDER_NAMES = {"openai": "OpenAI", "mistralai": "Mistral", "x-ai": "xAI"}
_DATA_POLICY = {"training": False, "retainsPrompts": False, "canPublish": False}
_CACHED = {"cache-control": "public, max-age=0, s-maxage=60, stale-while-revalidate=60"}


def listed_models(state: GatewayState, identity: Identity) -> list[dict[str, Any]]:
    """Return the entries that this caller sees, preferred ones first."""
    organization = identity.organization
    rows = state.catalog
    if organization is not None and organization.allowed_models is not None:
        rows = [row for row in rows if str(row.get("id", "")).lower() in organization.allowed_models]
    rows = sorted(rows, key=lambda row: row["preferredIndex"] if isinstance(row.get("preferredIndex"), int) else 10**6)
    if identity.account is None:
        return rows
    return [{**row, "hasUserByokAvailable": identity.account.byok} for row in rows]


async def answer_models(incoming: IncomingRequest) -> Answer:
    """Answer GET /models; a bad key still gets the public list."""
    if incoming.state.options.models_failed:
        return incoming.refusal("models_failed")
    return Answer({"data": listed_models(incoming.state, incoming.identity)})


async def answer_model_endpoints(incoming: IncomingRequest) -> Answer:
    """Answer GET /models/{lab}/{name}/endpoints."""
    entry = incoming.state.entry(f"{incoming.parameters['lab']}/{incoming.parameters['name']}")
    if entry is None:
        return incoming.refusal("model_endpoints_404")
    endpoint = {
        "provider_name": "Kilo Embedded",
        "tag": "kilo-embedded",
        "context_length": entry.get("context_length"),
        "max_completion_tokens": (entry.get("top_provider") or {}).get("max_completion_tokens"),
        "pricing": entry.get("pricing"),
        "supported_parameters": entry.get("supported_parameters") or [],
    }
    known = {key: entry.get(key) for key in ("id", "name", "created", "description", "architecture")}
    return Answer({"data": {**known, "endpoints": [endpoint]}}, headers=_CACHED)


def _providers(state: GatewayState) -> list[dict[str, Any]]:
    """Return a row for each lab of the catalog, with the ids of its models."""
    ids_of: dict[str, list[str]] = {}
    for row in state.catalog:
        lab, _, name = str(row.get("id", "")).partition("/")
        if name and not lab.startswith("kilo"):
            ids_of.setdefault(lab, []).append(str(row["id"]))
    return [
        {
            "name": lab,
            "displayName": _PROVIDER_NAMES.get(lab, lab.title()),
            "slug": lab,
            "dataPolicy": {**_DATA_POLICY, "training": any(is_hosted_free(one, state) for one in ids)},
            "models": ids,
        }
        for lab, ids in ids_of.items()
    ]


async def answer_models_by_provider(incoming: IncomingRequest) -> Answer:
    """Answer GET /models-by-provider."""
    providers = _providers(incoming.state)
    if not providers:
        return incoming.refusal("models_by_provider_empty")
    total = sum(len(row["models"]) for row in providers)
    body = {"providers": providers, "total_providers": len(providers), "total_models": total}
    return Answer({**body, "generated_at": "2026-08-18T00:00:00.000Z"})


async def answer_providers(incoming: IncomingRequest) -> Answer:
    """Answer GET /providers, as a bare array or under `data`."""
    rows = [{key: value for key, value in row.items() if key != "models"} for row in _providers(incoming.state)]
    return Answer(rows if incoming.state.options.providers_shape == "array" else {"data": rows})
