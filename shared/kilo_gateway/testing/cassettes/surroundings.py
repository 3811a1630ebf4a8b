"""The environment variables under which a cassette is used, and the embedded gateway that records without a key."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kilo_gateway.settings.base_url import DEFAULT_BASE_URL
from kilo_gateway.settings.settings import VARIABLES
from kilo_gateway.testing.cassettes.origin import EMBEDDED_BASE_URL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLACEHOLDER_KEY = "no-key-is-needed-to-replay"
"""What stands in `KILOCODE_API_KEY` while nothing can be sent."""

_KEYS = VARIABLES["api_key"]
_BASE_URLS = VARIABLES["base_url"]
_OF_AN_ACCOUNT = (*_KEYS, *VARIABLES["organization_id"], *_BASE_URLS)

_ports: list[int] = []
"""The port of this process's last embedded gateway: the next one takes it too, for models that outlive a test."""


def has_gateway(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names a key, or a gateway of its own."""
    return any(environ.get(name, "").strip() for name in (*_KEYS, *_BASE_URLS))


def base_url_of(environ: Mapping[str, str]) -> str:
    """Return the gateway's address that the environment names, or the real one's."""
    return next((environ[name] for name in _BASE_URLS if environ.get(name)), DEFAULT_BASE_URL)


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Return the keys and ids that the environment names: they must appear nowhere."""
    names = (*_KEYS, *VARIABLES["organization_id"])
    return [environ[name] for name in names if environ.get(name)]


@contextmanager
def replaying(base_url: str | None) -> Iterator[None]:
    """Put a placeholder key and the recorded address into the environment: models can be made, none can call."""
    with _environment({_KEYS[0]: PLACEHOLDER_KEY, _BASE_URLS[0]: base_url or EMBEDDED_BASE_URL}):
        yield


@contextmanager
def recording() -> Iterator[None]:
    """Leave the environment as it is when it names a key or a gateway; else start an embedded gateway and name it."""
    if has_gateway(os.environ):
        yield
        return
    gateway = _start()
    try:
        with _environment({_KEYS[0]: gateway.api_key, _BASE_URLS[0]: gateway.base_url}):
            yield
    finally:
        gateway.stop()


def _start() -> Any:
    from kilo_gateway.testing import EmbeddedGateway  # noqa: PLC0415 - a replay must not pay for a server

    for port in _ports:
        try:
            return EmbeddedGateway(port=port).start()
        except OSError:
            _ports.clear()
    gateway = EmbeddedGateway().start()
    _ports.append(gateway.port)
    return gateway


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set these variables and no other one of an account, and put everything back afterwards."""
    names = {*_OF_AN_ACCOUNT, *values}
    before = {name: os.environ.get(name) for name in names}
    try:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(values)
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
