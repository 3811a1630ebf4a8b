"""What every model object here does with its settings: connect by them, be copied, be pickled. Makes no request."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.settings import key_left_behind, resolve_settings
from langchain_kilo.connection import Connection, ask_for_key, await_key
from langchain_kilo.setting_fields import SETTING_NAMES, ConnectionFields, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError

    from kilo_gateway.settings.settings import Settings

_PICKLED: Any = ((), None)
"""What an object out of a pickle has in place of a connection, so that it can say why it has no key."""

_SHARED = ("http_client", "http_async_client", "rate_limiter", "callbacks", "cache")
"""What copies have in common: connections, limits and stores."""


class Connected(ConnectionFields):
    """The connection of one object."""

    if TYPE_CHECKING:
        # Each class gives it the default None itself: a private attribute of a mixin makes pydantic skip the
        # framework's own model_post_init.
        _connected: tuple[tuple[Any, ...], Connection] | None
        """The connection in use, and the settings it was made from."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; a key is wrapped, so that it is not shown."""
        super().__setattr__(name, SecretStr(value) if name == "api_key" and isinstance(value, str) else value)

    def _connection_key(self) -> tuple[Any, ...]:
        """Return what decides about the connection; another value of a field needs another connection."""
        fields = self.__dict__
        headers = dict(fields.get("default_headers") or {})
        settings = (headers if name == "default_headers" else fields.get(name) for name in SETTING_NAMES)
        return (*settings, fields.get("http_client"), fields.get("http_async_client"))

    def _connect(self, settings: Settings) -> Connection:
        return Connection(settings, self.http_client, self.http_async_client)

    def _own_connection(self) -> Connection:
        """Return the connection of this object, made anew when a field was changed since."""
        key = self._connection_key()
        if self._connected is None or self._connected[0] != key:
            settings = resolve_settings(settings_of(self.__dict__), os.environ)
            if self._connected == _PICKLED:
                settings = key_left_behind(settings)
            self._connected = key, self._connect(settings)
        return self._connected[1]

    def _connection(self, changes: Mapping[str, Any]) -> Connection:
        """Return the connection of a call; `changes` are the settings it replaces."""
        connection = self._own_connection()
        if callable(self.api_key) and "api_key" not in changes:
            connection = connection.with_key(ask_for_key(self.api_key))
        return connection.with_settings(changes) if changes else connection

    async def _async_connection(self, changes: Mapping[str, Any]) -> Connection:
        connection = self._own_connection()
        if callable(self.api_key) and "api_key" not in changes:
            connection = connection.with_key(await await_key(self.api_key))
        return connection.with_settings(changes) if changes else connection

    def __getstate__(self) -> dict[Any, Any]:
        """Leave keys, headers and connections out of a pickle; the copy takes its key from the environment."""
        state = super().__getstate__()
        dropped = dict.fromkeys(("api_key", "default_headers", "http_client", "http_async_client"))
        state["__dict__"] = {**state["__dict__"], **dropped}
        state["__pydantic_private__"] = {**(state["__pydantic_private__"] or {}), "_connected": _PICKLED}
        return state

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy everything but connections, limits and stores, which the copies share."""
        memo = {} if memo is None else memo
        memo.update({id(shared): shared for name in _SHARED if (shared := self.__dict__.get(name)) is not None})
        return super().__deepcopy__(memo)


_KEYS = ("api_key", "kilo_api_key")


def hide_key(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the key wrapped, so that a traceback that shows variables does not show it."""
    return {
        name: SecretStr(value) if name in _KEYS and isinstance(value, str) else value
        for name, value in arguments.items()
    }


def without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value: None counts as not given."""
    return {name: value for name, value in fields.items() if value is not None}


def explain(error: ValidationError) -> InvalidSettingError:
    """Return what pydantic found as an error of this package: the fields and what is wrong, without the values."""
    found = (f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}" for item in error.errors())
    return InvalidSettingError("; ".join(found))
