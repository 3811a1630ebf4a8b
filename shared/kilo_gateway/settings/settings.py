"""What a client needs to know, and where each value came from. Reads no environment by itself; never shows a key."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.errors.text import one_line
from kilo_gateway.refs import DEFAULT_MODEL
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL, check_cleartext, parse_proxies
from kilo_gateway.settings.headers import MASK, mask_header
from kilo_gateway.settings.timeouts import Timeouts
from kilo_gateway.settings.values import LEFT_BEHIND, parse_setting

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["READ_PER_REQUEST", "VARIABLES", "Settings", "key_left_behind", "resolve_settings"]

DEFAULT_MAX_RETRIES = 2

VARIABLES: dict[str, tuple[str, ...]] = {
    "api_key": ("KILOCODE_API_KEY", "KILO_API_KEY"),
    "organization_id": ("KILOCODE_ORGANIZATION_ID", "KILO_ORGANIZATION_ID"),
    "model": ("KILOCODE_MODEL",),
    "base_url": ("KILOCODE_BASE_URL",),
    "timeout": ("KILOCODE_TIMEOUT",),
    "max_retries": ("KILOCODE_MAX_RETRIES",),
    "feature": ("KILOCODE_FEATURE",),
    "task_id": ("KILOCODE_TASK_ID",),
    "mode": ("KILOCODE_MODE",),
    "client_version": ("KILOCODE_CLIENT_VERSION",),
    "session": ("KILOCODE_SESSION",),
    "project_id": ("KILOCODE_PROJECT_ID",),
    "editor": ("KILOCODE_EDITOR",),
    "machine_id": ("KILOCODE_MACHINE_ID",),
    "default_headers": ("KILOCODE_DEFAULT_HEADERS",),
    "discover": ("KILOCODE_DISCOVERY",),
    "shared_pause": ("KILOCODE_SHARED_PAUSE",),
}
"""The environment variables of each setting, the first that is set and not blank winning."""

READ_PER_REQUEST = frozenset({"feature"})
"""Settings whose variable is read when a request is made, not when the settings are resolved."""

_LONGEST_COMPARED = 64
"""Characters of an unknown name that are compared: comparing costs the square of the length."""


class Settings(BaseModel):
    """The effective settings of a client; frozen. Make one with `resolve_settings`, look at it with `describe`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, protected_namespaces=()
    )

    api_key: SecretStr | None = None
    """The bearer key. None: only free models can be used."""
    organization_id: str | None = None
    """Sent as `X-KiloCode-OrganizationId`: billing, policies and models of an organization."""
    model: str = DEFAULT_MODEL
    """The ref used by calls that name no model."""
    base_url: str = DEFAULT_BASE_URL
    """With exactly one slash at its end."""
    timeout: Timeouts = Timeouts()
    """Bounds in seconds."""
    timeout_is_given: bool = False
    """Whether somebody chose the timeout; if not, a caller's own httpx client keeps its own."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """Tries after the first; 0 means none."""
    feature: str | None = None
    """Sent as `X-KILOCODE-FEATURE`. None: `KILOCODE_FEATURE` at the time of each request, else `direct-gateway`."""
    task_id: str | None = None
    """Sent as `X-KiloCode-TaskId`: calls of one task share a prompt cache."""
    mode: str | None = None
    """Sent as `x-kilocode-mode`: what an auto model is chosen for, such as `code` or `plan`."""
    client_version: str | None = None
    """Sent as `X-KiloCode-Version`. None, the default, sends nothing: its presence marks an editor's client."""
    session: str | None = None
    """Sent as `x-kilo-session`: calls of one session are booked together. It does not share a prompt cache."""
    project_id: str | None = None
    """Sent as `X-KiloCode-ProjectId`: what a call is booked under. Of a git URL the gateway keeps the name."""
    editor: str | None = None
    """Sent as `x-kilocode-editorname`: the program that calls, such as `My App/1.2`."""
    machine_id: str | None = None
    """Sent as `x-kilocode-machineid`: tells machines of one account apart. None, the default, tells nothing."""
    default_headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Sent with every request."""
    discover: Literal["lazy", "startup"] = "lazy"
    """When the model list is fetched: where its answer is needed, or when the first client is made."""
    shared_pause: bool = True
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key."""
    origins: dict[str, str] = Field(default_factory=dict, repr=False)
    """Setting -> "argument", the variable's name, or "default"."""

    def __init__(self, **values: Any) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        checked = {name: parse_setting(name, given[name], f"argument {name}") for name in VARIABLES if name in given}
        super().__init__(**{**given, **checked})

    @property
    def has_own_authorization(self) -> bool:
        """Whether the default headers carry an `Authorization` of the caller's."""
        return any(name.lower() == "authorization" and value for name, value in self.default_headers.items())

    def secrets(self) -> list[str]:
        """Return what must appear nowhere: the key, and header values that are secrets by their name."""
        values = [value for name, value in self.default_headers.items() if self._mask(name, value) == MASK]
        if self.api_key is not None:
            values.append(self.api_key.get_secret_value())
        credentials = [value.partition(" ")[2].strip() for value in values]
        return values + [credential for credential in credentials if credential]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return each setting as `{"value": ..., "from": ...}`, secrets masked: fit to print."""
        values: dict[str, Any] = {name: getattr(self, name) for name in VARIABLES}
        values["api_key"] = None if self.api_key is None else MASK
        values["default_headers"] = self._masked_headers(self.default_headers)
        later = {name: f"{VARIABLES[name][0]} at each request, else default" for name in READ_PER_REQUEST}
        origins = {**later, **self.origins}
        return {name: {"value": value, "from": origins.get(name, "default")} for name, value in values.items()}

    @field_serializer("default_headers")
    def _masked_headers(self, headers: dict[str, str]) -> dict[str, str]:
        return {name: self._mask(name, value) for name, value in headers.items()}

    def _mask(self, name: str, value: str) -> str:
        """Return the header's value, or `***` when its name sounds like a secret or the key stands in it."""
        key = "" if self.api_key is None else self.api_key.get_secret_value()
        return MASK if key and key in value else mask_header(name, value)

    def __getstate__(self) -> dict[Any, Any]:
        """Leave every secret out of a pickle; the client that is made from the copy looks into its environment."""
        state = super().__getstate__()
        headers = {name: value for name, value in self.default_headers.items() if self._mask(name, value) != MASK}
        origins = {name: origin for name, origin in self.origins.items() if name != "api_key"}
        if self.api_key is not None:
            origins["api_key"] = LEFT_BEHIND
        state["__dict__"] = {**state["__dict__"], "api_key": None, "default_headers": headers, "origins": origins}
        return state


