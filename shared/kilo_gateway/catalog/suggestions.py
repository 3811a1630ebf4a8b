"""The model that was probably meant: for messages only, never to ask another one than the caller named."""

from __future__ import annotations

import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.models import ModelInfo
    from kilo_gateway.errors import ModelNotFoundError

_LIKENESS = 0.75
_LONGEST_COMPARED = 100
"""Characters of an unknown id that are compared: comparing costs the square of the length."""


def add_suggestion(error: ModelNotFoundError, model_id: str, catalog: Catalog) -> None:
    """Add the model that was probably meant to an error that says that there is none of this name."""
    meant = suggest_model(model_id, catalog)
    if meant is not None and meant not in error.message.replace(model_id, ""):
        error.message += f" Did you mean {meant!r}?"
        error.args = (error.message, *error.args[1:])


def suggest_model(model_id: str, catalog: Catalog) -> str | None:
    """Return the id of the catalog that is most like one it does not know; None when none is like it.

    The lab may be missing (`gpt-4o`) or be another, words may be in another order (`claude-4.6-sonnet`) or fewer
    (`sonnet`: the newest), there may be a date or a tag too many (`gpt-5-mini-2025-08-07`), and letters wrong.
    """
    if catalog.get(model_id) is not None:
        return None
    typed = model_id[:_LONGEST_COMPARED].lower()
    words = _words(typed)
    if not words:
        return None
    return (
        _newest(model for model in catalog if Counter(words) in map(Counter, _readings(model)))
        or _newest(model for model in catalog if f"-{'-'.join(words)}-" in f"-{'-'.join(_words(model.id))}-")
        or _newest(model for model in catalog if Counter(words) <= Counter(_words(model.id)))
        or _like(typed, catalog)
        or _within(words, catalog)
    )


def _like(typed: str, catalog: Catalog) -> str | None:
    """Return the model whose name has the most letters in common with what was typed, if they are enough."""
    by_name: dict[str, str] = {}
    for model in catalog:
        for reading in _readings(model):
            by_name.setdefault("-".join(reading), model.id)
    for part in dict.fromkeys((typed, typed.rpartition("/")[2])):
        if near := get_close_matches("-".join(_words(part)), by_name, n=1, cutoff=_LIKENESS):
            return by_name[near[0]]
    return None


def _within(words: list[str], catalog: Catalog) -> str | None:
    """Return the model of most words whose name, without the lab, is in what was typed; one word is too few."""
    named = [(model, _words(_untagged(model).rpartition("/")[2])) for model in catalog]
    held = [(len(name), model) for model, name in named if len(name) > 1 and Counter(name) <= Counter(words)]
    most = max((count for count, _ in held), default=0)
    return _newest(model for count, model in held if count == most)


def _readings(model: ModelInfo) -> list[list[str]]:
    """Return the words of an id, with and without its lab and its tag."""
    untagged = _untagged(model)
    ids = (model.id, model.id.rpartition("/")[2], untagged, untagged.rpartition("/")[2])
    return [_words(one) for one in dict.fromkeys(ids)]


def _untagged(model: ModelInfo) -> str:
    return model.id.partition(":")[0]


def _newest(models: Iterable[ModelInfo]) -> str | None:
    """Return the newest; where the list does not tell, the one of the shortest name and the highest version."""
    newest = max(models, key=_age, default=None)
    return None if newest is None else newest.id


def _age(model: ModelInfo) -> tuple[int, int, list[int], str]:
    words = _words(model.id)
    return model.created or 0, -len(words), [int(word) for word in words if word.isdigit()], model.id


def _words(text: str) -> list[str]:
    """Return the runs of letters and of digits: `gpt-4o` is gpt, 4, o."""
    return re.findall(r"[a-z]+|\d+", text.lower())
