"""What KiloClient and AsyncKiloClient share: settings, the making of calls, and every decision between two tries."""

from __future__ import annotations

import os
from contextlib import suppress
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, Unpack
from urllib.parse import urlsplit

from pydantic import SecretStr

from kilo_gateway.call import ChatCall, EmbeddingCall, FimCall, GatewayCall
from kilo_gateway.catalog import discovery
from kilo_gateway.catalog.embedding_models import full_embedding_id
from kilo_gateway.catalog.suggestions import add_suggestion
from kilo_gateway.clock import monotonic
from kilo_gateway.embeddings import render_embedding_request
from kilo_gateway.errors import InvalidSettingError, KiloError, ModelNotFoundError, SetupError
from kilo_gateway.fim import DEFAULT_FIM_MODEL, render_fim_request
from kilo_gateway.gate.passing import GatePassing
from kilo_gateway.lookups import Lookup, LookupCall
from kilo_gateway.model_list import fetch_models
from kilo_gateway.refs import parse_model_id
from kilo_gateway.request.body import render_request
from kilo_gateway.request.changes import TELL_CHANGES, add_changes, changes_of_request, find_changes
from kilo_gateway.request.families import AUTO_MODEL
from kilo_gateway.request.options import OPTIONS
from kilo_gateway.settings.auth import check_key, render_headers
from kilo_gateway.settings.base_url import is_loopback, keeps_keys_private
from kilo_gateway.settings.headers import HeaderList
from kilo_gateway.settings.settings import VARIABLES, Settings, resolve_settings, with_key_of
from kilo_gateway.settings.signature import ClientSignature
from kilo_gateway.transport.connections import Route, route_of, sync_carrier
from kilo_gateway.transport.exchange import Outgoing
from kilo_gateway.transport.given_client import check_client

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.errors.waits import OnRetry
    from kilo_gateway.settings.arguments import SettingArguments
    from kilo_gateway.stream.reader import StreamReader

C = TypeVar("C")
Told = TypeVar("Told")


