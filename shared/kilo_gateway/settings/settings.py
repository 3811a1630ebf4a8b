"""What a client needs to know, one row a setting, and where each value came from. Never shows a key.

A new setting is a new row here, then `make fields`. Reads no environment by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.errors.nearest import nearest_name
from kilo_gateway.errors.text import one_line
from kilo_gateway.refs import DEFAULT_MODEL
from kilo_gateway.settings.base_url import DEFAULT_BASE_URL, check_cleartext, parse_proxies
from kilo_gateway.settings.headers import MASK, mask_header
from kilo_gateway.settings.timeouts import Timeouts
from kilo_gateway.settings.values import (
    LEFT_BEHIND,
    Setting,
    parse_base_url_setting,
    parse_discover_setting,
    parse_feature,
    parse_headers_setting,
    parse_key_setting,
    parse_max_retries_setting,
    parse_model_setting,
    parse_switch_setting,
    parse_timeout_setting,
    sent_as,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["READ_PER_REQUEST", "ROWS", "VARIABLES", "Settings", "key_left_behind", "resolve_settings"]

DEFAULT_MAX_RETRIES = 2


class Settings(BaseModel):
    """The effective settings of a client; frozen. Make one with `resolve_settings`, look at it with `describe`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True, protected_namespaces=()
    )

    api_key: Annotated[
        SecretStr | None,
        Setting(
            parse_key_setting,
            "KILOCODE_API_KEY",
            "KILO_API_KEY",
            argument="SecretStr | str | Callable[[], Any] | None",
            hidden=True,
        ),
    ] = None
    """The bearer key; None: only free models can be used. Model objects also take a function, plain or async, that
    returns the key of a call."""
    organization_id: Annotated[
        str | None,
        sent_as("X-KiloCode-OrganizationId", "KILOCODE_ORGANIZATION_ID", "KILO_ORGANIZATION_ID"),
    ] = None
    """The organization that is billed and whose policies and models count; sent as `X-KiloCode-OrganizationId`."""
    model: Annotated[str, Setting(parse_model_setting, "KILOCODE_MODEL")] = DEFAULT_MODEL
    """The ref of the model that is asked, `kilocode/<model-id>`; the prefix may be left out."""
    base_url: Annotated[str, Setting(parse_base_url_setting, "KILOCODE_BASE_URL")] = DEFAULT_BASE_URL
    """The gateway; kept with exactly one slash at its end."""
    timeout: Annotated[Timeouts, Setting(parse_timeout_setting, "KILOCODE_TIMEOUT", argument="Any")] = Timeouts()
    """Bounds in seconds: a number, (connect, read), a mapping of `connect`, `read`, `silence`, `total`, `Timeouts` or
    `httpx.Timeout`."""
    timeout_is_given: bool = False
    """Whether somebody chose the timeout; if not, a caller's own httpx client keeps its own."""
    max_retries: Annotated[int, Setting(parse_max_retries_setting, "KILOCODE_MAX_RETRIES")] = DEFAULT_MAX_RETRIES
    """Tries after the first, exactly; 0 means none."""
    feature: Annotated[str | None, Setting(parse_feature, "KILOCODE_FEATURE", read_per_request=True)] = None
    """The application, as the gateway attributes calls; sent as `X-KILOCODE-FEATURE`. None: what the variable says at
    the time of each request, else `direct-gateway`."""
    task_id: Annotated[str | None, sent_as("X-KiloCode-TaskId", "KILOCODE_TASK_ID")] = None
    """Calls of one task share a prompt cache; sent as `X-KiloCode-TaskId`."""
    mode: Annotated[str | None, sent_as("x-kilocode-mode", "KILOCODE_MODE")] = None
    """What an auto model is chosen for, such as `code` or `plan`; sent as `x-kilocode-mode`."""
    client_version: Annotated[str | None, sent_as("X-KiloCode-Version", "KILOCODE_CLIENT_VERSION")] = None
    """Sent as `X-KiloCode-Version`. None, the default, sends nothing: its presence marks an editor's client."""
    session: Annotated[str | None, sent_as("x-kilo-session", "KILOCODE_SESSION")] = None
    """Calls of one session are booked together; sent as `x-kilo-session`. It does not share a prompt cache."""
    project_id: Annotated[str | None, sent_as("X-KiloCode-ProjectId", "KILOCODE_PROJECT_ID")] = None
    """What calls are booked under, a name or a git URL, of which the gateway keeps the name; sent as
    `X-KiloCode-ProjectId`."""
    editor: Annotated[str | None, sent_as("x-kilocode-editorname", "KILOCODE_EDITOR")] = None
    """The program that calls, such as `My App/1.2`; sent as `x-kilocode-editorname`."""
    machine_id: Annotated[str | None, sent_as("x-kilocode-machineid", "KILOCODE_MACHINE_ID")] = None
    """Tells machines of one account apart; sent as `x-kilocode-machineid`. None, the default, tells nothing."""
    default_headers: Annotated[
        dict[str, str],
        Setting(parse_headers_setting, "KILOCODE_DEFAULT_HEADERS", argument="Mapping[str, str] | None", hidden=True),
    ] = Field(default_factory=dict, repr=False)
    """Sent with every request."""
    discover: Annotated[Literal["lazy", "startup"], Setting(parse_discover_setting, "KILOCODE_DISCOVERY")] = "lazy"
    """When the model list is fetched: where its answer is needed, or when the first client is made."""
    shared_pause: Annotated[bool, Setting(parse_switch_setting, "KILOCODE_SHARED_PAUSE")] = True
    """Whether a 429 or 503 to one call holds back all calls of this process with the same gateway and key."""
    origins: dict[str, str] = Field(default_factory=dict, repr=False)
    """Setting -> "argument", the variable's name, or "default"."""

    def __init__(self, **values: Any) -> None:
        given = {name: value for name, value in values.items() if value is not None}
        checked = {name: row.parse(given[name], f"argument {name}") for name, row in ROWS.items() if name in given}
        super().__init__(**{**given, **checked})

    @classmethod
    def _of_parsed(cls, values: dict[str, Any]) -> Settings:
        """Return settings of values that their rows' parsers have returned: they are not parsed again."""
        settings = cls.__new__(cls)
        BaseModel.__init__(settings, **values)
        return settings

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


