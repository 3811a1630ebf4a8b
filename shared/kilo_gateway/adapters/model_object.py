"""What every model object does with its settings: connect by them, be changed, copied, shown and pickled.

Making one touches no network, unless discovery at startup is asked for.
"""

from __future__ import annotations

import os
from inspect import signature
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_serializer

from kilo_gateway.adapters.arguments import explain_unnamed, rename_arguments, setting_error, without_none
from kilo_gateway.adapters.client_pair import ClientPair, ask_for_key, await_key
from kilo_gateway.adapters.secrets import hide_key, open_headers
from kilo_gateway.adapters.signature import FieldSignature
from kilo_gateway.catalog.discovery import known_catalog, known_to_be_free
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.settings.auth import ANONYMOUS, check_key
from kilo_gateway.settings.settings import VARIABLES, key_left_behind, resolve_settings
from kilo_gateway.settings.timeouts import dumpable_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.settings.settings import Settings

_SETTINGS = tuple(name for name in VARIABLES if name != "model")
"""Settings that make the clients; the model is an argument of each call."""

_settings_in = itemgetter(*_SETTINGS)
"""The values of those fields; asked for at each call, which this makes a third as long."""

PER_CALL = frozenset(VARIABLES) - {"model", "timeout", "discover"}
"""Settings that a call may replace, making clients of its own; model and timeout are arguments of every call."""

_PICKLED: Any = ((), None)
"""What an object out of a pickle has in place of clients, so that it can say why it has no key."""

_COPIES_SHARE = (
    "http_client", "http_async_client", "async_http_client", "rate_limiter", "callbacks", "callback_manager", "cache",
    "embeddings_cache",
)  # fmt: skip
"""Fields of the frameworks and of ours that copies have in common: connections, limits and stores."""


