"""The embedding models: what the gateway lists, and the full ids of the bare ones that people bring along.

GET /embedding-models, on servers since 2026-07. The gateway resolves no alias when vectors are asked for, so that the
aliases stand here too.
Source: the server, https://github.com/Kilo-Org/cloud (packages/web-shared, seen 2026-08).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from kilo_gateway.answer.choice import parse_word
from kilo_gateway.answer.usage import parse_count
from kilo_gateway.errors.nearest import nearest_name

ALIASES: Final[dict[str, str]] = {
    "text-embedding-3-small": "openai/text-embedding-3-small",
    "text-embedding-3-large": "openai/text-embedding-3-large",
    "text-embedding-ada-002": "openai/text-embedding-ada-002",
    "mistral-embed": "mistralai/mistral-embed-2312",
    "mistral-embed-2312": "mistralai/mistral-embed-2312",
    "codestral-embed": "mistralai/codestral-embed-2505",
    "codestral-embed-2505": "mistralai/codestral-embed-2505",
    "gemini-embedding-001": "google/gemini-embedding-001",
    "qwen3-embedding-8b": "qwen/qwen3-embedding-8b",
    "qwen3-embedding-4b": "qwen/qwen3-embedding-4b",
    "bge-m3": "baai/bge-m3",
    "all-minilm-l6-v2": "sentence-transformers/all-minilm-l6-v2",
}
"""Bare id, as its own lab or LangChain spells it -> the id that the gateway takes."""


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    """One embedding model; None is what the gateway does not say."""

    id: str
    name: str
    dimension: int | None = None
    """Numbers in a vector, unless `dimensions` asks for less."""
    is_fixed: bool = False
    """Whether `dimensions` cannot shorten the vectors."""


@dataclass(frozen=True, slots=True)
class EmbeddingCatalog:
    """The embedding models of the gateway, in its order."""

    models: tuple[EmbeddingModel, ...]
    default: str | None = None
    """The id that the gateway itself uses."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Short name, and the id that it stands for."""

    def get(self, name: str) -> EmbeddingModel | None:
        """Return the model of an id or an alias, without regard to case; None for an unknown one."""
        wanted = {**ALIASES, **dict(self.aliases)}.get(name.lower(), name).lower()
        return next((model for model in self.models if model.id.lower() == wanted), None)


def full_embedding_id(model_id: str) -> str:
    """Return the id that the gateway takes: that of a known bare one, else what was given."""
    return ALIASES.get(model_id.lower(), model_id)


def advise_embedding_id(model_id: str) -> str:
    """Return what to write in the place of an id that the gateway does not know."""
    known = {**ALIASES, **{full: full for full in ALIASES.values()}}
    near = nearest_name(model_id.lower(), known)
    if near is not None:
        return f"Did you mean {known[near]!r}?"
    return "" if "/" in model_id else "An id begins with its lab, as in 'openai/text-embedding-3-small'."


def parse_embedding_catalog(body: Any) -> EmbeddingCatalog:
    """Return the models of `{"defaultModel", "models": [{"id", "name", "dimension"}], "aliases": {short: id}}`.

    Raises: ValueError when it holds no list of models.
    """
    stated = body if isinstance(body, dict) else {}
    rows, aliases = stated.get("models"), stated.get("aliases")
    if not isinstance(rows, list):
        raise ValueError("holds no list of embedding models")  # noqa: TRY004 - what was sent, not how it was called
    models = (_parse_model(row) for row in rows if isinstance(row, dict))
    pairs = aliases.items() if isinstance(aliases, dict) else ()
    return EmbeddingCatalog(
        models=tuple(model for model in models if model is not None),
        default=parse_word(stated.get("defaultModel")),
        aliases=tuple((short.lower(), word) for short, full in pairs if (word := parse_word(full))),
    )


def _parse_model(row: dict[str, Any]) -> EmbeddingModel | None:
    model_id = parse_word(row.get("id"))
    if model_id is None:
        return None
    return EmbeddingModel(
        id=model_id,
        name=parse_word(row.get("name")) or model_id,
        dimension=parse_count(row.get("dimension")),
        is_fixed=row.get("dimensionMode") == "fixed",
    )
