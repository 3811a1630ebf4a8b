"""Rules of model ids: which are free, what the auto ids stand for, which family and lab. Pure but for the catalog."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING

from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kilo_gateway.testing.gateway.state import GatewayState

OPUS_MODES = {"plan", "general", "architect", "orchestrator", "ask", "debug"}
_OPENROUTER_PREVIEW = re.compile(r"openrouter/.*-(alpha|beta)")
REPEAT_MODEL = "kilo-embedded/repeat"


def is_hosted_free(model: str, state: GatewayState) -> bool:
    """Whether the gateway itself hosts the model for nothing."""
    row = state.hosting.get(model, {})
    return bool(row.get("is_hosted_free")) and not row.get("is_disabled")


def is_free(model: str, state: GatewayState) -> bool:
    """Whether the model needs no account."""
    return (
        is_hosted_free(model, state)
        or model.endswith(":free")
        or model in ("openrouter/free", "kilo-auto/free", REPEAT_MODEL)
        or _OPENROUTER_PREVIEW.fullmatch(model) is not None
    )


def is_auto(model: str, state: GatewayState) -> bool:
    """Whether the id stands for another model in this version."""
    if state.options.version == "2026-02":
        return model == "kilo/auto"
    return model.startswith("kilo-auto/") or (model == "kilo/auto" and state.options.accept_kilo_auto)


def model_for_mode(mode: str | None, state: GatewayState) -> str:
    """Return the model that the mode header selects; the newest version compares it with its case."""
    known = (mode or "").lower() if state.options.version == "2026-02" else (mode or "")
    return str(state.routing["opus"] if known in OPUS_MODES else state.routing["sonnet"])


def resolve_auto(
    model: str, state: GatewayState, *, mode: str | None, seed: str, balance: float, org_model: str | None
) -> str | ErrorAnswer:
    """Return the id that an auto id stands for now, or the gateway's error when it stands for none."""
    version = state.options.version
    if model in ("kilo/auto", "kilo-auto/frontier"):
        if model == "kilo/auto" and version == "newest":
            return str(state.routing["sonnet"])
        return model_for_mode(mode, state)
    if model == "kilo-auto/free":
        return sticky_choice(seed, state.routing["free"]) or render_error("no_free_models", version)
    if model == "kilo-auto/small":
        small = str(state.routing["small"])
        return small if balance > 0 else f"{small}:free"
    if model == "kilo-auto/org":
        return org_model or render_error("org_auto", version)
    if model in ("kilo-auto/balanced", "kilo-auto/efficient"):
        return str(state.routing["sonnet"])
    return model


def sticky_choice(seed: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that the seed always gets, or None without candidates."""
    choices = list(candidates)
    if not choices:
        return None
    return choices[int.from_bytes(sha256(seed.encode()).digest()[:4], "big") % len(choices)]


def family(model: str) -> str:
    """Return the family that decides the reasoning format: claude, openai, gemini, xai or other."""
    lab, _, name = model.lower().partition("/")
    by_lab = {"anthropic": "claude", "openai": "openai", "google": "gemini", "x-ai": "xai"}
    if "gemma" in name:
        return "other"
    return by_lab.get(lab, "other")
