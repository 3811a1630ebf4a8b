"""POST /embeddings and the list of embedding models. The vectors come from hashed words; see the brain."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.brain.tokens import count_tokens
from kilo_gateway.testing.brain.vectors import embed_text
from kilo_gateway.testing.data_files import load_table
from kilo_gateway.testing.gateway.catalog_routes import refuse
from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error
from kilo_gateway.testing.gateway.identity import Identity, identify, resolve_feature
from kilo_gateway.testing.gateway.policy import credits_refusal
from kilo_gateway.testing.gateway.steps import json_bytes
from kilo_gateway.testing.gateway.usage import price

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.gateway.sending import Exchange
    from kilo_gateway.testing.options import Version


async def answer_embedding_models(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /embedding-models."""
    table = load_table("embedding_models")
    identity = identify(exchange.received.headers, exchange.state.accounts)
    models = table["models"]
    organization = identity.organization
    if organization is not None and organization.allowed_models is not None:
        models = [row for row in models if row["id"] in organization.allowed_models]
        if not models:
            await refuse(exchange, render_error("embedding_models_org_empty", exchange.version))
            return
    body = {"defaultModel": table["defaultModel"], "models": models, "aliases": table["aliases"]}
    await exchange.send_answer(200, body)


def _row(model: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = load_table("embedding_models")["models"]
    return next((row for row in rows if row["id"] == model.strip().lower()), None)


def _refusal(body: Any, identity: Identity, client_ip: str | None, version: Version) -> ErrorAnswer | None:
    if not isinstance(body, dict) or body.get("input") is None:
        return render_error("invalid_request", version)
    model = body.get("model")
    if not isinstance(model, str) or not model.strip():
        return render_error("model_missing", version)
    if not client_ip:
        return render_error("missing_client_ip", version)
    if identity.presented and identity.account is None:
        return render_error("invalid_token", version)
    if identity.account is None:
        return render_error("paid_model_auth_required", version)
    organization = identity.organization
    allowed = organization.allowed_models if organization is not None else None
    if allowed is not None and model.strip().lower() not in allowed:
        return render_error("model_not_allowed", version)
    row = _row(model)
    if row is None:
        return render_error("model_unknown_openrouter", version, fill={"<id>": model})
    return credits_refusal(identity, version) or _dimensions_refusal(body, row, version)


def _dimensions_refusal(body: dict[str, Any], row: dict[str, Any], version: Version) -> ErrorAnswer | None:
    wanted = body.get("dimensions")
    if wanted is None:
        return None
    limit = row["dimension"]
    is_fixed = row.get("dimensionMode") == "fixed"
    is_good = isinstance(wanted, int) and 0 < wanted <= limit and not (is_fixed and wanted != limit)
    if is_good:
        return None
    answer = render_error("embedding_dimensions", version, fill={"<model name>": row["name"], "1536": str(limit)})
    if is_fixed:
        answer.body["error"]["message"] = f"{row['name']} returns {limit}-dimensional embeddings only."
    return answer


def _inputs(value: Any) -> list[str]:
    """Return the texts to embed: a string, strings, token ids, or lists of token ids."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        return [str(value)]
    if value and all(isinstance(one, int) for one in value):
        return [" ".join(map(str, value))]
    return [" ".join(map(str, one)) if isinstance(one, list) else str(one) for one in value]


async def answer_embeddings(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer POST /embeddings."""
    received, state = exchange.received, exchange.state
    identity = identify(received.headers, state.accounts)
    feature = resolve_feature(received.headers, exchange.version, default="embeddings")
    received.facts.update(feature=feature, user_id=identity.account.user_id if identity.account else None)
    refusal = _refusal(received.body, identity, state.options.client_ip, exchange.version)
    if refusal is not None:
        await refuse(exchange, refusal)
        return
    body: dict[str, Any] = received.body
    dropped = ("user", "output_dtype", "output_dimension")
    received.forwarded = {key: value for key, value in body.items() if key not in dropped}
    data = await asyncio.to_thread(_render_vectors, body)
    await exchange.send_answer(200, data, base=exchange.relayed_headers("application/json"))


def _render_vectors(body: dict[str, Any]) -> bytes:
    row = _row(body["model"]) or {}
    size = body.get("dimensions") or row["dimension"]
    texts = _inputs(body["input"])
    as_base64 = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        vector: Any = embed_text(text, size)
        if as_base64:
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(count_tokens(text) for text in texts)
    usage: dict[str, Any] = {"prompt_tokens": tokens, "total_tokens": tokens}
    per_token = price({"pricing": {"prompt": load_table("embedding_models")["prices"].get(row["id"])}}, "prompt")
    if per_token is not None:
        usage["cost"] = float(per_token * tokens)
    return json_bytes({"object": "list", "data": data, "model": row["id"], "usage": usage})
