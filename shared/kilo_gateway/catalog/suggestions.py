"""The model that was probably meant: for messages only, never to ask another one than the caller named."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.errors import ModelNotFoundError

_LIKENESS = 0.75
_LONGEST_COMPARED = 100
"""Characters of an unknown id that are compared: comparing costs the square of the length."""


def add_suggestion(error: ModelNotFoundError, model_id: str, catalog: Catalog) -> None:
    """Add the model that was probably meant to an error that says that there is none of this name."""
    meant = suggest_model(model_id, catalog)
    if meant is not None and meant not in error.message:
        error.message += f" Did you mean {meant!r}?"
        error.args = (error.message, *error.args[1:])


def suggest_model(model_id: str, catalog: Catalog) -> str | None:
    """Return the id of the catalog that is most like one it does not know; None when none is like it.

    The lab may be missing (`gpt-4o`), `.`, `-` and `_` may be mixed up, and letters wrong (`claude-sonet-4.6`). Of some
    words of a name (`sonnet`, `llama-3.3`) the newest model is meant.
    """
    if catalog.get(model_id) is not None:
        return None
    wanted = _plain(model_id[:_LONGEST_COMPARED])
    by_name: dict[str, str] = {}
    for model in catalog:
        untagged = model.id.partition(":")[0]
        for name in map(_plain, (model.id, model.id.rpartition("/")[2], untagged, untagged.rpartition("/")[2])):
            by_name.setdefault(name, model.id)
    names = get_close_matches(wanted, by_name, n=1, cutoff=_LIKENESS)
    if not names and "/" in model_id:
        names = get_close_matches(_plain(model_id.rpartition("/")[2]), by_name, n=1, cutoff=_LIKENESS)
    return by_name[names[0]] if names else _newest_with(wanted, catalog)


def _newest_with(words: str, catalog: Catalog) -> str | None:
    found = [model for model in catalog if words and f"-{words}-" in f"-{_plain(model.id.rpartition('/')[2])}-"]
    newest = max(found, key=lambda model: (model.created or 0, model.id), default=None)
    return None if newest is None else newest.id


def _plain(model_id: str) -> str:
    return re.sub(r"[._\s-]+", "-", model_id.strip().lower())