def resolve_settings(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the effective settings: for each, the argument, else its environment variable, else the default.

    An argument of None counts as not given.

    Raises:
        InvalidSettingError: an unknown argument, or a value that cannot work; the message names where it came from.
        MissingKeyError: `api_key` was given, but is blank.
    """
    arguments, environ = _Unshown(arguments), _Unshown(environ)
    _check_names(arguments)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, variables in VARIABLES.items():
        found = _find(name, arguments.get(name), () if name in READ_PER_REQUEST else variables, environ)
        if found is not None:
            origins[name], raw = found
            values[name] = parse_setting(name, raw, origins[name])
    settings = Settings(**values, origins=origins, timeout_is_given="timeout" in values)
    if settings.api_key is not None or settings.has_own_authorization:
        check_cleartext(settings.base_url, proxies=parse_proxies(environ))
    return settings


def key_left_behind(settings: Settings) -> Settings:
    """Return the settings of an object that came out of a pickle: where they have no key, they remember why."""
    if settings.api_key is not None:
        return settings
    return settings.model_copy(update={"origins": {**settings.origins, "api_key": LEFT_BEHIND}})


class _Unshown(dict[str, Any]):
    """A mapping that a traceback with local variables does not spell out."""

    def __repr__(self) -> str:
        return f"<{len(self)} values, not shown>"


def _check_names(arguments: Mapping[str, Any]) -> None:
    unknown = sorted(str(name) for name in arguments if name not in VARIABLES)
    if unknown:
        near = next(iter(difflib.get_close_matches(unknown[0][:_LONGEST_COMPARED], VARIABLES, n=1)), None)
        hint = f" Did you mean {near!r}?" if near else ""
        raise InvalidSettingError(
            f"There is no setting {one_line(', '.join(unknown), 200)}.{hint} There are {', '.join(sorted(VARIABLES))}."
        )


def _find(name: str, argument: Any, variables: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, Any] | None:
    if argument is not None:
        return f"argument {name}", _hidden(name, argument)
    for variable in variables:
        if environ.get(variable, "").strip():
            return variable, _hidden(name, environ[variable])
    return None


def _hidden(name: str, value: Any) -> Any:
    return SecretStr(value) if name == "api_key" and isinstance(value, str) else value
