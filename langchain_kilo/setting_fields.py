"""How a model object reaches the gateway, as fields. The core resolves them from arguments and environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping  # noqa: TC003 - pydantic reads the annotations
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from kilo_gateway.refs import DEFAULT_MODEL
from kilo_gateway.settings.auth import ANONYMOUS
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL
from kilo_gateway.settings.settings import DEFAULT_MAX_RETRIES, VARIABLES

if TYPE_CHECKING:
    from kilo_gateway.settings.settings import Settings

SETTING_NAMES = tuple(name for name in VARIABLES if name != "model")
"""Settings that make a connection; the model is an argument of each call."""

PER_CALL = frozenset(VARIABLES) - {"model", "timeout", "discover"}
"""Settings that a call may replace, making a connection of its own; model and timeout are arguments of every call."""


class ConnectionFields(BaseModel):
    """Who calls, where, and with how much patience."""

    model_config = ConfigDict(protected_namespaces=(), arbitrary_types_allowed=True, defer_build=True)

    api_key: SecretStr | str | Callable[[], Any] | None = None
    """The key, held as a SecretStr, or a function, plain or async, that returns the key of a call.
    `KILOCODE_API_KEY`, `KILO_API_KEY`."""
    organization_id: str | None = None
    """The organization that is billed and whose policies apply. `KILOCODE_ORGANIZATION_ID`."""
    base_url: str = DEFAULT_BASE_URL
    """The gateway. `KILOCODE_BASE_URL`."""
    timeout: Any = None
    """Seconds, (connect, read), a mapping of `connect`, `read`, `silence`, `total`, or httpx.Timeout.
    `KILOCODE_TIMEOUT`."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """Tries after the first, exactly; 0 for none. `KILOCODE_MAX_RETRIES`."""
    feature: str | None = None
    """Sent as `X-KILOCODE-FEATURE`. None: `KILOCODE_FEATURE` at the time of each request, else `direct-gateway`."""
    task_id: str | None = None
    """Calls of one task share a prompt cache. `KILOCODE_TASK_ID`."""
    mode: str | None = None
    """What an auto model is chosen for, such as `code` or `plan`. `KILOCODE_MODE`."""
    client_version: str | None = None
    """Sent as `X-KiloCode-Version`. `KILOCODE_CLIENT_VERSION`."""
    session: str | None = None
    """Calls of one session are booked together. `KILOCODE_SESSION`."""
    project_id: str | None = None
    """The project that calls are booked under, or its git URL. `KILOCODE_PROJECT_ID`."""
    editor: str | None = None
    """The program that calls, such as `My App/1.2`. `KILOCODE_EDITOR`."""
    machine_id: str | None = None
    """Tells machines of one account apart. `KILOCODE_MACHINE_ID`."""
    default_headers: Mapping[str, str] | None = Field(default=None, exclude=True, repr=False)
    """Sent with every request; never shown, dumped or pickled, for headers may be secrets."""
    discover: str = "lazy"
    """When the live model list is fetched: `lazy`, where its answer is needed, or `startup`. `KILOCODE_DISCOVERY`."""
    shared_pause: bool = True
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key.
    `KILOCODE_SHARED_PAUSE`."""
    http_client: Any = Field(default=None, exclude=True, repr=False)
    """An httpx.Client of yours for sync calls, used as it is and never closed."""
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """An httpx.AsyncClient of yours for async calls, used as it is and never closed."""


class SettingFields(ConnectionFields):
    """The settings of a chat model."""

    model: str = DEFAULT_MODEL
    """The model's ref, `kilocode/<model-id>`; the prefix may be left out. `KILOCODE_MODEL`. `model_name` is another
    name for it."""
    streaming: bool | None = None
    """True: `invoke` streams internally, so that callbacks see tokens. False: nothing streams. None: `stream` does."""
    include_response_headers: bool = False
    """Whether the headers of the HTTP answer, its request id among them, come in `response_metadata["headers"]`."""


def settings_of(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that are settings; a key function is asked at each call instead."""
    given = {name: arguments.get(name) for name in VARIABLES}
    if callable(given["api_key"]):
        given["api_key"] = ANONYMOUS
    return given


def merge_fields(arguments: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """Return the arguments with the effective settings in their place, so that the object shows what it uses.

    What nobody gave keeps the field's default, so that a dump does not freeze it.
    """
    values = {name: getattr(settings, name) for name in VARIABLES if name in settings.origins}
    if "timeout" in values:
        given = arguments.get("timeout")
        values["timeout"] = given if isinstance(given, _PLAIN) else asdict(settings.timeout)
    if callable(arguments.get("api_key")):
        del values["api_key"]
    return {**arguments, **values}


_PLAIN = (int, float, tuple, list, dict)
"""Timeouts that can be dumped as they are."""
