"""The models known now: the gateway's list merged with the bundled one, and look-ups in it. Never touches the network.

An id that is not in a catalog is unknown, not refused.
"""

from __future__ import annotations

import logging
import reprlib
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.catalog.models import ModelInfo, Source, parse_model
from kilo_gateway.errors import InvalidModelError, MalformedAnswerError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.request.families import SUCCESSORS, is_free_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

logger = logging.getLogger("kilo_gateway")

AUTO_ENTRY: dict[str, Any] = {
    "id": "kilo/auto",
    "name": "Kilo Auto",
    "context_length": 1_000_000,
    "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
    "top_provider": {"max_completion_tokens": 128_000},
    "pricing": {"prompt": "0", "completion": "0", "input_cache_read": "0", "input_cache_write": "0"},
    "supported_parameters": ["max_tokens", "temperature", "tools", "reasoning", "include_reasoning"],
    "isFree": False,
}
"""The entry of the default model, whatever a gateway says about it: the provider page fixes these values."""


@dataclass(frozen=True, slots=True)
class CatalogOrigin:
    """Where the bundled catalog comes from."""

    source: str
    """Who stated its facts."""
    date: str | None = None
    """Its day, `YYYY-MM-DD`."""


@dataclass(frozen=True, eq=False, repr=False)
class Catalog:
    """Models in order, found by ref or id without regard to case; the first one of an id counts."""

    models: tuple[ModelInfo, ...]
    """Discovered models in the gateway's order, then the bundled ones it did not list."""
    is_live: bool = False
    """Whether the gateway's own list is part of this."""
    skipped: tuple[str, ...] = ()
    """Why entries of the list were left out, one sentence each."""
    origin: CatalogOrigin | None = None
    """Where the bundled catalog comes from; None for a live one."""
    _index: dict[str, ModelInfo] = field(init=False)

    def __post_init__(self) -> None:
        index: dict[str, ModelInfo] = {}
        for model in self.models:
            index.setdefault(_key(model.id), model)
        object.__setattr__(self, "_index", index)

    def get(self, ref_or_id: object) -> ModelInfo | None:
        """Return the model of a ref or id, `kilocode/` being optional; None for an unknown one. Never raises."""
        key = _known_key(ref_or_id)
        return None if key is None else self._index.get(key)

    def is_free(self, ref_or_id: object) -> bool | None:
        """Return whether a model needs no key, by its entry or by its id; None when neither says so."""
        model = self.get(ref_or_id)
        if model is not None:
            return model.is_free
        key = _known_key(ref_or_id)
        return True if key is not None and is_free_id(key) else None

    def successor_of_auto(self) -> str | None:
        """Return the id that a gateway without `kilo/auto` lists in its place; None unless it lists one now."""
        listed = (self.get(model_id) for model_id in SUCCESSORS)
        return next((model.id for model in listed if model is not None and model.source == "live"), None)

    def __iter__(self) -> Iterator[ModelInfo]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def __contains__(self, item: object) -> bool:
        return self.get(item.id if isinstance(item, ModelInfo) else item) is not None

    def __repr__(self) -> str:
        return f"<Catalog of {len(self.models)} models, {'live' if self.is_live else 'bundled'}>"


def parse_catalog(body: object) -> tuple[list[ModelInfo], list[str]]:
    """Return the models of a GET /models answer in its order, and why other entries were left out.

    `body` is the parsed JSON, `{"data": [entry, ...]}`. Of several usable entries with one id the first counts.

    Raises: MalformedAnswerError when there is no entry that can be used.
    """
    if not isinstance(body, dict):
        raise _malformed("is not a JSON object", body)
    data = body.get("data")
    if not isinstance(data, list):
        raise _malformed("has no list `data`", body)
    if not data:
        raise _malformed("is empty", body)
    models, skipped = _parse_entries(data, source="live")
    if not models:
        raise _malformed(f"has no usable entry among {len(data)}; the first: {skipped[0]}", body)
    return models, skipped


@lru_cache(maxsize=1)
def bundled_catalog() -> Catalog:
    """Return the catalog shipped with this package, `kilo/auto` first; read once, when first asked for.

    Where a packager left the file out, `kilo/auto` alone is known, with a warning.
    """
    snapshot: dict[str, Any] = {"source": "the provider page", "date": None, "models": [AUTO_ENTRY]}
    try:
        snapshot = orjson.loads(files("kilo_gateway.catalog").joinpath("data/models.json").read_bytes())
    except OSError as error:
        logger.warning("The bundled model list is missing; kilo/auto alone is known before discovery: %s", error)
    models, skipped = _parse_entries(snapshot["models"], source="bundled")
    return Catalog(tuple(models), skipped=tuple(skipped), origin=CatalogOrigin(snapshot["source"], snapshot["date"]))


def merge_catalogs(live: Sequence[ModelInfo], bundled: Catalog, *, skipped: Iterable[str] = ()) -> Catalog:
    """Return the discovered models in the gateway's order, then the bundled ones that were not discovered.

    Of two with one id the discovered one counts. `skipped` says why entries of the gateway's list were left out.
    """
    discovered = {_key(model.id) for model in live}
    missing = (model for model in bundled if _key(model.id) not in discovered)
    return Catalog((*live, *missing), is_live=True, skipped=tuple(skipped))


def _parse_entries(entries: Sequence[object], *, source: Source) -> tuple[list[ModelInfo], list[str]]:
    models: dict[str, ModelInfo] = {}
    skipped: list[str] = []
    for position, entry in enumerate(entries):
        model = parse_model(entry, source=source)
        if isinstance(model, str):
            skipped.append(f"Entry {position}: {model}.")
        elif models.setdefault(_key(model.id), model) is not model:
            skipped.append(f"Entry {position}: {model.id[:100]!r} was listed before.")
    return list(models.values()), skipped


def _key(ref_or_id: str) -> str:
    """Return what two refs or ids of one model have in common."""
    return parse_model_id(ref_or_id).lower()


def _known_key(ref_or_id: object) -> str | None:
    try:
        return _key(ref_or_id) if isinstance(ref_or_id, str) else None
    except InvalidModelError:
        return None


def _malformed(what: str, body: object) -> MalformedAnswerError:
    return MalformedAnswerError(
        f"The gateway's model list {what}. Check the base URL, or try again later.", snippet=reprlib.repr(body)
    )
