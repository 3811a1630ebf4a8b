"""A model object and its settings: made, copied, pickled, connected. Makes no request but the model list's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import ConfigDict, PrivateAttr, model_validator

from kilo_gateway._version import __version__
from kilo_gateway.auth import check_key
from kilo_gateway.discovery import known_catalog, known_to_be_free
from kilo_gateway.errors import KiloError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.settings import resolve_settings
from langchain_kilo.connection import Connection, ask_for_key, await_key
from langchain_kilo.errors import chat_error
from langchain_kilo.option_fields import OptionFields
from langchain_kilo.parameters import check_option_values, unify
from langchain_kilo.profile import CatalogProfile, render_profile
from langchain_kilo.setting_fields import SETTING_NAMES, SettingFields, merge_fields, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langchain_core.language_models import ModelProfile

    from kilo_gateway.catalog import Catalog
    from kilo_gateway.model_info import ModelInfo
    from kilo_gateway.settings import Settings

_SHARED = ("http_client", "http_async_client", "rate_limiter", "callbacks", "cache")
"""What copies of a model object have in common: connections, limits and stores."""


class ConfiguredModel(OptionFields, SettingFields, BaseChatModel):
    """What ChatKilo is made of before it asks anything."""

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True, protected_namespaces=())

    _connected: tuple[tuple[Any, ...], Connection] | None = PrivateAttr(default=None)
    """The connection in use, and the settings it was made from."""

    if not TYPE_CHECKING:  # type checkers see the fields as keyword arguments instead

        def __init__(self, **arguments: Any) -> None:
            try:
                given = unify(arguments, type(self).model_fields)
                if isinstance(given.get("profile"), CatalogProfile):
                    del given["profile"]  # of the object this one is a variant of, perhaps with another model
                check_option_values(given)
                settings = resolve_settings(settings_of(given), os.environ)
            except KiloError as error:
                raise chat_error(error) from error.__cause__
            super().__init__(**merge_fields(given, settings))
            self._connected = self._connection_key(), self._connect(settings)
            self._admit(settings)

    @model_validator(mode="after")
    def _set_kilo_version(self) -> Self:
        self._add_version("langchain-kilo", __version__)
        return self

    def _admit(self, settings: Settings) -> None:
        """Fetch the model list if it is wanted at startup, refuse a missing key, look up the profile."""
        if not callable(self.api_key):
            if settings.discover == "startup":
                self._own_connection().client.discover()
            try:
                is_free = known_to_be_free(settings, parse_model_id(self.model))
                check_key(settings, model=self.model, is_free=is_free)
            except KiloError as error:
                raise chat_error(error) from None
        if self.profile is None:
            self.profile = self._resolve_model_profile()

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

    def _known_catalog(self) -> Catalog:
        return known_catalog(self._own_connection().settings)

    def _resolve_model_profile(self) -> ModelProfile | None:
        """Return what the catalog, as known now, says of the model; None while the object is being made."""
        return None if self._connected is None else render_profile(self._known_catalog().get(self.model))

    def list_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the models of this account, fetched at most every ten minutes, and renew `profile`.

        Never raises for what the network does: then the bundled models are returned.
        """
        return self._learn(self._connection({}).client.discover(refresh=refresh))

    async def alist_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the models of this account; as `list_models`."""
        connection = await self._async_connection({})
        return self._learn(await connection.async_client.discover(refresh=refresh))

    def _learn(self, catalog: Catalog) -> list[ModelInfo]:
        if self.profile is None or isinstance(self.profile, CatalogProfile):
            self.profile = render_profile(catalog.get(self.model))
        return list(catalog.models)

    def __getstate__(self) -> dict[Any, Any]:
        """Leave keys, headers and connections out of a pickle; the copy takes its key from the environment."""
        state = super().__getstate__()
        dropped = dict.fromkeys(("api_key", "default_headers", "http_client", "http_async_client"))
        state["__dict__"] = {**state["__dict__"], **dropped}
        state["__pydantic_private__"] = {**(state["__pydantic_private__"] or {}), "_connected": None}
        return state

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy everything but connections, limits and stores, which the copies share."""
        memo = {} if memo is None else memo
        memo.update({id(shared): shared for name in _SHARED if (shared := getattr(self, name)) is not None})
        return super().__deepcopy__(memo)
