"""What a user's tests may import: recorded cassettes, and an embedded gateway, a real HTTP server on loopback.

Needs `pip install "kilo-gateway[testing]"`. Names are imported when they are first used. The embedded gateway never
leaves the machine and never calls a language model.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kilo_gateway.testing.accounts import Account as Account
    from kilo_gateway.testing.accounts import Accounts as Accounts
    from kilo_gateway.testing.accounts import Organization as Organization
    from kilo_gateway.testing.cassettes.check import Finding as Finding
    from kilo_gateway.testing.cassettes.check import check_cassettes as check_cassettes
    from kilo_gateway.testing.cassettes.decorator import UnusedInteractionsWarning as UnusedInteractionsWarning
    from kilo_gateway.testing.cassettes.decorator import use_cassette as use_cassette
    from kilo_gateway.testing.cassettes.errors import CassetteError as CassetteError
    from kilo_gateway.testing.cassettes.errors import NetworkBlockedError as NetworkBlockedError
    from kilo_gateway.testing.cassettes.errors import NoMatchError as NoMatchError
    from kilo_gateway.testing.cassettes.errors import SecretFoundError as SecretFoundError
    from kilo_gateway.testing.cassettes.errors import UnreadableCassetteError as UnreadableCassetteError
    from kilo_gateway.testing.cassettes.errors import UnusedInteractionsError as UnusedInteractionsError
    from kilo_gateway.testing.cassettes.vcr_config import kilo_vcr_config as kilo_vcr_config
    from kilo_gateway.testing.fault import Fault as Fault
    from kilo_gateway.testing.foreground import serve as serve
    from kilo_gateway.testing.gateway.errors import error_ids as error_ids
    from kilo_gateway.testing.gateway.server import EmbeddedGateway as EmbeddedGateway
    from kilo_gateway.testing.options import VERSIONS as VERSIONS
    from kilo_gateway.testing.options import Options as Options
    from kilo_gateway.testing.options import Version as Version
    from kilo_gateway.testing.received import Received as Received
    from kilo_gateway.testing.received import ReceivedHeaders as ReceivedHeaders
    from kilo_gateway.testing.reply import Reply as Reply

_EXTRA = ("jsonschema", "starlette", "uvicorn", "vcr", "yaml")

_HOMES = {
    "accounts": ("Account", "Accounts", "Organization"),
    "cassettes.check": ("Finding", "check_cassettes"),
    "cassettes.decorator": ("UnusedInteractionsWarning", "use_cassette"),
    "cassettes.errors": (
        "CassetteError",
        "NetworkBlockedError",
        "NoMatchError",
        "SecretFoundError",
        "UnreadableCassetteError",
        "UnusedInteractionsError",
    ),
    "cassettes.vcr_config": ("kilo_vcr_config",),
    "fault": ("Fault",),
    "foreground": ("serve",),
    "gateway.errors": ("error_ids",),
    "gateway.server": ("EmbeddedGateway",),
    "options": ("VERSIONS", "Options", "Version"),
    "received": ("Received", "ReceivedHeaders"),
    "reply": ("Reply",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - the table above is the list


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        raise ImportError(
            f'kilo_gateway.testing needs {package}: pip install "kilo-gateway[testing]"', name=error.name
        ) from error


def __dir__() -> list[str]:
    return __all__
