"""The core's clients of one model object, made when first needed, anew when a setting changes. Holds no socket."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.settings import resolve_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from kilo_gateway.async_client import AsyncKiloClient
    from kilo_gateway.client import KiloClient
    from kilo_gateway.settings.settings import Settings


class ClientPair:
    """Settings and the two clients over them."""

    def __init__(self, settings: Settings, http_client: Any = None, async_http_client: Any = None) -> None:
        self.settings = settings
        self._http_client = http_client
        self._async_http_client = async_http_client
        self._client: KiloClient | None = None
        self._async_client: AsyncKiloClient | None = None

    @property
    def client(self) -> KiloClient:
        """The client for sync calls."""
        if self._client is None:
            from kilo_gateway.client import KiloClient  # noqa: PLC0415 - loads the engine, which a constructor needs not

            self._client = KiloClient(self.settings, http_client=self._http_client)
        return self._client

    @property
    def async_client(self) -> AsyncKiloClient:
        """The client for async calls."""
        if self._async_client is None:
            from kilo_gateway.async_client import AsyncKiloClient  # noqa: PLC0415 - loads the engine, too

            self._async_client = AsyncKiloClient(self.settings, http_client=self._async_http_client)
        return self._async_client

    def with_settings(self, changes: Mapping[str, Any]) -> ClientPair:
        """Return a pair with some settings replaced.

        Raises:
            SetupError: a setting that cannot work.
        """
        given = {name: getattr(self.settings, name) for name in self.settings.origins}
        return ClientPair(
            resolve_settings({**given, **changes}, os.environ), self._http_client, self._async_http_client
        )

    def with_key(self, key: Any) -> ClientPair:
        """Return a pair with the key that a function of the caller's has returned."""
        if key is None:
            raise InvalidSettingError("The function given as api_key returned None; it must return the key.")
        return self.with_settings({"api_key": key})


def ask_for_key(provider: Any) -> str | SecretStr:
    """Return what a key function returns, in a sync call.

    Raises:
        InvalidSettingError: the function is async.
    """
    key = provider()
    if inspect.isawaitable(key):
        if inspect.iscoroutine(key):
            key.close()
        raise InvalidSettingError(
            "api_key is an async function, which only async calls can ask: await the call, or pass a plain function."
        )
    return key  # type: ignore[no-any-return] # checked by the settings


async def await_key(provider: Any) -> str | SecretStr:
    """Return what a key function returns, in an async call."""
    key = provider()
    return await key if inspect.isawaitable(key) else key  # type: ignore[no-any-return] # checked by the settings
