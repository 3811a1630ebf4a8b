"""The message inside a JSON value of any shape: whichever key it stands under, with the field that it is about."""

from __future__ import annotations

import ast
import html
import json
import re
from collections.abc import Mapping
from typing import Any

from kilo_gateway.errors.text import MAX_BODY_CHARACTERS, page_title

_MAX_DEPTH = 8
_MOST_ITEMS = 8
_LARGEST_NUMBER = 10**15
"""Beyond this a number is no message, and Python may refuse to print it."""
_MESSAGE_KEYS = (
    *("message", "error", "detail", "details", "msg", "errormessage", "errormsg", "errmsg", "errordescription"),
    *("description", "fault", "faultstring", "statusmessage", "statusmsg", "errors", "issues", "violations"),
    *("fieldviolations", "invalidparams", "statustext", "title", "exception", "failurereason", "reason"),
    *("htmlmessage", "baseresp", "response", "responsemetadata", "header", "err", "text"),
)
"""Where servers put the message, the most telling first; compared by letters and digits alone."""
_HOLDERS = ("error", "err", "fault", "response", "responsemetadata", "header", "baseresp")
"""Where an error holds another one that says more."""
_LISTS = ("errors", "issues", "violations", "fieldviolations", "invalidparams")
"""Where the single complaints of an error stand."""
_MARKUP_KEY = "htmlmessage"
_TAG = re.compile(r"<[^<>]{0,500}>")
_PLACE_KEYS = ("loc", "path", "param", "field", "fieldname", "instancepath", "pointer", "property", "attribute", "name")
"""Where servers put the field that a message is about."""
_OUTER_PLACES = frozenset({"body", "query", "header"})
"""First steps of a FastAPI location, which say nothing about the field."""
_LONGEST_PLACE = 200
_NO_PLACE = frozenset({"", "None", "null"})


def key_of(name: object) -> str:
    """Return the letters and digits of a name in lower case, so that `errorMessage` and `error_message` are one."""
    return "".join(c for c in str(name).lower() if c.isalnum())


def by_key(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the mapping under the keys that `key_of` gives; of several that are one, the first."""
    found: dict[str, Any] = {}
    for name, item in value.items():
        found.setdefault(key_of(name), item)
    return found


def with_inner_facts(error: Mapping[str, Any], depth: int = 0) -> Mapping[str, Any]:
    """Return an error with what it does not say itself but an error inside it, as relays wrap what they were told."""
    if depth > _MAX_DEPTH:
        return error
    named = by_key(error)
    holders = [named.get(key) for key in _HOLDERS]
    holders += [items[0] for key in _LISTS if isinstance(items := named.get(key), list) and items]
    message = named.get("message")
    if isinstance(message, str) and message.lstrip().startswith("{") and len(message) <= MAX_BODY_CHARACTERS:
        holders.append(_parse(message.strip()))
    event = next((name for name, item in error.items() if key_of(name).endswith("exception")), None)
    inner = next((item for item in (*holders, error.get(event or "")) if isinstance(item, Mapping)), None)
    if inner is None:
        return error
    found = by_key(with_inner_facts(inner, depth + 1))
    facts = {"code": found.get("code"), "type": found.get("type") or event}
    return {**error, **{key: value for key, value in facts.items() if value and error.get(key) in (None, "")}}


def text_in(value: object, depth: int = 0) -> str | None:
    """Return the message inside a JSON value of any shape, looking into nested errors and JSON text; None if none."""
    if depth > _MAX_DEPTH or value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _text_in_string(value, depth)
    if isinstance(value, Mapping):
        return _text_in_mapping(value, depth)
    if isinstance(value, (list, tuple)):
        texts = [text for item in value[:_MOST_ITEMS] if (text := text_in(item, depth + 1))]
        return "; ".join(dict.fromkeys(texts)) or None
    return str(value) if isinstance(value, (int, float)) and abs(value) < _LARGEST_NUMBER else None


def _text_in_string(value: str, depth: int) -> str | None:
    stripped = value.strip()
    if stripped[:1] in {"{", "["} and len(stripped) <= MAX_BODY_CHARACTERS:
        return text_in(_parse(stripped), depth + 1) or stripped
    if stripped[:1] == "<" and (title := page_title(stripped[:MAX_BODY_CHARACTERS])):
        return title
    return stripped or None


def _parse(text: str) -> object:
    """Return the JSON of a text, or what Python's `repr` wrote, as vLLM does; None for neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text) if text[:3] in ("[{'", "{'d", "{'e", "{'m") else None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def _text_in_mapping(value: Mapping[str, Any], depth: int) -> str | None:
    named = by_key(value)
    for key in _MESSAGE_KEYS:
        if text := text_in(named.get(key), depth + 1):
            said = html.unescape(_TAG.sub(" ", text)).strip() if key == _MARKUP_KEY else text
            complaints = None if key in _LISTS else _complaints(named, depth)
            said = f"{said.rstrip('.: ')}: {complaints}" if complaints and complaints not in said else said
            return _with_place(said, named, key)
    for key, item in named.items():
        if key.endswith("exception") and isinstance(item, Mapping) and (text := text_in(item, depth + 1)):
            return text  # AWS names its events so
        if key.endswith(("message", "error")) and isinstance(item, str) and (text := text_in(item, depth + 1)):
            return text  # a relay puts its own name in front
    return _text_of_fields(value, depth)


def _complaints(named: Mapping[str, Any], depth: int) -> str | None:
    """Return what an error says of single fields beside its message."""
    return next((text for key in _LISTS if (text := text_in(named.get(key), depth + 1))), None)


def _with_place(text: str, named: Mapping[str, Any], key: str) -> str:
    place = next((found for name in _PLACE_KEYS if (found := _place(named.get(name), name, key))), None)
    return text if place is None or place in text else f"{place}: {text}"


def _place(value: object, name: str, message_key: str) -> str | None:
    """Return the field as one would write it in Python: `messages[0].content`."""
    if isinstance(value, str):
        # A path of a text is that of the URL, and a name is one of a field only in a list of `invalid-params`.
        if value in _NO_PLACE or name == "path" or (name == "name" and message_key != "reason"):
            return None
        is_pointer = value.startswith(("/", "#/"))
        value = value.removeprefix("#").split("/")[1:] if is_pointer else [value]
    if not isinstance(value, (list, tuple)) or not all(isinstance(step, (str, int)) for step in value):
        return None
    steps = [str(step) for step in value]
    steps = steps[1:] if len(steps) > 1 and steps[0] in _OUTER_PLACES else steps
    place = "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps).lstrip(".")
    return place[:_LONGEST_PLACE] or None


def _text_of_fields(value: Mapping[str, Any], depth: int) -> str | None:
    """Return what a mapping of fields to lists of complaints says, as Django and ASP.NET write it."""
    fields = [
        f"{name}: {text}"
        for name, item in list(value.items())[:_MOST_ITEMS]
        if isinstance(item, list) and item and isinstance(item[0], str) and (text := text_in(item, depth + 1))
    ]
    return "; ".join(fields) or None
