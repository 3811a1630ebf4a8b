"""One request with all that its answer depends on. Holds values; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from kilo_gateway.testing.gateway.errors import render_error
from kilo_gateway.testing.gateway.identity import Identity, identify
from kilo_gateway.testing.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.gateway.answer import Answer
    from kilo_gateway.testing.gateway.state import GatewayState
    from kilo_gateway.testing.loopback.connection import NumberedProtocol
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.received import Received


@dataclass
class IncomingRequest:
    """A request, the connection that it came on, and what the script holds for it."""

    state: GatewayState
    received: Received
    connection: NumberedProtocol
    endpoint: str
    parameters: Mapping[str, str]
    """What the path named."""
    fault: Fault | None = None
    reply: Reply | None = None
    """Set once it is taken from the script."""

    def __post_init__(self) -> None:
        self.number = self.state.next_number()

    @property
    def version(self) -> Version:
        """The server generation in use."""
        return self.state.options.version

    @cached_property
    def identity(self) -> Identity:
        """Who is calling."""
        return identify(self.received.headers, self.state.accounts)

    @property
    def user_id(self) -> str:
        """The account's id, or one that stands for the anonymous address."""
        account = self.identity.account
        return account.user_id if account else f"anon:{self.state.options.client_ip}"

    def refusal(self, error_id: str, *, fill: Mapping[str, str] | None = None) -> Answer:
        """Return one of the gateway's own errors."""
        return render_error(error_id, fill=fill)

    def take_reply(self) -> Reply | None:
        """Return the scripted reply, which is used up by that: the fault's own, else the next one of the script."""
        if self.fault is not None:
            self.reply = self.fault.reply
        elif self.reply is None:
            self.reply = self.state.take(self.endpoint, Reply)
        return self.reply

    async def pause(self, seconds: float) -> None:
        """Wait so long.

        Raises: ClientDisconnect when the client left meanwhile.
        """
        if not await self.connection.pause(seconds):
            raise ClientDisconnect