ROWS: dict[str, Setting] = {
    name: row
    for name, field in Settings.model_fields.items()
    if (row := next((one for one in field.metadata if isinstance(one, Setting)), None)) is not None
}
"""The settings that an argument or a variable gives, by name."""

VARIABLES: dict[str, tuple[str, ...]] = {name: row.variables for name, row in ROWS.items()}
"""The environment variables of each setting, the first that is set and not blank winning."""

READ_PER_REQUEST = frozenset(name for name, row in ROWS.items() if row.read_per_request)
"""Settings whose variable is read when a request is made, not when the settings are resolved."""


def resolve_settings(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the effective settings: for each, the argument, else its environment variable, else the default.

    An argument of None counts as not given.

    Raises:
        InvalidSettingError: an unknown argument, or a value that cannot work; the message names where it came from.
        MissingKeyError: `api_key` was given, but is blank.
    """
    arguments, environ = _HiddenMapping(arguments), _HiddenMapping(environ)
    _check_names(arguments)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, row in ROWS.items():
        found = _find(name, arguments.get(name), () if row.read_per_request else row.variables, environ)
        if found is not None:
            origins[name], raw = found
            values[name] = row.parse(raw, origins[name])
    settings = Settings._of_parsed({**values, "origins": origins, "timeout_is_given": "timeout" in values})
    if settings.api_key is not None or settings.has_own_authorization:
        check_cleartext(settings.base_url, proxies=parse_proxies(environ))
    return settings


def key_left_behind(settings: Settings) -> Settings:
    """Return the settings of an object that came out of a pickle: where they have no key, they remember why."""
    if settings.api_key is not None:
        return settings
    return settings.model_copy(update={"origins": {**settings.origins, "api_key": LEFT_BEHIND}})


def with_key_of(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """Return the settings with the key of an environment; as they are where it has none."""
    here = resolve_settings({}, environ)
    if here.api_key is None:
        return settings
    origins = {**settings.origins, "api_key": here.origins["api_key"]}
    return settings.model_copy(update={"api_key": here.api_key, "origins": origins})


class _HiddenMapping(dict[str, Any]):
    """A mapping that a traceback with local variables does not spell out."""

    def __repr__(self) -> str:
        return f"<{len(self)} values, not shown>"


def _check_names(arguments: Mapping[str, Any]) -> None:
    unknown = sorted(str(name) for name in arguments if name not in VARIABLES)
    if unknown:
        near = nearest_name(unknown[0], VARIABLES)
        hint = f" Did you mean {near!r}?" if near else ""
        raise InvalidSettingError(
            f"There is no setting {one_line(', '.join(unknown), 200)}.{hint} There are {', '.join(sorted(VARIABLES))}."
        )


def _find(name: str, argument: Any, variables: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, Any] | None:
    if argument is not None:
        return f"argument {name}", _hidden(name, argument)
    for variable in variables:
        if text := environ.get(variable, "").strip():
            _check_quotes(variable, text)
            return variable, _hidden(name, environ[variable])
    return None


def _check_quotes(variable: str, text: str) -> None:
    """Refuse a value in quotes: files that are not read by a shell, such as Docker's, leave them in the value."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        raise InvalidSettingError(f"{variable} holds quotes around its value; whoever set it kept them. Remove them.")


def _hidden(name: str, value: Any) -> Any:
    return SecretStr(value) if name == "api_key" and isinstance(value, str) else value