class ModelObject(BaseModel):
    """The settings of one object, and its clients by them. None means not given: the environment decides."""

    # Deferred, because only whole classes are ever made: each of their bases would cost 5 ms of every import.
    model_config = ConfigDict(
        arbitrary_types_allowed=True, hide_input_in_errors=True, protected_namespaces=(), defer_build=True
    )

    _model_field: ClassVar[str] = "model"
    """The field that names the model."""
    _default_model: ClassVar[str | None] = None
    """The model that is taken where none is given; None: that of the settings."""
    _async_client_field: ClassVar[str] = "async_http_client"
    """The field of an httpx client for async calls, which each framework names its own way."""
    _aliases: ClassVar[dict[str, str]] = {}
    """Other names of arguments -> their fields. One that is a field as well has the same value."""

    http_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.Client` of yours for sync calls, used as it is and never closed."""

    if TYPE_CHECKING:
        # The fields of the settings stand in `adapters.fields`. The private attribute stands in each whole class: one
        # of a mixin makes pydantic skip the framework's own model_post_init.
        api_key: SecretStr | str | Callable[[], Any] | None = None
        default_headers: Mapping[str, str] | None = None
        _current_clients: tuple[tuple[Any, ...], ClientPair] | None
        """The clients in use, and the values of the fields that they were made from."""
    else:  # type checkers see the fields as keyword arguments instead

        def __init__(self, *unnamed: Any, **arguments: Any) -> None:
            """Take settings of the gateway and options of its requests by name; the reference explains each."""
            arguments = hide_key(arguments)
            self._set_up(arguments, *unnamed)

        # What pydantic shows once it has built a class: nobody is to write an argument without its name.
        __init__.__signature__ = signature(lambda self, **arguments: None)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls.__signature__ = FieldSignature()  # type: ignore[assignment] # made when asked for

    def _set_up(self, arguments: Mapping[str, Any], *unnamed: Any) -> None:
        """Become an object of these arguments.

        Raises:
            SetupError: an unknown argument, a value that cannot work, or no key for a model that needs one.
        """
        cls = type(self)
        if unnamed:
            example = cls.model_fields[cls._model_field].default
            raise InvalidSettingError(explain_unnamed(cls.__name__, cls._model_field, unnamed[0], example=example))
        given = rename_arguments(arguments, cls.model_fields, owner=cls.__name__, aliases=cls._aliases)
        given = without_none(self._check_arguments(given))
        settings = self._resolve(given)
        try:
            super().__init__(**without_none(self._effective_fields(given, settings)))
        except ValidationError as error:
            raise setting_error(error) from None
        self._current_clients = self._clients_key(), self._connect(settings)
        if callable(self.api_key):
            return
        if settings.discover == "startup":
            self._current_clients[1].client.discover()
        is_free = known_to_be_free(settings, parse_model_id(settings.model))
        check_key(settings, model=settings.model, is_free=is_free)

    @classmethod
    def _check_arguments(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments that count. Raises SetupError for those that the wire cannot take."""
        return given

    @classmethod
    def _resolve(cls, fields: Mapping[str, Any]) -> Settings:
        """Return the settings that fields and environment make; a key function is asked at each call instead."""
        given = {name: fields.get(name) for name in _SETTINGS}
        if callable(given["api_key"]):
            given["api_key"] = ANONYMOUS
        model = fields.get(cls._model_field)
        given["model"] = cls._default_model if model is None else model
        return resolve_settings(given, os.environ)

    @classmethod
    def _effective_fields(cls, given: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
        """Return the arguments with the effective settings in their place, so that the object shows what it uses.

        What nobody gave keeps the field's default, so that a dump does not freeze it.
        """
        values = {name: getattr(settings, name) for name in _SETTINGS if name in settings.origins}
        if "timeout" in values:
            values["timeout"] = dumpable_timeout(given.get("timeout"), settings.timeout)
        if callable(given.get("api_key")):
            del values["api_key"]
        fields = {**given, **values, cls._model_field: settings.model}
        return fields | {name: fields.get(field) for name, field in cls._aliases.items() if name in cls.model_fields}

    @property
    def settings(self) -> Settings:
        """The effective settings; `settings.describe()` says where each came from, secrets masked."""
        return self._own_clients().settings

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; a change of a setting counts from the next call on, and one that cannot work is refused."""
        name = self._aliases.get(name, name)
        if name not in _SETTINGS:
            super().__setattr__(name, value)
            return
        given = hide_key({name: value})
        fields = without_none(self._effective_fields(given, self._resolve({**self.__dict__, **given})))
        shown = fields.get(name, type(self).model_fields[name].get_default(call_default_factory=True))
        super().__setattr__(name, shown)
        same = (alias for alias, field in self._aliases.items() if field == name and alias in self.__dict__)
        self.__dict__.update(dict.fromkeys(same, shown))

    def _clients_key(self) -> tuple[Any, ...]:
        """Return what decides about the clients; another value of a field needs others."""
        fields = self.__dict__
        headers = fields.get("default_headers")
        kept = headers and dict(headers)  # a mapping that may be changed where it is
        return _settings_in(fields), kept, fields.get("http_client"), fields.get(self._async_client_field)

    def _connect(self, settings: Settings) -> ClientPair:
        return ClientPair(settings, self.http_client, getattr(self, self._async_client_field))

    def _own_clients(self) -> ClientPair:
        """Return the clients of this object, made anew when a field was changed since."""
        # Pydantic finds a private field by failing at every other place first, which costs more than all of this.
        private = self.__pydantic_private__ or {}
        key, current = self._clients_key(), private.get("_current_clients")
        if current is None or current[0] != key:
            settings = self._resolve(self.__dict__)
            if current == _PICKLED:
                settings = key_left_behind(settings)
            current = self._current_clients = key, self._connect(settings)
        return current[1]

    def _clients(self, changes: Mapping[str, Any] | None = None) -> ClientPair:
        """Return the clients of a call; `changes` are the settings it replaces."""
        clients = self._own_clients()
        if callable(self.api_key) and not (changes and "api_key" in changes):
            clients = clients.with_key(ask_for_key(self.api_key))
        return clients.with_settings(changes) if changes else clients

    async def _async_clients(self, changes: Mapping[str, Any] | None = None) -> ClientPair:
        clients = self._own_clients()
        if callable(self.api_key) and not (changes and "api_key" in changes):
            clients = clients.with_key(await await_key(self.api_key))
        return clients.with_settings(changes) if changes else clients

    def _known_catalog(self) -> Catalog:
        """Return the catalog as known now, without asking the gateway."""
        return known_catalog(self.settings)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, field in type(self).model_fields.items():
            value = self.__dict__.get(name)
            is_said = value != field.get_default(call_default_factory=True) or name == self._model_field
            if field.repr and not field.exclude and is_said:
                yield name, value

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with fields changed as by assignment, so that a changed setting counts in the copy."""
        copied = super().model_copy(deep=deep)
        for name, value in hide_key(update or {}).items():
            setattr(copied, name, value)
        return copied

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy everything but connections, limits and stores, which the copies share."""
        memo = {} if memo is None else memo
        shared = (self.__dict__.get(name) for name in _COPIES_SHARE)
        memo.update({id(value): value for value in shared if value is not None})
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        """Leave keys, secret headers and connections out of a pickle; the copy takes its key from the environment."""
        dropped = {"api_key": None, "http_client": None, self._async_client_field: None}
        bare = super().model_copy(update={**dropped, "default_headers": self._open_headers(self.default_headers)})
        bare._current_clients = _PICKLED
        state: dict[Any, Any] = super(ModelObject, bare).__getstate__()
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Take over what was pickled; fields that a framework left out get their defaults."""
        fields = {
            name: field.get_default(call_default_factory=True)
            for name, field in type(self).model_fields.items()
            if name not in state["__dict__"]
        }
        BaseModel.__setstate__(self, {**state, "__dict__": {**fields, **state["__dict__"]}})

    @field_serializer("default_headers", check_fields=False)
    def _open_headers(self, headers: Mapping[str, str] | None) -> dict[str, str] | None:
        """Return the headers of dumps and pickles: none where the field is left out of dumps, else no secrets."""
        if headers is None or type(self).model_fields["default_headers"].exclude:
            return None
        return open_headers(headers)
