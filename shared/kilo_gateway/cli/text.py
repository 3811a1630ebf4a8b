"""Text as it may be written: controls shown instead of obeyed, halves of characters replaced, JSON in ASCII."""

from __future__ import annotations

import json
import re
import textwrap
from typing import TYPE_CHECKING, Any

from kilo_gateway.jsontext import mend_surrogates

if TYPE_CHECKING:
    from collections.abc import Callable

_CONTROLS = re.compile(r"\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""C0 but newline and tab, DEL and C1; a carriage return only where no newline follows."""
_ONE_LINE_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HIGH_SURROGATES = ("\ud800", "\udbff")
_DELETE = "\x7f"


def show_controls(text: str) -> str:
    r"""Return the text with its control characters spelt out, such as `\x1b`."""
    return _CONTROLS.sub(_spell, text)


def show_on_one_line(text: str) -> str:
    r"""Return the text on one line: every control spelt out, newline and tab as `\n` and `\t`."""
    plain = mend_surrogates(text).replace("\r\n", "\\n").replace("\n", "\\n").replace("\t", "\\t")
    return _ONE_LINE_CONTROLS.sub(_spell, plain)


def wrap(text: str, width: int, *, first: str = "", hang: str = "") -> list[str]:
    """Return the lines of a text broken between words only; `first` begins the first line, `hang` those after it."""
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False
    )


def render_json_line(value: Any) -> str:
    """Return one line of JSON in ASCII, without any control character, lone surrogates as U+FFFD."""
    return json.dumps(map_texts(value, mend_surrogates), default=str).replace(_DELETE, "\\u007f")


def _spell(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it changed, keys too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {map_texts(key, change): map_texts(item, change) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [map_texts(item, change) for item in value]
    return value


class TextCleaner:
    """Makes a text that comes in pieces fit to be written, wherever it was cut."""

    def __init__(self, *, shows_controls: bool) -> None:
        self._shows_controls = shows_controls
        self._held = ""
        """What cannot be judged before the next piece: a carriage return, the first half of a character."""

    def feed(self, piece: str) -> str:
        """Return what may be written now."""
        text = self._held + piece
        self._held = ""
        if text and (_is_high(text[-1]) or (self._shows_controls and text[-1] == "\r")):
            text, self._held = text[:-1], text[-1]
        return self._clean(text)

    def finish(self) -> str:
        """Return what was held back."""
        text, self._held = self._held, ""
        return self._clean(text)

    def _clean(self, text: str) -> str:
        text = mend_surrogates(text)
        return show_controls(text) if self._shows_controls else text


def _is_high(character: str) -> bool:
    return _HIGH_SURROGATES[0] <= character <= _HIGH_SURROGATES[1]
