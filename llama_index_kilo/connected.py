"""What KiloLLM and KiloEmbedding do with their settings: connect by them, be changed, copied, shown and stored.

Setting values up never touches the network, unless discovery at startup is asked for.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from llama_index.core.schema import BaseComponent
from pydantic import ConfigDict, Field, SecretStr, ValidationError, field_serializer

from kilo_gateway.catalog.discovery import known_to_be_free
from kilo_gateway.errors import InvalidSettingError, MissingKeyError
from kilo_gateway.refs import parse_model_id
from kilo_gateway.request.option_checks import unknown_option
from kilo_gateway.settings.auth import check_key
from kilo_gateway.settings.headers import mask_header
from kilo_gateway.settings.settings import VARIABLES, Settings, key_left_behind, resolve_settings
from kilo_gateway.settings.timeouts import parse_timeouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CONNECTION = frozenset(VARIABLES) - {"model"} | {"http_client", "async_http_client"}
"""Fields whose change needs new clients."""
_SHARED = ("callback_manager", "rate_limiter", "embeddings_cache", "http_client", "async_http_client")
"""What a deep copy has in common with its original: none of it can be copied in general."""


class Connected(BaseComponent):
    """The settings as fields, and the clients over them. None means not given: the environment decides."""

    model_config = ConfigDict(defer_build=True)

    _aliases: ClassVar[dict[str, str]] = {"api_base": "base_url"}
    """Other names of arguments -> their fields."""
    _model_field: ClassVar[str] = "model"
    """The field that names the model."""
    _default_model: ClassVar[str | None] = None
    """The model that is taken where none is given; None: that of the settings."""

    api_key: SecretStr | str | None = Field(default=None, exclude=True, repr=False)
    """`KILOCODE_API_KEY` or `KILO_API_KEY`; in no dump, repr or pickle."""
    organization_id: str | None = None
    """Who pays, and whose policies and models count; `KILOCODE_ORGANIZATION_ID`."""
    base_url: str | None = None
    """The gateway; `KILOCODE_BASE_URL`."""
    api_base: str | None = Field(default=None, exclude=True, repr=False)
    """`base_url` under LlamaIndex's name; always the same."""
    feature: str | None = None
    """The application, as the gateway attributes calls; `KILOCODE_FEATURE`, else `direct-gateway`."""
    timeout: Any = None
    """Seconds, (connect, read), a mapping, `Timeouts` or `httpx.Timeout`; `KILOCODE_TIMEOUT`."""
    max_retries: int | None = None
    """Tries after the first; `KILOCODE_MAX_RETRIES`, else 2."""
    default_headers: dict[str, str] | None = Field(default=None, repr=False)
    """Sent with every request; those that are secrets by their name are in no dump or pickle."""
    task_id: str | None = None
    """Calls of one task share a prompt cache; `KILOCODE_TASK_ID`."""
    mode: str | None = None
    """What an auto model is chosen for, such as `code`; `KILOCODE_MODE`."""
    client_version: str | None = None
    """Sent as `X-KiloCode-Version`; `KILOCODE_CLIENT_VERSION`."""
    session: str | None = None
    """Calls of one session are booked together; `KILOCODE_SESSION`."""
    project_id: str | None = None
    """The project that calls are booked under, or its git URL; `KILOCODE_PROJECT_ID`."""
    editor: str | None = None
    """The program that calls, such as `My App/1.2`; `KILOCODE_EDITOR`."""
    machine_id: str | None = None
    """Tells machines of one account apart; `KILOCODE_MACHINE_ID`."""
    discover: Literal["lazy", "startup"] | None = None
    """When the model list is fetched; `KILOCODE_DISCOVERY`, else where its answer is needed."""
    shared_pause: bool | None = None
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key;
    `KILOCODE_SHARED_PAUSE`, else True."""
    http_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.Client` of your own, used as it is and never closed."""
    async_http_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` of your own, for one event loop."""

    if TYPE_CHECKING:
        # Each class gives these their defaults itself: a private attribute of a mixin makes pydantic skip the
        # framework's own model_post_init.
        _settings: Settings
        _sync: Any
        _async: Any

    def _set_up(self, arguments: Mapping[str, Any], *, needs_key: bool = True) -> None:
        given = _check_names(arguments, type(self).model_fields, self._aliases)
        settings = self._resolve(given)
        self._check_arguments(given)
        effective = {
            self._model_field: settings.model,
            "base_url": settings.base_url,
            "api_base": settings.base_url,
            "max_retries": settings.max_retries,
        }
        try:
            super().__init__(**(given | effective))
        except ValidationError as error:
            raise InvalidSettingError(_explain(error)) from None
        self._settings = settings
        if settings.discover == "startup":
            self._client()  # a client fetches the list when it is made
        if needs_key:
            is_free = known_to_be_free(settings, parse_model_id(settings.model))
            check_key(settings, model=settings.model, is_free=is_free)

    @property
    def settings(self) -> Settings:
        """The effective settings; `settings.describe()` says where each came from, secrets masked."""
        return self._settings

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; a change of a setting counts from the next call on."""
        name = self._aliases.get(name, name)
        value = hide_key({name: value})[name]
        if name not in _CONNECTION:
            super().__setattr__(name, value)
            return
        settings = self._resolve({**self.__dict__, name: value})
        super().__setattr__(name, value)
        self.__dict__["api_base"] = settings.base_url
        self._settings = settings
        self._sync = self._async = None

    def _resolve(self, values: Mapping[str, Any]) -> Settings:
        arguments = {name: values.get(name) for name in VARIABLES}
        model = values.get(self._model_field)
        arguments["model"] = self._default_model if model is None else model
        return resolve_settings(arguments, os.environ)

    @classmethod
    def _check_arguments(cls, given: Mapping[str, Any]) -> None:
        """Refuse arguments that the wire cannot take. Raises InvalidRequestError or InvalidSettingError."""

    def _client(self) -> Any:
        if self._sync is None:
            from kilo_gateway.client import KiloClient  # noqa: PLC0415 - imports httpx

            self._sync = KiloClient(self._settings, http_client=self.http_client)
        return self._sync

    def _async_client(self) -> Any:
        if self._async is None:
            from kilo_gateway.async_client import AsyncKiloClient  # noqa: PLC0415 - imports httpx

            self._async = AsyncKiloClient(self._settings, http_client=self.async_http_client)
        return self._async

    @field_serializer("timeout")
    def _render_timeout(self, timeout: Any) -> Any:
        is_plain = timeout is None or isinstance(timeout, (int, float, dict, list, tuple))
        return timeout if is_plain else asdict(parse_timeouts(timeout))

    @field_serializer("default_headers")
    def _render_headers(self, headers: dict[str, str] | None) -> dict[str, str] | None:
        return _without_secrets(headers)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, field in type(self).model_fields.items():
            value = self.__dict__.get(name)
            is_said = value != field.get_default(call_default_factory=True) or name == self._model_field
            if field.repr and not field.exclude and is_said:
                yield name, value

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        shared = [value for name in _SHARED if (value := self.__dict__.get(name)) is not None]
        return super().__deepcopy__({**(memo or {}), **{id(value): value for value in shared}})

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy, with fields changed as by assignment, so that a changed setting counts in the copy."""
        copied = super().model_copy(deep=deep)
        for name, value in (update or {}).items():
            setattr(copied, name, value)
        return copied

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out every secret, and what belongs to this process."""
        hidden = {"api_key": None, "http_client": None, "async_http_client": None}
        bare = super().model_copy(update={**hidden, "default_headers": _without_secrets(self.default_headers)})
        bare.__pydantic_private__ = None
        state: dict[Any, Any] = super(Connected, bare).__getstate__()
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Set up anew, with the key of this process's environment; without one, calls say so."""
        try:
            self._set_up(state["__dict__"])
        except MissingKeyError:
            self._set_up(state["__dict__"], needs_key=False)
            self._settings = key_left_behind(self._settings)


def hide_key(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with the key wrapped, so that a traceback that shows variables does not show it."""
    return {
        name: SecretStr(value) if name == "api_key" and isinstance(value, str) else value
        for name, value in arguments.items()
    }


def _without_secrets(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    if headers is None:
        return None
    return {name: value for name, value in headers.items() if mask_header(name, value) != "***"}


def _check_names(arguments: Mapping[str, Any], fields: Mapping[str, Any], aliases: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments that have a value, by field; None counts as not given."""
    given: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in arguments.items():
        field = aliases.get(name, name)
        if field not in fields:
            raise InvalidSettingError(unknown_option(name, [*fields, *aliases]))
        if value is None:
            continue
        other = names.setdefault(field, name)
        if other != name and given[field] != value:
            raise InvalidSettingError(f"{other} and {name} are two names of one argument; give only one.")
        given[field] = value
    return given


def _explain(error: ValidationError) -> str:
    """Return what pydantic found, without the values."""
    found = (f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}" for item in error.errors())
    return "; ".join(found)
