"""Prices of a model list, read and written exactly. Never guesses: a price that cannot be read is unknown, not zero.

The gateway states prices as strings in USD per token, and "-1" where the price depends on routing.
Source: `pricing` of GET /models, whose entries follow OpenRouter's schema.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict


class Pricing(BaseModel):
    """What a model costs, in USD; None is unknown, which is not `Decimal(0)`."""

    model_config = ConfigDict(frozen=True)

    prompt: Decimal | None = None
    """USD per million input tokens."""
    completion: Decimal | None = None
    """USD per million output tokens."""
    cache_read: Decimal | None = None
    """USD per million input tokens read from a prompt cache."""
    cache_write: Decimal | None = None
    """USD per million input tokens written to a prompt cache."""
    internal_reasoning: Decimal | None = None
    """USD per million reasoning tokens, where they are billed apart from the output."""
    request: Decimal | None = None
    """USD per request."""
    image: Decimal | None = None
    """USD per input image."""
    web_search: Decimal | None = None
    """USD per web search."""


_TOKEN_SHIFT = 6
"""Powers of ten between a price per token and one per million tokens."""
_FIELDS: tuple[tuple[str, str, int], ...] = (
    ("prompt", "prompt", _TOKEN_SHIFT),
    ("completion", "completion", _TOKEN_SHIFT),
    ("input_cache_read", "cache_read", _TOKEN_SHIFT),
    ("input_cache_write", "cache_write", _TOKEN_SHIFT),
    ("internal_reasoning", "internal_reasoning", _TOKEN_SHIFT),
    ("request", "request", 0),
    ("image", "image", 0),
    ("web_search", "web_search", 0),
)
"""Wire key, field of `Pricing`, powers of ten between the two."""

# Decimal() alone also takes underscores, digits of other scripts, and exponents that eat all memory when written out.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_MAX_LENGTH = 64
_SMALLEST, _LARGEST = -24, 9
"""Powers of ten between which a price is believed."""
# A context of our own: exact whatever precision the application has set.
_EXACT = Context(prec=2 * _MAX_LENGTH, traps=[])
_ONE, _ZERO = Decimal(1), Decimal(0)


def parse_pricing(pricing: dict[str, Any]) -> Pricing:
    """Return the prices of a `pricing` object; a key that is missing or unreadable is None."""
    return Pricing(**{field: _parse_price(pricing.get(key), shift) for key, field, shift in _FIELDS})


def render_pricing(pricing: Pricing) -> dict[str, str]:
    """Return the `pricing` object of a model list: USD per token or unit as strings, without the unknown ones."""
    known = ((key, getattr(pricing, field), shift) for key, field, shift in _FIELDS)
    return {key: f"{_plain(price.scaleb(-shift, _EXACT)):f}" for key, price, shift in known if price is not None}


def _parse_price(value: object, shift: int) -> Decimal | None:
    """Return a price times so many powers of ten, exactly; None when it is unknown.

    Unknown: negative, missing, empty, infinite, beyond belief, or no number at all.
    """
    text = _number_text(value)
    if text is None or len(text) > _MAX_LENGTH or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text)
    if not number:
        return _ZERO
    if number < 0 or not _SMALLEST <= number.adjusted() <= _LARGEST:
        return None
    return _plain(number.scaleb(shift, _EXACT))


def _number_text(value: object) -> str | None:
    """Return the digits of a JSON number or string; a float's shortest spelling is the one that was sent."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    if isinstance(value, int) and abs(value) > 10**_LARGEST:
        return None
    return str(value)


def _plain(number: Decimal) -> Decimal:
    """Return the number without trailing zeros and without an exponent: 3, not 3.000 or 3E+0."""
    number = number.normalize(_EXACT)
    exponent = number.as_tuple().exponent
    return number.quantize(_ONE, context=_EXACT) if isinstance(exponent, int) and exponent > 0 else number
