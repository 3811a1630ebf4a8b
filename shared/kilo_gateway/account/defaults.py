"""The models that an account or an organization is meant to begin with.

GET /api/defaults, and GET /api/organizations/{id}/defaults for an organization.
Source: the server, https://github.com/Kilo-Org/cloud d0ce2a8 (2026-02-22); newer ones may not have them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kilo_gateway.answer.choice import parse_word


@dataclass(frozen=True, slots=True)
class Defaults:
    """Model ids; None is what the gateway does not say."""

    model: str | None
    free_model: str | None
    """For who has no credits."""
    organization_id: str | None = None
    """The organization whose defaults these are; None for the user's own."""


def parse_defaults(body: Any, *, organization_id: str | None) -> Defaults:
    """Return the defaults of `{"defaultModel": id, "defaultFreeModel": id}`.

    Raises: ValueError when it names neither.
    """
    named = body if isinstance(body, dict) else {}
    model, free_model = parse_word(named.get("defaultModel")), parse_word(named.get("defaultFreeModel"))
    if model is None and free_model is None:
        raise ValueError("names no default model")
    return Defaults(model, free_model, organization_id)
