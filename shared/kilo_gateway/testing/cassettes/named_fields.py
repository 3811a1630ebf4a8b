"""Fields of JSON that are cleaned because of their name: credentials, ids of accounts and people, balances."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.redaction import REDACTED

if TYPE_CHECKING:
    from collections.abc import Callable

_SEPARATORS = re.compile(r"[-_ .]")

_SECRETS = re.compile(
    r".*(?:apikey|(?:access|encryption|private|secret|signing|subscription)key(?:id)?)"
    r"|.*(?:access|api|auth|bearer|bot|csrf|github|gitlab|hf|id|refresh|security|session)token|.*secret"
    r"|(?:proxy)?authorization|auth|bearer|(?:set)?cookies?|credentials?|.*password|passwd|passphrase|pwd|sessionid"
)
"""Not `token`: log probabilities use that name for pieces of the answer."""

_IDS = re.compile(
    r"(?:account|(?:stripe)?customer|enduser|(?:kilo)?organization|org|tenant|(?:kilo)?user|workspace)id"
    r"|safetyidentifier|(?:user)?email|user|(?:client|remote)?ip(?:address)?|phone(?:number)?"
)
_BALANCES = re.compile(
    r"(?:account|credit|current|organization)?balance|balanceusd|creditsremaining|limitremaining"
    r"|remainingcredits|totalcredits"
)
_PEOPLE = re.compile(r"account|organizations?|profile|user")
_OF_PEOPLE = re.compile(r"avatar(?:url)?|email|id|image|(?:user)?name")

_MONEY_IN_ERRORS = re.compile(
    r"(\b(?i:balance|can only afford|credits? (?:left|remaining))\b[^0-9\n]{0,20}?)[-0-9][0-9,]*(?:\.[0-9]+)?"
)
"""Amounts that an error's text tells of the account."""


def clean_fields(value: Any, text: Callable[[str], str]) -> Any:
    """Return the JSON value without secrets, ids and balances; `text` cleans every other string and key."""
    return _clean_fields(value, text, name="", owner="", in_error=isinstance(value, dict) and "error" in value)


def _clean_fields(value: Any, text: Callable[[str], str], *, name: str, owner: str, in_error: bool) -> Any:
    if isinstance(value, dict):
        cleaned = {}
        listed = value.get("name", value.get("key"))  # as lists of headers are written
        for key, item in value.items():
            plain = _plain(listed if key == "value" and isinstance(listed, str) else key)
            cleaned[text(str(key))] = _clean_fields(item, text, name=plain, owner=name, in_error=in_error)
        return cleaned
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and _SECRETS.fullmatch(_plain(value[0])):  # noqa: PLR2004 - a pair
            return [value[0], _clean_fields(value[1], text, name=_plain(value[0]), owner=owner, in_error=in_error)]
        return [_clean_fields(item, text, name=name, owner=owner, in_error=in_error) for item in value]
    is_named = bool(_SECRETS.fullmatch(name) or _IDS.fullmatch(name)) or bool(
        _PEOPLE.fullmatch(owner) and _OF_PEOPLE.fullmatch(name)
    )
    if isinstance(value, str):
        return _clean_text(value, text, is_named=is_named, name=name, in_error=in_error)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (is_named or _BALANCES.fullmatch(name)):
        return 0
    return value


def _plain(name: object) -> str:
    return _SEPARATORS.sub("", str(name)).lower()


def _clean_text(value: str, text: Callable[[str], str], *, is_named: bool, name: str, in_error: bool) -> str:
    if is_named and value:
        return REDACTED
    if _BALANCES.fullmatch(name) and re.fullmatch(r"-?[0-9.]+", value):
        return "0"
    cleaned = text(value)
    return _MONEY_IN_ERRORS.sub(r"\g<1>0", cleaned) if in_error else cleaned
