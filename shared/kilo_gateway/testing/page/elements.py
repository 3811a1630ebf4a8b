"""HTML that is safe by the way it is made: whatever is no `Html` yet is escaped. Knows nothing of requests."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_TEXT = 20_000
"""Characters of one text that are shown."""


class Html(str):
    """Text that is HTML already; made here only."""

    __slots__ = ()


def element(name: str, *children: object, **attributes: str | bool | None) -> Html:
    """Return `<name attributes>children</name>`; None and False leave an attribute out, `class_` is `class`."""
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{shown}>{join(children)}</{name}>")


def join(children: Iterable[object]) -> Html:
    """Return the children side by side; None is left out, text is escaped."""
    return Html("".join(_render(child) for child in children if child is not None))


def long_text(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return the text, or its beginning and how much more there is."""
    return text if len(text) <= limit else f"{text[:limit]}\n… {len(text) - limit:,} more characters"


def _render(child: object) -> str:
    if isinstance(child, Html):
        return child
    # A carriage return would be read as a line break, and NUL is not allowed in HTML.
    return escape(str(child)).replace("\r", "&#13;").replace("\0", "\N{REPLACEMENT CHARACTER}")
