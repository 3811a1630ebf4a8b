"""Who is calling, as the request's headers say it. Decides from plain values; sends nothing."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from kilo_gateway.testing.data_files import load_table

if TYPE_CHECKING:
    from kilo_gateway.testing.accounts import Account, Accounts, Organization
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.received import ReceivedHeaders

HEADER_CHARACTERS = 500
_BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_KILO_AGENT = "Kilo-Code/"


@dataclass(frozen=True)
class Identity:
    """The caller: an account, or why there is none."""

    account: Account | None = None
    organization: Organization | None = None
    problem: str | None = None
    """The id of the auth error; None for a good key and for no credential at all."""
    presented: bool = False
    """Whether a credential other than `anonymous` was sent."""

    @property
    def balance(self) -> float:
        """What the caller may spend, in USD; an organization's balance stands before the account's."""
        if self.organization is not None:
            return self.organization.balance
        return self.account.balance if self.account else 0.0


def header_value(headers: ReceivedHeaders, name: str, *, characters: int = HEADER_CHARACTERS) -> str | None:
    """Return the header cut, then trimmed; None when absent or empty."""
    return (headers.get(name) or "")[:characters].strip() or None


def identify(headers: ReceivedHeaders, accounts: Accounts) -> Identity:
    """Return who presents this Authorization and organization header."""
    match = _BEARER.fullmatch((headers.get("authorization") or "").strip())
    if match is None:
        return Identity(problem="auth_result_0")
    key = match.group(1)
    if key == "anonymous":
        return Identity(problem="auth_result_1")
    account = accounts.get(key)
    if account is None or account.refused:
        return Identity(problem=account.refused if account else "auth_result_1", presented=True)
    organization_id = header_value(headers, "x-kilocode-organizationid")
    if organization_id is None:
        return Identity(account=account, presented=True)
    if not _UUID.fullmatch(organization_id):
        return Identity(problem="auth_result_8", presented=True)
    organization = account.organization(organization_id)
    if organization is None:
        return Identity(problem="auth_result_9", presented=True)
    return Identity(account=account, organization=organization, presented=True)


def resolve_feature(headers: ReceivedHeaders, version: Version, *, default: str = "direct-gateway") -> str | None:
    """Return the feature that the request is booked under; None for a word the version does not know."""
    value = (header_value(headers, "x-kilocode-feature") or "").lower()
    if value:
        return value if value in load_table("features")[version] else None
    if version == "2026-02" or (headers.get("user-agent") or "").startswith(_KILO_AGENT):
        return None
    return default


def resolve_mode(headers: ReceivedHeaders, version: Version) -> str | None:
    """Return the mode header as the version compares it."""
    value = header_value(headers, "x-kilocode-mode")
    return value.lower() if value and version == "2026-02" else value


def cache_key(user_id: str, task_id: str) -> str:
    """Return the 44-character `prompt_cache_key` of a user's task."""
    return base64.b64encode(sha256(f"kilo-embedded{user_id}{task_id}".encode()).digest()).decode()


def user_hash(user_id: str) -> str:
    """Return what the upstream sees instead of the user's id."""
    return sha256(f"kilo-embedded-user{user_id}".encode()).hexdigest()
