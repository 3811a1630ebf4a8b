"""Who may use the embedded gateway: accounts, organizations and their policies. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_KEY = "embedded-gateway-key"
"""The key of the ordinary account that every embedded gateway starts with."""
DEFAULT_ORGANIZATION = "11111111-2222-4333-8444-555555555555"
"""An organization that the ordinary account belongs to."""


@dataclass(kw_only=True)
class Organization:
    """An organization that an account is a member of, with its policies."""

    id: str = DEFAULT_ORGANIZATION
    name: str = "Embedded Organization"
    role: str = "member"
    balance: float = 100.0
    """USD; what the member may still spend today, when that is less."""
    allowed_models: Sequence[str] | None = None
    """Lower-case ids; None allows all."""
    allowed_providers: Sequence[str] | None = None
    """Slugs that replace the request's own `provider.only`; None leaves the request's routing alone."""
    data_collection: str | None = None
    """`allow` or `deny`, replacing the request's; None leaves it."""
    auto_model: str | None = None
    """What `kilo-auto/org` stands for; None means it is not set up."""


@dataclass(kw_only=True)
class Account:
    """Somebody with a key."""

    key: str
    user_id: str = "user-1"
    email: str = "user-1@example.com"
    name: str = "User One"
    balance: float = 25.0
    """USD; may be negative."""
    organizations: Sequence[Organization] = ()
    byok: bool = False
    """Whether requests go to the provider with the user's own key there; then no balance is needed."""
    is_byok_upstream: bool = False
    """Whether the gateway's own key at the provider was used, which `usage.is_byok` then says."""
    has_paid: bool = True
    top_up_in_progress: bool = False
    refused: str | None = None
    """The id of the auth error that this key gets (`auth_result_1` bad token, `auth_result_6` blocked ...); None
    accepts it."""

    def organization(self, organization_id: str) -> Organization | None:
        """Return the organization of that id, or None when this account is not a member."""
        return next((one for one in self.organizations if one.id == organization_id.lower()), None)


@dataclass
class Accounts:
    """The accounts of one gateway, by key."""

    by_key: dict[str, Account] = field(default_factory=dict)

    def add(self, account: Account) -> Account:
        """Add an account, or replace the one with its key."""
        self.by_key[account.key] = account
        return account

    def adjust(self, key: str, **changes: Any) -> Account:
        """Set fields of the account with that key.

        Raises: KeyError for an unknown key, AttributeError for an unknown field.
        """
        account = self.by_key[key]
        for name, value in changes.items():
            if not hasattr(account, name):
                raise AttributeError(f"an account has no field {name!r}")
            setattr(account, name, value)
        return account

    def get(self, key: str) -> Account | None:
        """Return the account with that key, or None."""
        return self.by_key.get(key)

    def __getitem__(self, key: str) -> Account:
        return self.by_key[key]

    def __iter__(self) -> Iterator[Account]:
        return iter(list(self.by_key.values()))

    def __len__(self) -> int:
        return len(self.by_key)


def starting_accounts() -> Accounts:
    """Return the accounts that a fresh gateway has: one ordinary account with balance and an organization."""
    accounts = Accounts()
    accounts.add(Account(key=DEFAULT_KEY, organizations=(Organization(),)))
    return accounts
