"""What a client needs to know, and where each value came from. Reads no environment by itself; never shows a key."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from kilo_gateway.base_url import DEFAULT_BASE_URL, check_cleartext, parse_base_url
from kilo_gateway.errors import InvalidSettingError, MissingKeyError
from kilo_gateway.headers import check_header, mask_header
from kilo_gateway.refs import DEFAULT_MODEL, parse_model_id, render_ref
from kilo_gateway.timeouts import Timeouts, parse_timeouts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_MAX_RETRIES = 2

HOW_TO_GET_A_KEY = (
    "Get one: sign in at https://app.kilo.ai, open API Keys, generate a key; "
    "then set KILOCODE_API_KEY, or pass api_key=."
)

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
    "default_headers": ("KILOCODE_DEFAULT_HEADERS",),
    "discover": ("KILOCODE_DISCOVERY",),
}
"""The environment variables of each setting, the first that is set and not blank winning."""

READ_PER_REQUEST = frozenset({"feature"})
"""Settings whose variable is read when a request is made, not when the settings are resolved."""


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
    default_headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Sent with every request."""
    discover: Literal["lazy", "startup"] = "lazy"
    """When the model list is fetched: where its answer is needed, or when the first client is made."""
    origins: dict[str, str] = Field(default_factory=dict, repr=False)
    """Setting -> "argument", the variable's name, or "default"."""

    @property
    def has_own_authorization(self) -> bool:
        """Whether the default headers carry an `Authorization` of the caller's."""
        return any(name.lower() == "authorization" for name in self.default_headers)

    def secrets(self) -> list[str]:
        """Return what must appear nowhere: the key, and header values that are secrets by their name."""
        values = [value for name, value in self.default_headers.items() if mask_header(name, value) == "***"]
        if self.api_key is not None:
            values.append(self.api_key.get_secret_value())
        return values + [value.removeprefix("Bearer ") for value in values if value.startswith("Bearer ")]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return each setting as `{"value": ..., "from": ...}`, secrets masked: fit to print."""
        values: dict[str, Any] = {name: getattr(self, name) for name in VARIABLES}
        values["api_key"] = None if self.api_key is None else "***"
        values["default_headers"] = {name: mask_header(name, value) for name, value in self.default_headers.items()}
        return {name: {"value": value, "from": self.origins.get(name, "default")} for name, value in values.items()}

    def __getstate__(self) -> dict[Any, Any]:
        """Leave every secret out of a pickle; the copy falls back to the environment."""
        state = super().__getstate__()
        kept = {name: value for name, value in self.default_headers.items() if mask_header(name, value) != "***"}
        state["__dict__"] = {**state["__dict__"], "api_key": None, "default_headers": kept}
        return state


def resolve_settings(arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Return the effective settings: for each, the argument, else its environment variable, else the default.

    An argument of None counts as not given.

    Raises:
        InvalidSettingError: an unknown argument, or a value that cannot work; the message names where it came from.
        MissingKeyError: `api_key` was given, but is blank.
    """
    unknown = sorted(set(arguments) - set(VARIABLES))
    if unknown:
        raise InvalidSettingError(
            f"There is no setting {', '.join(unknown)}; there are {', '.join(sorted(VARIABLES))}."
        )
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, variables in VARIABLES.items():
        found = _find(name, arguments.get(name), () if name in READ_PER_REQUEST else variables, environ)
        if found is not None:
            origins[name], raw = found
            values[name] = _PARSERS[name](raw, origins[name])
    settings = Settings(**values, origins=origins, timeout_is_given="timeout" in values)
    if settings.api_key is not None or settings.has_own_authorization:
        check_cleartext(settings.base_url, proxies=_proxies(environ))
    return settings


def _find(name: str, argument: Any, variables: tuple[str, ...], environ: Mapping[str, str]) -> tuple[str, Any] | None:
    if argument is not None:
        return f"argument {name}", argument
    for variable in variables:
        value = environ.get(variable, "")
        if value.strip():
            return variable, value
    return None


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies that an environment names, in the shape of urllib."""
    names = [name for name in environ if name.lower().endswith("_proxy")]
    return {name.lower().removesuffix("_proxy"): environ[name] for name in names if environ[name]}


def _parse_key(value: Any, origin: str) -> SecretStr:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        raise InvalidSettingError(f"{origin} must be a string, not {type(text).__name__}.")
    text = text.strip()
    if not text:
        raise MissingKeyError(f"{origin} is blank. {HOW_TO_GET_A_KEY}")
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        raise InvalidSettingError(
            f"{origin} holds a blank, a control character or a non-ASCII character inside; copy the key again."
        )
    return SecretStr(text)


def _parse_base_url(value: Any, origin: str) -> str:
    try:
        return parse_base_url(value)
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{origin}: {error}") from None


def _parse_timeout(value: Any, origin: str) -> Timeouts:
    if isinstance(value, str):
        try:
            value = float(value) if origin.isupper() else value
        except ValueError:
            raise InvalidSettingError(f"{origin}={value!r} is not a number of seconds.") from None
    return parse_timeouts(value)


def _parse_max_retries(value: Any, origin: str) -> int:
    if isinstance(value, str) and origin.isupper() and re.fullmatch(r"\s*\d{1,4}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidSettingError(f"{origin}={value!r} is not usable: it counts tries after the first, so 0, 1, 2, ...")
    return value


def _header_setting(header: str) -> Callable[[Any, str], str]:
    def parse(value: Any, origin: str) -> str:
        text = check_header(header, value, origin=origin)[1]
        if not text:
            raise InvalidSettingError(f"{origin} is blank.")
        return text

    return parse


def _parse_headers(value: Any, origin: str) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise InvalidSettingError(f"{origin} must be a JSON object of header names and values.") from None
    if not hasattr(value, "items"):
        raise InvalidSettingError(f"{origin} must map header names to values, not be a {type(value).__name__}.")
    return dict(check_header(name, text, origin=origin) for name, text in value.items())


def _parse_discover(value: Any, origin: str) -> str:
    word = value.strip().lower() if isinstance(value, str) else value
    if word not in {"lazy", "startup"}:
        raise InvalidSettingError(f"{origin}={value!r} is not usable: it is 'lazy' or 'startup'.")
    return str(word)


def _parse_feature(value: Any, origin: str) -> str | None:
    return check_header("X-KILOCODE-FEATURE", value, origin=origin)[1] or None


_PARSERS: dict[str, Callable[[Any, str], Any]] = {
    "api_key": _parse_key,
    "organization_id": _header_setting("X-KiloCode-OrganizationId"),
    "model": lambda value, _origin: render_ref(parse_model_id(value)),
    "base_url": _parse_base_url,
    "timeout": _parse_timeout,
    "max_retries": _parse_max_retries,
    "feature": _parse_feature,
    "task_id": _header_setting("X-KiloCode-TaskId"),
    "mode": _header_setting("x-kilocode-mode"),
    "client_version": _header_setting("X-KiloCode-Version"),
    "default_headers": _parse_headers,
    "discover": _parse_discover,
}
