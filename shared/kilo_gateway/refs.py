"""Model refs, `kilocode/<model-id>`: read, written and compared. Never refuses an id for being unknown.

Rules: docs/providers/kilocode.md and src/agents/model-selection-normalize.ts of https://github.com/openclaw/openclaw,
except that the prefix is optional here, because everything that reads a ref here talks to Kilo only.
"""

from __future__ import annotations

import reprlib
from functools import lru_cache

from kilo_gateway.errors import InvalidModelError

PROVIDER = "kilocode"
"""The prefix of a ref: what stands before its first slash."""
_ALIAS = "kilo"
"""How other Kilo clients spell the prefix, before a lab: `kilo/anthropic/claude-sonnet-4`; `kilo/auto` is an id."""
DEFAULT_MODEL = "kilocode/kilo/auto"
"""The ref used when none is given; the gateway decides which model answers."""

_SHAPE = f"write it as '{PROVIDER}/<model-id>', for example '{DEFAULT_MODEL}'; the '{PROVIDER}/' may be left out"


def parse_model_id(ref: str) -> str:
    """Return the id that goes on the wire: `kilocode/x/y` and `x/y` are both `x/y`.

    Outer blanks are dropped, the case of the id is kept, only the first prefix is taken off. `kilo/` before a lab is
    a spelling of the prefix; `kilo/auto` stays itself.

    Raises: InvalidModelError for what names no model or holds a character that cannot be printed.
    """
    if not isinstance(ref, str):
        raise InvalidModelError(f"The model ref must be a string, not {type(ref).__name__}: {_SHAPE}.")
    return _parse_once(ref) if type(ref) is str else _parse(ref)  # a class of its own need not be hashable


def _parse(ref: str) -> str:
    bare = ref.strip()
    head, slash, tail = bare.partition("/")
    model_id = tail.strip() if slash and head.strip().lower() == PROVIDER else bare
    head, _, tail = model_id.partition("/")
    if "/" in tail and head.strip().lower() == _ALIAS and not tail.startswith("/"):
        model_id = tail.strip()
    if not model_id or model_id.startswith("/"):
        raise InvalidModelError(f"The model ref {reprlib.repr(ref)} names no model: {_SHAPE}.", model=ref)
    # Controls and lone surrogates break logs, headers and JSON; invisible ones come from copying and never match an id.
    if not model_id.isprintable():
        raise InvalidModelError(
            f"The model ref {reprlib.repr(ref)} holds a character that cannot be printed: {_SHAPE}.", model=ref
        )
    return model_id


_parse_once = lru_cache(maxsize=256)(_parse)
"""The same for a text that was read before: a call asks four times for one id."""


def render_ref(model_id: str) -> str:
    """Return the ref of an id: `x/y` is `kilocode/x/y`; what is a ref already keeps its id.

    Raises: InvalidModelError as `parse_model_id` does.
    """
    return f"{PROVIDER}/{parse_model_id(model_id)}"
