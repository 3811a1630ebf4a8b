"""What differs by model family, as rows and one lookup. Answers from the id alone; never asks the catalog.

Source of the rows: docs/providers/kilocode.md of https://github.com/openclaw/openclaw and the code behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

SignatureRule = Literal["base64", "msg_prefix"]
"""Which thought signatures of a replayed history are removed; `kilo_gateway.request.thought_signatures` applies it."""

AUTO_MODEL = "kilo/auto"
"""The id of the default ref: a route that the gateway owns."""
SUCCESSORS = ("kilo-auto/balanced", "kilo-auto/efficient")
"""Ids that may stand in for `AUTO_MODEL` on a gateway that no longer knows it, best first."""


@dataclass(frozen=True, slots=True)
class FamilyRules:
    """How a request to one family of models differs from a request to any other."""

    is_auto: bool = False
    """Whether the gateway chooses the model that answers. Default: no. Source: ids `kilo/auto` and `kilo-auto/*`."""
    injects_reasoning: bool = True
    """Whether a reasoning level becomes `reasoning.effort`. Default: yes.

    Not for auto ids, whose upstream is unknown until routed (openclaw/openclaw#24851), nor for `x-ai/*`, which refuses
    the argument (openclaw/openclaw#32054).
    """
    signature_rule: SignatureRule = "msg_prefix"
    """Which thought signatures are removed from the history. Default: those that are Claude message ids.

    Gemini decodes every signature, so that one which is not base64 fails the request (openclaw/openclaw#841).
    """


class _Overrides(TypedDict, total=False):
    is_auto: bool
    injects_reasoning: bool
    signature_rule: SignatureRule


def _is_auto(model_id: str) -> bool:
    return model_id == AUTO_MODEL or model_id.lower().startswith("kilo-auto/")


def _is_from_xai(model_id: str) -> bool:
    lab, slash, _ = model_id.partition("/")
    return bool(slash) and lab.strip().lower() == "x-ai"


def _is_gemini(model_id: str) -> bool:
    return "gemini" in model_id.lower()


_ROWS: tuple[tuple[Callable[[str], bool], _Overrides], ...] = (
    (_is_auto, {"is_auto": True, "injects_reasoning": False}),
    (_is_from_xai, {"injects_reasoning": False}),
    (_is_gemini, {"signature_rule": "base64"}),
)
"""Every row that matches applies, in this order."""

_FREE_PATTERNS = ("*:free", "kilo-auto/free", "openrouter/free", "openrouter/*-alpha", "openrouter/*-beta")
"""Lower-case ids that the gateway serves without a key. Seen in Kilo-Org/cloud in 2026; not documented."""


@lru_cache(maxsize=1024)
def rules_for(model_id: str) -> FamilyRules:
    """Return the rules of a model id, as `parse_model_id` gives it: without the `kilocode/` prefix."""
    rules = FamilyRules()
    for matches, overrides in _ROWS:
        if matches(model_id):
            rules = replace(rules, **overrides)
    return rules


def is_free_id(model_id: str) -> bool:
    """Return whether the id alone says that the model is free; the live catalog may know more that are."""
    lowered = model_id.lower()
    return any(fnmatchcase(lowered, pattern) for pattern in _FREE_PATTERNS)
