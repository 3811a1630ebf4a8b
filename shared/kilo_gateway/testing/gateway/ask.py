"""One chat request with everything that the gateway's rules look at. Holds values; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.identity import Identity
    from kilo_gateway.testing.gateway.state import GatewayState
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.received import ReceivedHeaders


@dataclass
class Ask:
    """A chat request on its way through the checks; `body` is never changed."""

    state: GatewayState
    headers: ReceivedHeaders
    body: Any
    identity: Identity
    parse_problem: str | None = None
    """What the JSON parser said; None when the body is JSON."""
    mode: str | None = None
    model: str = ""
    """The requested id, trimmed and lower-cased; empty when there is none."""
    resolved: str = ""
    """The id after auto routing."""
    api_kind: str = "chat_completions"
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> Version:
        """The server generation in use."""
        return self.state.options.version

    @property
    def provider(self) -> dict[str, Any]:
        """The request's routing object, empty when it has none."""
        found = self.body.get("provider")
        return found if isinstance(found, dict) else {}

    @property
    def user_id(self) -> str:
        """The account's id, or one that stands for the anonymous address."""
        account = self.identity.account
        return account.user_id if account else f"anon:{self.state.options.client_ip}"
