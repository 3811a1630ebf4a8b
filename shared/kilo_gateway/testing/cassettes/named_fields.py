"""Fields of JSON that are cleaned because of their name: credentials, ids of accounts and people, balances."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.redaction import REDACTED

if TYPE_CHECKING:
    from collections.abc import Callable

_SEPARATORS = re.compile(r"[-_ .]")

_SECRETS = frozenset(
    {
        "accesskey",
        "accesstoken",
        "apikey",
        "authorization",
        "authtoken",
        "bearertoken",
        "clientsecret",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "idtoken",
        "passwd",
        "password",
        "privatekey",
        "proxyauthorization",
        "refreshtoken",
        "secret",
        "secretkey",
        "sessiontoken",
        "setcookie",
        "xapikey",
    }
)
"""Not `token`: log probabilities use that name for pieces of the answer."""

_IDS = frozenset(
    {
        "accountid",
        "customerid",
        "email",
        "enduserid",
        "kiloorganizationid",
        "kilouserid",
        "organizationid",
        "orgid",
        "safetyidentifier",
        "stripecustomerid",
        "tenantid",
        "user",
        "useremail",
        "userid",
        "workspaceid",
    }
)
_BALANCES = frozenset(
    {
        "accountbalance",
        "balance",
        "balanceusd",
        "creditbalance",
        "creditsremaining",
        "currentbalance",
        "limitremaining",
        "organizationbalance",
        "remainingcredits",
        "totalcredits",
    }
)
_PEOPLE = frozenset(
    {
        "account",
        "organization",
        "organizations",
        "profile",
        "user",
    }
)
_OF_PEOPLE = frozenset(
    {
        "avatar",
        "avatarurl",
        "email",
        "id",
        "image",
        "name",
        "username",
    }
)

_MONEY_IN_ERRORS = re.compile(
    r"(\b(?i:balance|can only afford|credits? (?:left|remaining))\b[^0-9\n]{0,20}?)[-0-9][0-9,]*(?:\.[0-9]+)?"
)
"""Amounts that an error's text tells of the account."""


def clean(value: Any, text: Callable[[str], str]) -> Any:
    """Return the JSON value without secrets, ids and balances; `text` cleans every other string and key."""
    return _clean(value, text, name="", owner="", in_error=isinstance(value, dict) and "error" in value)


def _clean(value: Any, text: Callable[[str], str], *, name: str, owner: str, in_error: bool) -> Any:
    if isinstance(value, dict):
        cleaned = {}
        for key, item in value.items():
            plain = _SEPARATORS.sub("", str(key)).lower()
            cleaned[text(str(key))] = _clean(item, text, name=plain, owner=name, in_error=in_error)
        return cleaned
    if isinstance(value, list):
        return [_clean(item, text, name=name, owner=owner, in_error=in_error) for item in value]
    is_named = name in _SECRETS or name in _IDS or (owner in _PEOPLE and name in _OF_PEOPLE)
    if isinstance(value, str):
        return _clean_text(value, text, is_named=is_named, name=name, in_error=in_error)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and (is_named or name in _BALANCES):
        return 0
    return value


def _clean_text(value: str, text: Callable[[str], str], *, is_named: bool, name: str, in_error: bool) -> str:
    if is_named and value:
        return REDACTED
    if name in _BALANCES and re.fullmatch(r"-?[0-9.]+", value):
        return "0"
    cleaned = text(value)
    return _MONEY_IN_ERRORS.sub(r"\g<1>0", cleaned) if in_error else cleaned
