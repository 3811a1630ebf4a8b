"""An embedded gateway for tests and demos: a real HTTP server on loopback that behaves as Kilo Gateway does.

Needs `pip install "kilo-gateway[testing]"`. It never leaves the machine and never calls a language model.
"""

from __future__ import annotations

_EXTRA = ("h11", "jsonschema", "starlette", "uvicorn")

try:
    from kilo_gateway.testing.accounts import Account, Accounts, Organization
    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.foreground import serve
    from kilo_gateway.testing.gateway.errors import error_ids
    from kilo_gateway.testing.gateway.server import EmbeddedGateway
    from kilo_gateway.testing.options import VERSIONS, Options, Version
    from kilo_gateway.testing.received import Received, ReceivedHeaders
    from kilo_gateway.testing.reply import Reply
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] not in _EXTRA:
        raise
    raise ImportError(
        f'kilo_gateway.testing needs {error.name}: pip install "kilo-gateway[testing]"', name=error.name
    ) from error

__all__ = [
    "VERSIONS",
    "Account",
    "Accounts",
    "EmbeddedGateway",
    "Fault",
    "Options",
    "Organization",
    "Received",
    "ReceivedHeaders",
    "Reply",
    "Version",
    "error_ids",
    "serve",
]
