"""What becomes of KiloLLM's fields: settings, clients, the options of a call, and what is stored of them.

Setting values up never touches the network, unless discovery at startup is asked for.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr, ValidationError, field_serializer

from kilo_gateway.auth import check_key
from kilo_gateway.discovery import known_catalog, known_to_be_free
from kilo_gateway.errors import InvalidRequestError, InvalidSettingError, MissingKeyError
from kilo_gateway.headers import mask_header
from kilo_gateway.options import OPTIONS, check_options, unknown_option
from kilo_gateway.reasoning import split_reasoning
from kilo_gateway.refs import parse_model_id
from kilo_gateway.settings import VARIABLES, Settings, resolve_settings
from kilo_gateway.timeouts import parse_timeouts
from llama_index_kilo.fields import KiloFields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kilo_gateway.model_info import ModelInfo

SHAPED = ("reasoning", "reasoning_effort", "extra_body")
"""What a request takes beside the options of the wire."""

RENAMED = {"metadata": "request_metadata"}
"""Options whose own name LlamaIndex uses for something else -> the field that holds them."""

_ALIASES = {"api_base": "base_url", **RENAMED}
_CONNECTION = frozenset(VARIABLES) - {"model"} | {"http_client", "async_http_client"}
"""Fields whose change needs new clients."""
_SHARED = ("callback_manager", "rate_limiter", "http_client", "async_http_client")
"""What a deep copy has in common with its original: none of it can be copied in general."""


class KiloParameters(KiloFields):
    """The fields, checked and put to use."""

    _settings: Settings = PrivateAttr()
    _sync: Any = PrivateAttr(default=None)
    _async: Any = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # so that type checkers see the fields as the constructor's arguments

        def __init__(self, **arguments: Any) -> None:
            self._set_up(arguments)

    def _set_up(self, arguments: Mapping[str, Any], *, needs_key: bool = True) -> None:
        given = _check_names(arguments, type(self).model_fields)
        settings = resolve_settings({name: given.get(name) for name in VARIABLES}, os.environ)
        _check_options(given)
        if needs_key:
            is_free = known_to_be_free(settings, parse_model_id(settings.model))
            check_key(settings, model=settings.model, is_free=is_free)
        effective = {name: getattr(settings, name) for name in ("model", "base_url", "max_retries")}
        try:
            super().__init__(**(given | effective | {"api_base": settings.base_url}))
        except ValidationError as error:
            raise InvalidSettingError(_explain(error)) from None
        self._settings = settings
        if settings.discover == "startup":
            self._client()  # a client fetches the list when it is made

    @property
    def settings(self) -> Settings:
        """The effective settings; `settings.describe()` says where each came from, secrets masked."""
        return self._settings

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field; a change of a setting counts from the next call on."""
        name = _ALIASES.get(name, name)
        if name not in _CONNECTION:
            super().__setattr__(name, value)
            return
        values = {setting: getattr(self, setting) for setting in VARIABLES} | {name: value}
        settings = resolve_settings({setting: values[setting] for setting in VARIABLES}, os.environ)
        super().__setattr__(name, value)
        self.__dict__["api_base"] = settings.base_url
        self._settings = settings
        self._sync = self._async = None

    def _model_info(self) -> ModelInfo | None:
        """Return what the catalog as known now says of the model; None for an unknown id."""
        return known_catalog(self._settings).get(self.model)

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

    def _options(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a call is made with: the fields, `additional_kwargs` over them, the call's own over both."""
        fields = self.__dict__
        options = {name: value for name, field in _FIELD_OF.items() if (value := fields[field]) is not None}
        options |= {"model": self.model, **self.additional_kwargs, **kwargs}
        bodies = [layer.get("extra_body") for layer in (fields, self.additional_kwargs, kwargs)]
        if sum(body is not None for body in bodies) > 1:
            options["extra_body"] = {key: value for body in bodies for key, value in (body or {}).items()}
        return options

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
            is_said = value != field.get_default(call_default_factory=True) or name == "model"
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
        state: dict[Any, Any] = super(KiloParameters, bare).__getstate__()
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        """Set up anew, with the key of this process's environment; without one, calls say so."""
        try:
            self._set_up(state["__dict__"])
        except MissingKeyError:
            self._set_up(state["__dict__"], needs_key=False)


_FIELD_OF = {name: RENAMED.get(name, name) for name in (*OPTIONS, *SHAPED)}
"""Option -> the field that holds it."""


def _without_secrets(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    if headers is None:
        return None
    return {name: value for name, value in headers.items() if mask_header(name, value) != "***"}


def _check_names(arguments: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that have a value, by field; None counts as not given."""
    given: dict[str, Any] = {}
    for name, value in arguments.items():
        field = _ALIASES.get(name, name)
        if field not in fields:
            raise InvalidSettingError(unknown_option(name, [*fields, *_ALIASES]))
        if value is None:
            continue
        if given.setdefault(field, value) != value:
            raise InvalidSettingError(f"{name} and {field} are two names of one argument; give only one.")
    return given


def _check_options(given: Mapping[str, Any]) -> None:
    more = given.get("additional_kwargs") or {}
    if not hasattr(more, "items"):
        raise InvalidSettingError(f"additional_kwargs must be a mapping, not a {type(more).__name__}.")
    options = {name: given.get(field) for name, field in _FIELD_OF.items()} | dict(more)
    shaped = {name: options.pop(name, None) for name in SHAPED}
    check_options(options, also=SHAPED)
    split_reasoning(shaped["reasoning"], shaped["reasoning_effort"])
    if not isinstance(shaped["extra_body"] or {}, dict):
        raise InvalidRequestError(f"extra_body must be a dict, not a {type(shaped['extra_body']).__name__}.")


def _explain(error: ValidationError) -> str:
    """Return what pydantic found, without the values."""
    found = (f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}" for item in error.errors())
    return "; ".join(found)
