"""POST /embeddings and the list of embedding models. The vectors come from hashed words; see the built-in models."""

from __future__ import annotations

import asyncio
import base64
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.tokens import count_tokens
from kilo_gateway.testing.builtin_models.vectors import embed_text
from kilo_gateway.testing.data_files import load_table
from kilo_gateway.testing.gateway.answer import Answer, json_bytes
from kilo_gateway.testing.gateway.checks import check_credits

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.incoming import IncomingRequest

_DROPPED = ("user", "output_dtype", "output_dimension")


async def answer_embedding_models(incoming: IncomingRequest) -> Answer:
    """Answer GET /embedding-models."""
    table, organization = load_table("embedding_models"), incoming.identity.organization
    models = table["models"]
    if organization is not None and organization.allowed_models is not None:
        models = [row for row in models if row["id"] in organization.allowed_models]
    if not models:
        return incoming.refusal("embedding_models_org_empty")
    return Answer({"defaultModel": table["defaultModel"], "models": models, "aliases": table["aliases"]})


async def answer_embeddings(incoming: IncomingRequest) -> Answer:
    """Answer POST /embeddings."""
    received = incoming.received
    refusal = _refusal(incoming, received.body)
    if refusal is not None:
        return refusal
    body: dict[str, Any] = received.body
    received.forwarded = {key: value for key, value in body.items() if key not in _DROPPED}
    return Answer(await asyncio.to_thread(_render_vectors, body), is_relayed=True)


def _row(model: str) -> dict[str, Any] | None:
    rows: list[dict[str, Any]] = load_table("embedding_models")["models"]
    return next((row for row in rows if row["id"] == model.strip().lower()), None)


def _refusal(incoming: IncomingRequest, body: Any) -> Answer | None:
    if not isinstance(body, dict) or body.get("input") is None:
        return incoming.refusal("invalid_request")
    model, identity = body.get("model"), incoming.identity
    if not isinstance(model, str) or not model.strip():
        return incoming.refusal("model_missing")
    if not incoming.state.options.client_ip:
        return incoming.refusal("missing_client_ip")
    if identity.account is None:
        return incoming.refusal("invalid_token" if identity.is_presented else "paid_model_auth_required")
    allowed = identity.organization.allowed_models if identity.organization is not None else None
    if allowed is not None and model.strip().lower() not in allowed:
        return incoming.refusal("model_not_allowed")
    row = _row(model)
    if row is None:
        return incoming.refusal("model_unknown_openrouter", fill={"<id>": model})
    return check_credits(incoming) or _dimensions_refusal(incoming, body.get("dimensions"), row)


def _dimensions_refusal(incoming: IncomingRequest, wanted: Any, row: dict[str, Any]) -> Answer | None:
    limit, is_fixed = row["dimension"], row.get("dimensionMode") == "fixed"
    if wanted is None or (isinstance(wanted, int) and 0 < wanted <= limit and not (is_fixed and wanted != limit)):
        return None
    refusal = incoming.refusal("embedding_dimensions", fill={"<model name>": row["name"], "1536": str(limit)})
    if is_fixed:
        refusal.body["error"]["message"] = f"{row['name']} returns {limit}-dimensional embeddings only."
    return refusal


def _inputs(value: Any) -> list[str]:
    """Return the texts to embed: a string, strings, token ids, or lists of token ids."""
    if not isinstance(value, list):
        return [str(value)]
    if value and all(isinstance(one, int) for one in value):
        return [" ".join(map(str, value))]
    return [" ".join(map(str, one)) if isinstance(one, list) else str(one) for one in value]


def _render_vectors(body: dict[str, Any]) -> bytes:
    row = _row(body["model"]) or {}
    size = body.get("dimensions") or row["dimension"]
    texts = _inputs(body["input"])
    data = []
    for index, text in enumerate(texts):
        vector: Any = embed_text(text, size)
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(count_tokens(text) for text in texts)
    cost = float(Decimal(load_table("embedding_models")["prices"][row["id"]]) * tokens)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens, "cost": cost}
    return json_bytes({"object": "list", "data": data, "model": row["id"], "usage": usage})
