"""Moves numbers into the bounds that a schema sets. Pure."""

from __future__ import annotations

import math
from typing import Any


def plain(number: float) -> int | float:
    """Return a whole number as an integer."""
    return int(number) if number.is_integer() else number


def within(number: float, schema: dict[str, Any], kind: str) -> int | float:
    """Return the number moved into the schema's bounds and onto its step."""
    step = schema.get("multipleOf")
    unit = 1 if kind == "integer" else 0.5
    low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, int | float) and not isinstance(above, bool):
        low = max(low, above + unit)
    if isinstance(below, int | float) and not isinstance(below, bool):
        high = min(high, below - unit)
    if low > high and isinstance(above, int | float) and isinstance(below, int | float):
        low = high = (above + below) / 2
    value = min(max(number, low), high)
    if kind == "integer":
        value = math.ceil(value) if value < number or value == low else math.floor(value)
    if step:
        value = math.ceil(value / step) * step
        value = value - step if value > high else value
    return plain(float(value))