class ClientBase(GatePassing, Generic[C]):
    """The part of a client that does no I/O, but for the list that `discover="startup"` asks for.

    `settings` are effective settings made before; without them, the keyword arguments of `SettingArguments` and the
    environment make some. `http_client` is an httpx (or httpx2) client of the caller's, used as it is, never closed.

    Raises:
        SetupError: a setting that cannot work, or settings given both ways.
    """

    _is_async: ClassVar[bool]
    _rendered: tuple[tuple[Any, ...], HeaderList] | None = None
    """The headers of the last call without its own, behind what they were made of."""
    __signature__ = ClientSignature()

    def __init__(
        self, settings: Settings | None = None, *, http_client: C | None = None, **arguments: Unpack[SettingArguments]
    ) -> None:
        if not isinstance(settings, (Settings, type(None))):
            name = type(self).__name__
            raise InvalidSettingError(f"{name} takes settings or named arguments: write {name}(model='...').")
        if settings is not None and arguments:
            raise InvalidSettingError(f"Give settings or {', '.join(sorted(arguments))}, not both.")
        if option := next((name for name in arguments if name in OPTIONS and name not in VARIABLES), None):
            raise InvalidSettingError(f"{option} is an option of a call: write complete(messages, {option}=...).")
        if isinstance(key := arguments.get("api_key"), str):
            arguments["api_key"] = key = SecretStr(key)  # before a traceback can show it
        self.settings = resolve_settings(arguments, os.environ) if settings is None else settings
        check_client(http_client, name="http_client", is_async=self._is_async)
        self._http_client = http_client
        if self.settings.discover == "startup" and not discovery.was_asked(self.settings):
            self._discover_at_startup()

    def __repr__(self) -> str:
        settings = self.__dict__.get("settings")  # absent while a constructor fails
        shown = "" if settings is None else f"model={settings.model!r}, base_url={settings.base_url!r}"
        return f"{type(self).__name__}({shown})"

    def __copy__(self) -> Self:
        return type(self)(self.settings, http_client=self._http_client)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the settings without secrets; the copy takes its key from the environment of its process."""
        return _rebuild, (type(self), self.settings)

    @cached_property
    def _route(self) -> Route:
        return route_of(self.settings.base_url, os.environ)

    @cached_property
    def _is_watched(self) -> bool:
        """Whether somebody looks at what is sent, on this machine: `kilo-gateway serve` names the variable to set."""
        return bool(os.environ.get(TELL_CHANGES)) and is_loopback(urlsplit(self.settings.base_url).hostname or "")

    def _headers(self, extra: Mapping[str, str] | None) -> HeaderList:
        """Return what `render_headers` does, which is done once for calls without headers of their own.

        Those hang on the settings and one variable, where no proxy can make a key cross a network unencrypted.
        `test_client_headers.py` holds them equal to those rendered for each call.
        """
        settings = self.settings
        if extra or not keeps_keys_private(settings.base_url):
            return render_headers(settings, environ=os.environ, extra=extra)
        source = (settings, os.environ.get("KILOCODE_FEATURE"), dict(settings.default_headers))
        rendered = self._rendered
        if rendered is None or rendered[0][0] is not settings or rendered[0][1:] != source[1:]:
            rendered = self._rendered = (source, render_headers(settings, environ=os.environ))
        return HeaderList(rendered[1])

    def _call(
        self,
        messages: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
        *,
        model: str | None,
        timeout: Any,
        extra_headers: Mapping[str, str] | None,
        stream: bool = False,
        on_retry: OnRetry | None = None,
    ) -> ChatCall:
        model_id = parse_model_id(self.settings.model if model is None else model)
        body = render_request(messages, model_id=model_id, stream=stream, options=options)
        headers = self._headers(extra_headers)
        if self._is_watched:
            add_changes(headers, changes_of_request(messages, options, body))
        call = ChatCall(self.settings, body, headers=headers, timeout=timeout)
        call.on_retry = on_retry
        successor = discovery.successor_of_auto(self.settings) if model_id == AUTO_MODEL else None
        if successor is not None:
            self._use_model(call, successor)
        return call

    def _embedding_call(
        self,
        inputs: Sequence[str],
        options: Mapping[str, Any],
        *,
        model: str,
        timeout: Any,
        extra_headers: Mapping[str, str] | None,
    ) -> EmbeddingCall:
        model_id = full_embedding_id(parse_model_id(model))
        body = render_embedding_request(inputs, model_id=model_id, options=options)
        return EmbeddingCall(self.settings, body, headers=self._headers(extra_headers), timeout=timeout)

    def _fim_call(
        self,
        prompt: str,
        suffix: str,
        *,
        model: str | None,
        timeout: Any,
        extra_headers: Mapping[str, str] | None,
        max_tokens: int,
        **options: Any,
    ) -> FimCall:
        model_id = DEFAULT_FIM_MODEL if model is None else parse_model_id(model)
        body = render_fim_request(prompt, suffix, model_id=model_id, max_tokens=max_tokens, **options)
        return FimCall(self.settings, body, headers=self._headers(extra_headers), timeout=timeout)

    def _lookup_call(self, lookup: Lookup[Told]) -> LookupCall[Told]:
        headers = render_headers(self.settings, environ=os.environ, has_body=False)
        return LookupCall(self.settings, lookup, headers=headers)

    def _needs_live_list(self, call: GatewayCall[Any]) -> bool:
        if call.has_own_authorization or not call.is_listed:
            return False
        return discovery.needs_live_list(self.settings, call.model_id)

    def _check_key(self, call: GatewayCall[Any]) -> None:
        if call.has_own_authorization or isinstance(call, LookupCall):
            return
        is_free = discovery.known_to_be_free(self.settings, call.model_id)
        check_key(self.settings, model=call.ref, is_free=is_free, at_call=True)

    def _deadline(self, call: GatewayCall[Any]) -> float | None:
        """Return when the call must have ended, by the monotonic clock; the first question starts its time."""
        total = call.timeouts.total
        if total is not None and call.deadline is None:
            call.deadline = monotonic() + total
        return call.deadline

    def _outgoing(self, call: GatewayCall[Any]) -> Outgoing:
        self._deadline(call)
        if call.costs is not None:
            call.costs.sent()
        return Outgoing(
            call.method, call.url, call.headers, call.content, call.timeouts, call.timeout_is_given, call.deadline
        )

    def _seconds_to_wait(self, call: GatewayCall[Any], error: KiloError, reader: StreamReader | None) -> float | None:
        """Return the seconds to wait before the next try, or None when the successor of `kilo/auto` is to be asked.

        Raises the error itself when there is no next try.
        """
        call.complete_error(error, reader)
        is_over = reader is not None and reader.has_delivered
        needs_successor = not is_over and call.needs_successor(error)
        wait = None if is_over or needs_successor else call.delay_after(error, now=monotonic())
        may_go_on = self._may_try_again(call, error, wait) and (needs_successor or wait is not None)
        call.note_failure(error, is_last=not may_go_on)
        if not may_go_on:
            if call.is_listed and isinstance(error, ModelNotFoundError):
                add_suggestion(error, call.model_id, self.known_models())
            error.was_tried_again = self.settings.max_retries > 0 and error.partial is None
            raise error
        return wait

    def _use_successor(self, call: GatewayCall[Any], error: KiloError, catalog: Catalog) -> None:
        """Point the call at the successor of `kilo/auto`; raise the error when the gateway lists none."""
        successor = catalog.successor_of_auto()
        if successor is None:
            call.note_failure(error, is_last=True)
            raise error
        discovery.remember_successor(self.settings, successor)
        self._use_model(call, successor)

    def _use_model(self, call: GatewayCall[Any], successor: str) -> None:
        """Point the call at another model, and say so where somebody may look."""
        if self._is_watched:
            add_changes(call.headers, find_changes(call.model_id, successor, "model"))
        call.use_model(successor)

    def _discover_at_startup(self) -> None:
        """Fetch the list once per process and account; what is wrong with a setting is for the first call to say."""
        given: Any = None if self._is_async else self._http_client
        with suppress(SetupError):
            fetch_models(self.settings, sync_carrier(self._route, given))

    def known_models(self) -> Catalog:
        """Return the catalog as known now, without asking the gateway."""
        return discovery.known_catalog(self.settings)


def _rebuild(cls: type[ClientBase[Any]], settings: Settings) -> ClientBase[Any]:
    return cls(with_key_of(settings, os.environ))
