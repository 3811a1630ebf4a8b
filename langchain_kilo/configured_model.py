"""A chat model and its settings: made, checked, described by the catalog. Makes no request but the model list's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models.chat_models import BaseChatModel
from pydantic import ConfigDict, PrivateAttr, ValidationError, model_validator

from kilo_gateway._version import __version__
from kilo_gateway.catalog.discovery import known_catalog, known_to_be_free
from kilo_gateway.errors import KiloError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.settings.auth import check_key
from kilo_gateway.settings.settings import resolve_settings
from langchain_kilo.connected import Connected, explain, hide_key, without_none
from langchain_kilo.errors import chat_error
from langchain_kilo.option_fields import OptionFields
from langchain_kilo.parameters import check_option_values, unify
from langchain_kilo.profile import CatalogProfile, render_profile
from langchain_kilo.setting_fields import SettingFields, merge_fields, settings_of

if TYPE_CHECKING:
    from langchain_core.language_models import ModelProfile

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.models import ModelInfo
    from kilo_gateway.settings.settings import Settings
    from langchain_kilo.connection import Connection


class ConfiguredModel(OptionFields, Connected, SettingFields, BaseChatModel):
    """What ChatKilo is made of before it asks anything."""

    model_config = ConfigDict(
        arbitrary_types_allowed=True, hide_input_in_errors=True, protected_namespaces=(), defer_build=True
    )

    _connected: tuple[tuple[Any, ...], Connection] | None = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # type checkers see the fields as keyword arguments instead

        def __init__(self, **arguments: Any) -> None:
            arguments = hide_key(arguments)
            try:
                given = unify(arguments, type(self).model_fields)
                if isinstance(given.get("profile"), CatalogProfile):
                    del given["profile"]  # of the object this one is a variant of, perhaps with another model
                check_option_values(given)
                settings = resolve_settings(settings_of(given), os.environ)
            except KiloError as error:
                raise chat_error(error) from error.__cause__
            try:
                super().__init__(**without_none(merge_fields(given, settings)))
            except ValidationError as error:
                raise chat_error(explain(error)) from None
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
