"""Rules of model ids: which are free, what the auto ids stand for, which family. Pure but for the catalog."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.state import GatewayState

REPEAT_MODEL = "kilo-embedded/repeat"
"""The model of benchmarks: one piece of fixed text for each token that is asked for."""
CLASSIFIED = ("kilo-auto/balanced", "kilo-auto/efficient")
"""Auto ids whose choice is billed, so that they need an account."""
_OPUS_MODES = ("plan", "general", "architect", "orchestrator", "ask", "debug")
_OPENROUTER_PREVIEW = re.compile(r"openrouter/.*-(alpha|beta)")
_FAMILIES = {"anthropic": "claude", "openai": "openai", "google": "gemini", "x-ai": "xai"}


def is_hosted_free(model: str, state: GatewayState) -> bool:
    """Return whether the gateway itself hosts the model for nothing."""
    return model in state.hosting


def is_free(model: str, state: GatewayState) -> bool:
    """Return whether the model needs no account."""
    return (
        is_hosted_free(model, state)
        or model.endswith(":free")
        or model in ("openrouter/free", "kilo-auto/free", REPEAT_MODEL)
        or _OPENROUTER_PREVIEW.fullmatch(model) is not None
    )


def is_auto(model: str, state: GatewayState) -> bool:
    """Return whether the id stands for another model in this version."""
    if model == "kilo/auto":
        return state.options.version == "2026-02" or state.options.accept_kilo_auto
    return model.startswith("kilo-auto/") and state.options.version == "newest"


def resolve_auto(
    model: str, state: GatewayState, *, mode: str | None, seed: str, balance: float, organization_model: str | None
) -> str | None:
    """Return the id that an auto id stands for now, or None when it stands for none.

    `seed` decides which free model a caller gets, always the same.
    """
    routing = state.routing
    small = str(routing["small"])
    by_mode = "opus" if mode in _OPUS_MODES else "sonnet"
    choices: dict[str, str | None] = {
        "kilo/auto": routing[by_mode if state.options.version == "2026-02" else "sonnet"],
        "kilo-auto/frontier": routing[by_mode],
        "kilo-auto/balanced": routing["sonnet"],
        "kilo-auto/efficient": routing["sonnet"],
        "kilo-auto/small": small if balance > 0 else f"{small}:free",
        "kilo-auto/free": _choose(seed, routing["free"]),
        "kilo-auto/org": organization_model,
    }
    return choices.get(model, model)


def _choose(seed: str, candidates: list[str]) -> str | None:
    number = int.from_bytes(sha256(seed.encode()).digest()[:4], "big")
    return candidates[number % len(candidates)] if candidates else None


def family(model: str) -> str:
    """Return the family that decides the reasoning format: claude, openai, gemini, xai or other."""
    lab, _, name = model.lower().partition("/")
    return "other" if "gemma" in name else _FAMILIES.get(lab, "other")
