"""A prompt with places for the columns of a row. A cell is put in as it is: braces in it are never expanded again."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

from kilo_gateway.errors import InvalidSettingError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_PLACE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_BRACES: Final = {"{{": "{", "}}": "}"}


class Template:
    """A text such as `Label this review: {text}`; `{{` and `}}` are braces."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.columns = tuple(dict.fromkeys(match[1] for match in _PLACE.finditer(text) if match[1] is not None))
        """The columns that it names."""

    def check(self, columns: Collection[str]) -> None:
        """Refuse a template that names a column which is not there, or none at all.

        Raises:
            InvalidSettingError: names the column and those that there are.
        """
        if not self.columns:
            raise InvalidSettingError(
                "The template names no column, so every row would ask the same: name one, as in 'Label this: {text}'."
            )
        known = set(map(_plain, columns))
        missing = [name for name in self.columns if _plain(name) not in known]
        if missing:
            raise InvalidSettingError(
                f"The template names {', '.join(f'{{{name}}}' for name in missing)}, and there is no such column; "
                f"there are {', '.join(columns) or 'none'}."
            )

    def fill(self, cells: Mapping[str, str]) -> str:
        """Return the prompt of a row."""
        return _PLACE.sub(lambda match: _BRACES.get(match[0]) or _cell(cells, match[1]), self._text)


def _cell(cells: Mapping[str, str], name: str) -> str:
    if name in cells:
        return cells[name]
    return next(text for column, text in cells.items() if _plain(column) == _plain(name))


def _plain(name: str) -> str:
    """Return a column's name as people see it: without outer blanks, and with accents written in one way."""
    return unicodedata.normalize("NFC", name).strip()
