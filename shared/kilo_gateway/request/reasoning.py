"""Reasoning levels, and how one becomes the `reasoning` object of a request. Never overrides an effort already set.

Rules: src/agents/pi-embedded-runner/proxy-stream-wrappers.ts of https://github.com/openclaw/openclaw. It tests values
by JavaScript's truthiness, in which an empty object or list counts as present.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.errors.nearest import nearest_name
from kilo_gateway.request.families import rules_for

Level = Literal["off", "minimal", "low", "medium", "high", "xhigh", "max", "adaptive"]
"""How much the model should think. `off` asks for nothing; it does not forbid a model to think."""
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
"""Every level, `off` first."""

_EFFORTS: Mapping[Level, str | None] = {
    "off": None,
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "max": "xhigh",
    "adaptive": "medium",
}
"""`reasoning.effort` of each level; None adds no object at all."""


def parse_level(word: str) -> Level:
    """Return the level that a word names, blanks and case aside.

    Raises: InvalidRequestError for any other word, with the nearest level.
    """
    if not isinstance(word, str):
        raise InvalidRequestError(
            f"A reasoning level must be a string, not {type(word).__name__}: use one of {', '.join(LEVELS)}."
        )
    wanted = word.strip().lower()
    for level in LEVELS:
        if wanted == level:
            return level
    near = nearest_name(wanted, LEVELS)
    hint = f"did you mean '{near}'? Use" if near else "use"
    raise InvalidRequestError(f"Unknown reasoning level {reprlib.repr(word)}: {hint} one of {', '.join(LEVELS)}.")


def plain_level(value: Any) -> Any:
    """Return a level as it is spelt, where blanks and case differ; anything else as it is."""
    plain = value.strip().lower() if isinstance(value, str) else value
    return plain if plain in LEVELS else value


def split_reasoning(
    reasoning: str | Mapping[str, Any] | None, reasoning_effort: str | None
) -> tuple[Level | None, dict[str, Any] | None]:
    """Return what was typed as (level, the caller's own `reasoning` object); None for what was not given.

    A word in either argument is a level, a mapping is the own object. Given both a word and an object,
    `apply_reasoning` adds the effort only to an object that sets none.

    Raises: InvalidRequestError for other types, unknown words, and two words that disagree.
    """
    effort_level = None if reasoning_effort is None else parse_level(reasoning_effort)
    if reasoning is None:
        return effort_level, None
    if isinstance(reasoning, Mapping):
        return effort_level, _parse_own_object(reasoning)
    if not isinstance(reasoning, str):
        raise InvalidRequestError(
            f"`reasoning` must be a level or an object such as {{'max_tokens': 2000}}, not {type(reasoning).__name__}: "
            f"use one of {', '.join(LEVELS)}, or the object."
        )
    level = parse_level(reasoning)
    if effort_level not in (None, level):
        raise InvalidRequestError(
            f"`reasoning` says '{level}' and `reasoning_effort` says '{effort_level}': give only one of them."
        )
    return level, None


def _parse_own_object(reasoning: Mapping[str, Any]) -> dict[str, Any]:
    for key in reasoning:
        if not isinstance(key, str):
            raise InvalidRequestError(
                f"Every key of `reasoning` must be a string, not {type(key).__name__}: {reprlib.repr(key)}."
            )
    return dict(reasoning)


def effective_level(model_id: str, level: Level | None) -> Level | None:
    """Return the level that a model is asked for: None where its family takes no injected `reasoning`."""
    return level if rules_for(model_id).injects_reasoning else None


def apply_reasoning(body: dict[str, Any], *, level: Level | None, injects: bool) -> dict[str, Any]:
    """Return a copy of the body without `reasoning_effort`, and with `reasoning.effort` where the level asks for it.

    A `reasoning` that is an object with `effort` or `max_tokens`, whatever their values, stays as it is, and so does
    one that is neither empty nor an object.
    """
    shaped = {key: value for key, value in body.items() if key != "reasoning_effort"}
    effort = _EFFORTS.get(level) if injects and level is not None else None
    if effort is None:
        return shaped
    own = shaped.get("reasoning")
    if _is_falsy_in_javascript(own):
        shaped["reasoning"] = {"effort": effort}
    elif isinstance(own, Mapping) and "effort" not in own and "max_tokens" not in own:
        shaped["reasoning"] = {**own, "effort": effort}
    return shaped


def _is_falsy_in_javascript(value: object) -> bool:
    if isinstance(value, (int, float)):
        return not value or value != value  # noqa: PLR0124 - only NaN differs from itself
    return value is None or (isinstance(value, str) and not value)
