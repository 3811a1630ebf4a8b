"""The environment variables under which a cassette is used, and the gateway that is asked while one is recorded."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kilo_gateway.settings.auth import ANONYMOUS
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL, check_cleartext, parse_proxies
from kilo_gateway.settings.settings import VARIABLES
from kilo_gateway.testing.cassettes.origin import EMBEDDED_BASE_URL, move
from kilo_gateway.transport.interception import Destination

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLACEHOLDER_KEY = "no-key-is-needed-to-replay"
"""What stands in `KILOCODE_API_KEY` while the environment names no key that is to be used."""

_KEYS = VARIABLES["api_key"]
_BASE_URLS = VARIABLES["base_url"]
_ORGANIZATIONS = VARIABLES["organization_id"]
_OF_AN_ACCOUNT = (*_KEYS, *_ORGANIZATIONS, *_BASE_URLS)
_ORGANIZATION_HEADER = "X-KiloCode-OrganizationId"

_THIS_MACHINE = "http://127.0.0.1/"
"""The address in a cassette of no known gateway; everything of this machine would lie below it."""

_changes: list[tuple[dict[str, str | None], dict[str, str | None]]] = []
"""What each cassette in use has set and what stood there before, the outermost first."""

_known_base_urls = {DEFAULT_BASE_URL, EMBEDDED_BASE_URL}
"""The gateway of an object that was given none, be it made outside of any cassette or while one was in use."""


def own_environment() -> dict[str, str]:
    """Return the environment as its owner has it: without what the cassettes in use have set."""
    environ: dict[str, str | None] = dict(os.environ)
    for changed, before in reversed(_changes):
        environ.update({name: before[name] for name, value in changed.items() if environ.get(name) == value})
    return {name: value for name, value in environ.items() if value is not None}


def has_gateway(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names a key, or a gateway of its own."""
    return any(environ.get(name, "").strip() for name in (*_KEYS, *_BASE_URLS))


def base_url_of(environ: Mapping[str, str]) -> str:
    """Return the gateway's address that the environment names, or the real one's; it ends with a slash."""
    return (_first(environ, _BASE_URLS) or DEFAULT_BASE_URL).rstrip("/") + "/"


def secrets_of(environ: Mapping[str, str]) -> list[str]:
    """Return the keys and ids that the environment names: they must appear nowhere."""
    return [environ[name] for name in (*_KEYS, *_ORGANIZATIONS) if environ.get(name)]


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environ[name].strip() for name in names if environ.get(name, "").strip()), None)


def at_gateway(url: str, base_url: str) -> str | None:
    """Return the address at the gateway `base_url`, when it is that of an object that was given no other gateway."""
    return move(url, sorted({base_url, *_known_base_urls}, key=len, reverse=True), base_url)


@contextmanager
def placeholders(base_url: str | None) -> Iterator[None]:
    """Put a placeholder key and this gateway into the environment, and no other variable of an account."""
    base_url = base_url or EMBEDDED_BASE_URL
    if base_url != _THIS_MACHINE:
        _known_base_urls.add(base_url)
    values = {**dict.fromkeys(_OF_AN_ACCOUNT), _KEYS[0]: PLACEHOLDER_KEY, _BASE_URLS[0]: base_url}
    change = values, {name: os.environ.get(name) for name in values}
    _changes.append(change)
    _set(values)
    try:
        yield
    finally:
        _changes.remove(change)
        _set(change[1])


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


class RecordingGateway:
    """The gateway that answers while a cassette is recorded: the environment's, else an embedded one.

    The embedded one is started by the first request. Whenever an object was made, its requests come here.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.is_embedded = not has_gateway(environ)
        self._key = _first(environ, _KEYS)
        self._organization = _first(environ, _ORGANIZATIONS)
        self._base_url = base_url_of(environ)
        self._embedded: Any = None
        self._lock = threading.Lock()

    def answers_embedded(self, url: str) -> bool:
        """Return whether a request to this address is answered by the embedded gateway."""
        return self.is_embedded and at_gateway(url, self._base_url) is not None

    def destination(self, url: str, headers: Mapping[str, str]) -> Destination | None:
        """Return where a request goes; None for one that names a gateway of its own.

        Raises:
            InvalidSettingError: the key would cross a network unencrypted.
        """
        if at_gateway(url, self._base_url) is None:
            return None
        if self.is_embedded:
            self._start()
        moved = at_gateway(url, self._base_url) or url
        bearer = headers.get("authorization", "").rpartition(" ")[2]
        if not self.is_embedded and bearer not in {PLACEHOLDER_KEY, ANONYMOUS, ""}:
            return Destination(moved, {})
        added = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        if self._organization and not self.is_embedded and _ORGANIZATION_HEADER.lower() not in headers:
            added[_ORGANIZATION_HEADER] = self._organization
        if self._key:
            check_cleartext(self._base_url, proxies=parse_proxies(os.environ))
        return Destination(moved, added)

    def _start(self) -> None:
        from kilo_gateway.testing import EmbeddedGateway  # noqa: PLC0415 - a replay must not pay for a server

        with self._lock:
            if self._embedded is None:
                self._embedded = EmbeddedGateway().start()
                self._key, self._base_url = self._embedded.api_key, self._embedded.base_url

    def stop(self) -> None:
        """Stop the embedded gateway if one was started."""
        if self._embedded is not None:
            self._embedded.stop()
            self._embedded = None
