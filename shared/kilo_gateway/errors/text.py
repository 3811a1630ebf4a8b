"""The text of an error answer, be it JSON, HTML, XML, nothing or noise, made fit to be printed. Never raises."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

CUT = "… [cut]"
"""Ends a text that was longer; what follows it is lost."""
MAX_BODY_CHARACTERS = 64 * 1024
_MAX_DEPTH = 32
_NOISE_SHARE = 0.3
_HTML_START = re.compile(
    r"\s*(?:<!doctype html|<html|<head|<body|<\?xml[^>]{0,200}>\s*<(?:!doctype )?html)", re.IGNORECASE
)
_XML_MESSAGE = re.compile(
    r"^\s*<.{0,4000}?<((?:\w+:)?(?:message|faultstring|error_description))>([^<]{1,2000})<", re.IGNORECASE | re.DOTALL
)
_EVENT_DATA = re.compile(r"^data: ?(.*)$", re.MULTILINE)
_HTML_TITLE = re.compile(r"<(title|h1)\b[^>]{0,200}>([^<]{1,500})", re.IGNORECASE)


class BodyText(NamedTuple):
    """An answer's body, read as far as it can be."""

    value: Any
    """The parsed JSON; None when it is not JSON."""
    text: str
    """The body as text, at most 64 KiB."""
    description: str | None
    """What a body that is not JSON says or is; None for JSON."""


def parse_body(body: bytes) -> BodyText:
    """Return what the body holds. Invalid UTF-8 is replaced, not refused."""
    # The standard decoder, because it also reads what orjson refuses (NaN, lone surrogates) and errors are rare.
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    kept = cut(text, MAX_BODY_CHARACTERS)
    event = _EVENT_DATA.search(text) if text.startswith(("data:", "event:")) else None
    try:
        return BodyText(json.loads(event[1] if event else text), kept, None)
    except (ValueError, RecursionError):
        return BodyText(None, kept, _description(text, len(body)))


def _description(text: str, size: int) -> str:
    if not text.strip():
        return "The gateway answered with an empty body"
    head = text[:MAX_BODY_CHARACTERS]
    if (found := _XML_MESSAGE.search(head)) and not _HTML_START.match(head):
        return one_line(html.unescape(found[2]), 2000)
    if _HTML_START.match(head):
        title = page_title(head)
        return "The gateway answered with an HTML page" + (f" titled '{title}'" if title else "")
    noise = sum(1 for c in head if c == "\ufffd" or not (c.isprintable() or c.isspace()))
    if noise > _NOISE_SHARE * len(head):
        return f"The gateway answered with {size} bytes that are not text"
    return one_line(text, 2000)


def page_title(page: str) -> str | None:
    """Return the title of an HTML page, else its heading, on one line; None when it has neither."""
    found = _HTML_TITLE.search(page)
    return one_line(html.unescape(found[2]), 200) or None if found else None


def cut(text: str, limit: int) -> str:
    """Return the text, shortened to `limit` characters with a mark at the end; lone surrogates are replaced."""
    kept = text if len(text) <= limit else text[: limit - len(CUT)] + CUT
    return kept.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str, limit: int) -> str:
    r"""Return the text on one line, at most `limit` characters long; control characters are spelt out, as in `\x1b`."""
    head = text[: 4 * limit]
    line = " ".join("".join(c if c.isprintable() else _shown(c) for c in head).split())
    return cut(line if len(head) == len(text) else line + CUT, limit)


def _shown(character: str) -> str:
    """Return what stands for a character that cannot be printed: a blank, or the spelling of a control."""
    is_control = character.isascii() or "\x80" <= character <= "\x9f"
    return f"\\x{ord(character):02x}" if is_control and not character.isspace() else " "


def status_phrase(status: int) -> str:
    """Return a status with its word, such as `404 Not Found`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def bounded(value: Any, depth: int = 0) -> Any:
    """Return a copy of a JSON value that is safe to print, copy and pickle: not too deep, no endless text."""
    if isinstance(value, str):
        return cut(value, MAX_BODY_CHARACTERS)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if depth >= _MAX_DEPTH:
        return CUT
    if isinstance(value, Mapping):
        return {cut(str(key), MAX_BODY_CHARACTERS): bounded(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [bounded(item, depth + 1) for item in value]
    return f"<{type(value).__name__}>"
