"""The model list and what stands beside it. Reads the state's catalog; never changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error
from kilo_gateway.testing.gateway.identity import Identity, identify
from kilo_gateway.testing.gateway.models import is_hosted_free

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.gateway.sending import Exchange
    from kilo_gateway.testing.gateway.state import GatewayState

_NEWEST_ONLY = ("isFree", "mayTrainOnYourPrompts", "opencode", "autoRouting", "hasUserByokAvailable")
_PROVIDER_NAMES = {"amazon-bedrock": "Amazon Bedrock", "openai": "OpenAI", "google": "Google", "mistral": "Mistral"}
_DATA_POLICY = {"training": False, "retainsPrompts": False, "canPublish": False}


async def refuse(exchange: Exchange, error: ErrorAnswer) -> None:
    """Send a refusal."""
    await exchange.send_answer(error.status, error.body, headers=error.headers)


def listed_models(state: GatewayState, identity: Identity) -> list[dict[str, Any]]:
    """Return the entries that this caller sees, preferred ones first, in the version's schema."""
    organization = identity.organization
    rows = [row for row in state.catalog if not str(row.get("id", "")).endswith(":batch")]
    if organization is not None and organization.allowed_models is not None:
        rows = [row for row in rows if str(row.get("id", "")).lower() in organization.allowed_models]
    rows = sorted(rows, key=lambda row: row["preferredIndex"] if isinstance(row.get("preferredIndex"), int) else 10**6)
    if state.options.version == "2026-02":
        return [_february_entry(row) for row in rows]
    if identity.account is None:
        return rows
    return [{**row, "hasUserByokAvailable": identity.account.byok} for row in rows]


def _february_entry(row: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if key not in _NEWEST_ONLY}
    architecture = kept.get("architecture")
    if isinstance(architecture, dict) and kept.get("created") != _KILO_CREATED:
        kept["architecture"] = {key: value for key, value in architecture.items() if key != "modality"}
    return kept


_KILO_CREATED = 1756238927
"""The `created` of every model that the gateway itself lists."""


async def answer_models(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /models; a bad key still gets the public list."""
    if exchange.state.options.models_failed:
        await refuse(exchange, render_error("models_failed", exchange.version))
        return
    identity = identify(exchange.received.headers, exchange.state.accounts)
    await exchange.send_answer(200, {"data": listed_models(exchange.state, identity)})


async def answer_model_endpoints(exchange: Exchange, parameters: Mapping[str, str]) -> None:
    """Answer GET /models/{lab}/{name}/endpoints."""
    entry = exchange.state.entry(f"{parameters['lab']}/{parameters['name']}")
    if entry is None:
        await refuse(exchange, render_error("model_endpoints_404", exchange.version))
        return
    endpoint = {
        "provider_name": "Kilo Embedded",
        "tag": "kilo-embedded",
        "context_length": entry.get("context_length"),
        "max_completion_tokens": (entry.get("top_provider") or {}).get("max_completion_tokens"),
        "pricing": entry.get("pricing"),
        "supported_parameters": entry.get("supported_parameters") or [],
    }
    known = {key: entry.get(key) for key in ("id", "name", "created", "description", "architecture")}
    headers = {"cache-control": "public, max-age=0, s-maxage=60, stale-while-revalidate=60"}
    await exchange.send_answer(200, {"data": {**known, "endpoints": [endpoint]}}, headers=headers)


def _labs(state: GatewayState) -> dict[str, list[str]]:
    labs: dict[str, list[str]] = {}
    for row in state.catalog:
        lab, _, name = str(row.get("id", "")).partition("/")
        if name and not lab.startswith("kilo"):
            labs.setdefault(lab, []).append(str(row["id"]))
    return labs


async def answer_models_by_provider(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /models-by-provider."""
    labs = _labs(exchange.state)
    if not labs:
        error = render_error("models_by_provider_empty", "2026-02")
        await refuse(exchange, error)
        return
    providers = [
        {
            "name": lab,
            "displayName": _PROVIDER_NAMES.get(lab, lab.title()),
            "slug": lab,
            "dataPolicy": {**_DATA_POLICY, "training": any(is_hosted_free(one, exchange.state) for one in ids)},
            "models": ids,
        }
        for lab, ids in labs.items()
    ]
    total = sum(len(ids) for ids in labs.values())
    body = {"providers": providers, "total_providers": len(providers), "total_models": total}
    await exchange.send_answer(200, {**body, "generated_at": "2026-08-18T00:00:00.000Z"})


async def answer_providers(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /providers, as a bare array or under `data`."""
    rows = [
        {"name": _PROVIDER_NAMES.get(lab, lab.title()), "displayName": lab, "slug": lab, "dataPolicy": _DATA_POLICY}
        for lab in _labs(exchange.state)
    ]
    body: Any = rows if exchange.state.options.providers_shape == "array" else {"data": rows}
    await exchange.send_answer(200, body)
