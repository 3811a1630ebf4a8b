"""The bundled model list as text, ready to be written to `data/models.json`. Never reads or writes a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from kilo_gateway.catalog.catalog import AUTO_ENTRY, bundled_catalog
from kilo_gateway.catalog.prices import render_pricing
from kilo_gateway.refs import parse_model_id

if TYPE_CHECKING:
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.models import ModelInfo

_AUTO_PREFIX = "kilo-auto/"


def render_snapshot(catalog: Catalog, *, source: str, date: str) -> str:
    """Return `{"source", "date", "models": [entry, ...]}` as JSON text: the same for the same facts in any order.

    Entries have the shape of GET /models with only what this package reads, and no descriptions. `kilo/auto` is
    first with its fixed values, then come the `kilo-auto/` routes, then those of the rest that are bundled now, by id.
    Of a live catalog only what the gateway listed is kept. `date` is `YYYY-MM-DD`.
    """
    kept = {parse_model_id(model.id).lower() for model in bundled_catalog()}
    entries = {AUTO_ENTRY["id"]: AUTO_ENTRY}
    listed = (model for model in catalog if model.source == "live" or not catalog.is_live)
    for model in sorted(listed, key=_position):
        key = parse_model_id(model.id).lower()
        if key in kept or key.startswith(_AUTO_PREFIX):
            entries.setdefault(key, _render_entry(model))
    blocks = ",\n".join(_render_block(entry) for entry in entries.values())
    head = f'{{\n  "source": {json.dumps(source)},\n  "date": {json.dumps(date)},\n'
    return f'{head}  "models": [\n{blocks}\n  ]\n}}\n'


def _position(model: ModelInfo) -> tuple[bool, str]:
    key = parse_model_id(model.id).lower()
    return not key.startswith(_AUTO_PREFIX), key


def _render_entry(model: ModelInfo) -> dict[str, Any]:
    """Return the list entry that says what is known of a model, and nothing else.

    A mark as free is not written down: it ends without notice, and the id of a lasting free model says it already.
    """
    entry = {
        "id": model.id,
        "name": model.name,
        "created": model.created,
        "context_length": model.context_length,
        "architecture": _known({"input_modalities": model.inputs, "output_modalities": model.outputs}) or None,
        "top_provider": _known({"max_completion_tokens": model.max_completion_tokens}) or None,
        "pricing": render_pricing(model.pricing),
        "supported_parameters": model.supported_parameters,
        "isFree": False if model.is_free is False else None,
    }
    return _known(entry)


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _render_block(entry: dict[str, Any]) -> str:
    lines = ",\n".join(f"      {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items())
    return f"    {{\n{lines}\n    }}"
