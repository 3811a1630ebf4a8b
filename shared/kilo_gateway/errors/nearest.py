"""The known name that was probably meant: for messages only, never to take one for another."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_COMPARED = 64
"""Characters of an unknown name that are compared: comparing costs the square of the length."""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like this one; letters that changed places (`modle`) count as the least.

    `topP` and `TOP_P` are read as `top_p`.
    """
    import difflib  # noqa: PLC0415 - for an error's sake alone

    compared = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:LONGEST_COMPARED]).lower()
    near = difflib.get_close_matches(compared, list(known), n=3)
    return min(near, key=lambda one: sorted(one) != sorted(compared), default=None)
