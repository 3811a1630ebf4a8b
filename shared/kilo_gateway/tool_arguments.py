"""The arguments of a tool call: JSON text -> a mapping, or what is wrong with the text. Never completes it."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from kilo_gateway.jsontext import is_too_deep, mend_surrogates

_LONGEST_FLAW = 100
_TOO_DEEP = "The arguments are nested too deeply to be read."
_NO_ARGUMENTS = ("null", '""', "[]", "None", "undefined", '"{}"')
"""Texts besides "" and "{}" with which servers say that a call has no arguments."""
EMPTY_OBJECT = "{}"
"""What some servers send first for a call whose arguments follow."""
_HEX = "[0-9a-fA-F]"
_ESCAPES = re.compile(
    rf"(?P<pair>\\u[dD][89abAB]{_HEX}{{2}}\\u[dD][c-fC-F]{_HEX}{{2}})"
    rf"|(?P<open>(?:\\u[dD][89abAB]{_HEX}{{2}})?(?:\\(?:u{_HEX}{{0,3}})?)?\Z)"
    rf"|(?P<half>\\u[dD][89a-fA-F]{_HEX}{{2}})"
    r"|\\.",
    re.DOTALL,
)
"""One escape of JSON text, read from left to right; `open` is what the next piece may continue."""
_REPLACEMENT = r"\ufffd"


def parse_arguments(text: str | dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the arguments of a call; {} for none at all; None when the text is not a whole JSON object.

    `null`, `""` and `[]` are spellings of none. An object that was encoded twice counts; line ends inside strings are
    read. Whole numbers keep all their digits. Half of a surrogate pair, which no JSON writer takes, becomes U+FFFD.
    """
    if isinstance(text, dict):
        return text
    if text is None:
        return {}
    if not isinstance(text, str):
        return None
    stripped = text.strip()
    if not stripped or stripped in _NO_ARGUMENTS:
        return {}
    if is_too_deep(text):
        return None
    try:
        value = _parse(mend_escapes(text))
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = _parse(mend_escapes(value))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def describe_flaw(text: Any) -> str | None:
    """Return why arguments are not a whole JSON object, for whoever reads an invalid call; None when they are one."""
    if parse_arguments(text) is not None:
        return None
    if not isinstance(text, str):
        return f"The arguments are a {type(text).__name__}, not the text of a JSON object."
    if is_too_deep(text):
        return _TOO_DEEP
    try:
        value = _parse(text)
    except json.JSONDecodeError as flaw:
        if flaw.pos >= len(text.rstrip()) or flaw.msg.startswith("Unterminated string"):
            return "The arguments are cut off: the JSON object does not end."
        return f"The arguments are not JSON: {flaw.msg} at character {flaw.pos}."
    except RecursionError:
        return _TOO_DEEP
    except ValueError as constant:
        return f"The arguments are not JSON: {str(constant)[:_LONGEST_FLAW]} is no value of it."
    return f"The arguments are JSON, but a {type(value).__name__} and not an object."


def _parse(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, strict=False)


def mend_escapes(text: str) -> str:
    r"""Return JSON text with each escaped half of a surrogate pair replaced by `\ufffd`, and bare halves by U+FFFD."""
    if "\\u" in text:
        text = _ESCAPES.sub(_mend_escape, text)
    return mend_surrogates(text)


class ArgumentText:
    """The JSON text of one call's arguments, put together from pieces that may be cut anywhere.

    Hands on what is certain: a spelling of no arguments is "", an empty object waits for arguments that replace it, and
    the beginning of an escape for its end.
    """

    __slots__ = ("_held", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._held = ""

    def add(self, piece: str) -> str:
        """Take the next piece; return the text that it makes certain, which may be ""."""
        text = self._held + piece if self._held else piece
        if not self.pieces:
            start = text.strip()
            if start == EMPTY_OBJECT or (start and any(spelling.startswith(start) for spelling in _NO_ARGUMENTS)):
                self._held = text
                return ""
            held = self._held.strip()
            if held in _NO_ARGUMENTS or (held == EMPTY_OBJECT and piece.lstrip().startswith("{")):
                text = piece  # arguments after all
        self._held = ""
        if "\\" in text:
            text = self._hold_open_escape(text)
        if text:
            self.pieces.append(text)
        return text

    def flush(self) -> str:
        """Return what is still held at the end of the call, and take it as text."""
        text = self._rest()
        self._held = ""
        if text:
            self.pieces.append(text)
        return text

    def __str__(self) -> str:
        return "".join(self.pieces) + self._rest()

    def __bool__(self) -> bool:
        return bool(self.pieces or self._held)

    def _rest(self) -> str:
        return "" if not self.pieces and self._held.strip() in _NO_ARGUMENTS else mend_escapes(self._held)

    def _hold_open_escape(self, text: str) -> str:
        def mend(escape: re.Match[str]) -> str:
            if escape["open"]:
                self._held = escape["open"]
                return ""
            return _mend_escape(escape)

        return _ESCAPES.sub(mend, text)


def _mend_escape(escape: re.Match[str]) -> str:
    """Return an escape as it is, with a surrogate that has no other half replaced."""
    if escape["open"]:
        half, rest = escape["open"][:6], escape["open"][6:]
        return _REPLACEMENT + rest if half[1:2] == "u" and len(half) == 6 else escape[0]  # noqa: PLR2004 - of `\ud83d`
    return _REPLACEMENT if escape["half"] else escape[0]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
