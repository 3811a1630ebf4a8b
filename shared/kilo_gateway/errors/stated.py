"""Whether a JSON object that is no answer states an error, as relays and servers of many kinds write it.

Only objects without choices and data are asked about. What is in doubt, a ping or a notice of progress, is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.message_text import by_key, key_of, text_in

if TYPE_CHECKING:
    from collections.abc import Callable

_FAILED = frozenset({"error", "errored", "err", "fail", "failed", "failure", "fatal", "exception", "responsefailed"})
_FINE_CODES = frozenset({"", "0", "200", "ok", "success", "succeeded", "none", "null"})
_NEUTRAL_KEYS = frozenset(
    {"id", "object", "type", "event", "status", "state", "model", "index", "choices", "success", "ok"}
)
"""Keys of objects that are something of their own, so that a sentence in them is not necessarily a complaint."""


def _is_failed(value: object) -> bool:
    return isinstance(value, str) and (key_of(value) in _FAILED or key_of(value).endswith("error"))


def _is_filled(value: object) -> bool:
    return bool(value) and isinstance(value, (str, list, Mapping))


def _is_code(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return False
    return str(value).strip().lower() not in _FINE_CODES


def _is_error_status(value: object) -> bool:
    return isinstance(value, int) and value >= HTTPStatus.BAD_REQUEST


def _is_base_response(value: object) -> bool:
    return isinstance(value, Mapping) and _is_code(by_key(value).get("statuscode"))


def _holds_error(key: str, value: object) -> bool:
    """Return whether an object under this key is an error, as in AWS events and one level down elsewhere."""
    if not isinstance(value, Mapping):
        return False
    if key in ("err", "exception") or key.endswith("exception"):
        return bool(text_in(value))
    if key == "header":
        return _is_code(value.get("code"))
    return key in ("response", "responsemetadata") and isinstance(by_key(value).get("error"), Mapping)


_SIGNS: tuple[tuple[tuple[str, ...], Callable[[object], bool]], ...] = (
    (("object", "type", "event", "status", "state", "result", "level"), _is_failed),
    (("type",), lambda value: isinstance(value, str) and value.endswith("Exception")),  # AWS: `__type`
    (("success", "ok", "issuccess", "succeeded"), lambda value: value is False),
    (("errors", "fault", "exception", "faultstring"), _is_filled),
    (("errormessage", "errormsg", "errmsg", "errordescription"), _is_filled),
    (("errorcode", "errcode", "errno"), _is_code),
    (("baseresp",), _is_base_response),
)
"""Keys, and when their value alone says that something failed."""

_SENTENCES = ("message", "msg", "detail", "details", "description", "title", "htmlmessage")


def states_error(body: Mapping[str, Any], event_name: str | None = None) -> bool:
    """Return whether the object is an error; `event_name` is that of the event that carried it."""
    if _is_failed(event_name):
        return True
    named = by_key(body)
    if any(_holds_error(key, value) for key, value in named.items()):
        return True
    if any(tells(named[key]) for keys, tells in _SIGNS for key in keys if key in named):
        return True
    if not any(isinstance(named.get(key), (str, list)) and text_in(named[key]) for key in _SENTENCES):
        return False
    if any(named.get(key) is True for key in ("success", "ok")):
        return False
    is_coded = any(_is_code(named.get(key)) for key in ("code", "statuscode")) or _is_error_status(named.get("status"))
    return is_coded or _NEUTRAL_KEYS.isdisjoint(named)
