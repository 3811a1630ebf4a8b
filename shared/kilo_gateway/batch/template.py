"""A prompt with places for the columns of a row. A cell is put in as it is: braces in it are never expanded again."""

from __future__ import annotations

import re
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
        missing = [name for name in self.columns if name not in columns]
        if missing:
            raise InvalidSettingError(
                f"The template names {', '.join(f'{{{name}}}' for name in missing)}, and there is no such column; "
                f"there are {', '.join(columns) or 'none'}."
            )

    def fill(self, cells: Mapping[str, str]) -> str:
        """Return the prompt of a row."""
        return _PLACE.sub(lambda match: _BRACES.get(match[0]) or cells[match[1]], self._text)
