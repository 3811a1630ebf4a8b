"""Who is calling, as the request's headers say it. Decides from plain values; sends nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.testing.accounts import Account, Accounts, Organization
    from kilo_gateway.testing.received import ReceivedHeaders

_BEARER = re.compile(r"bearer +(\S.*)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Identity:
    """The caller: an account, or why there is none."""

    account: Account | None = None
    organization: Organization | None = None
    problem: str | None = None
    """The id of the auth error; None for a good key."""
    is_presented: bool = False
    """Whether a credential other than `anonymous` was sent."""

    @property
    def balance(self) -> float:
        """What the caller may spend, in USD; an organization's balance stands before the account's."""
        if self.organization is not None:
            return self.organization.balance
        return self.account.balance if self.account else 0.0


def header_value(headers: ReceivedHeaders, name: str) -> str | None:
    """Return the header trimmed; None when absent or empty."""
    return (headers.get(name) or "").strip() or None


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
        return Identity(problem=account.refused if account else "auth_result_1", is_presented=True)
    organization_id = header_value(headers, "x-kilocode-organizationid")
    if organization_id is None:
        return Identity(account=account, is_presented=True)
    if not _UUID.fullmatch(organization_id):
        return Identity(problem="auth_result_8", is_presented=True)
    organization = account.organization(organization_id)
    if organization is None:
        return Identity(problem="auth_result_9", is_presented=True)
    return Identity(account=account, organization=organization, is_presented=True)
