"""What the value of each setting may be, whether an argument or a variable's text. Never reads the environment.

A value that is refused is quoted only where it cannot be a secret.
"""

from __future__ import annotations

import re
import reprlib
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from kilo_gateway.errors import GET_A_KEY, InvalidModelError, InvalidSettingError, MissingKeyError
from kilo_gateway.jsontext import loads
from kilo_gateway.refs import render_ref
from kilo_gateway.settings.base_url import parse_base_url
from kilo_gateway.settings.headers import check_header, parse_headers
from kilo_gateway.settings.timeouts import Timeouts, parse_timeouts

if TYPE_CHECKING:
    from collections.abc import Callable

LEFT_BEHIND = "the process that pickled this object"
"""The origin of a key that is not here because pickles hold none."""


def parse_setting(name: str, value: Any, origin: str) -> Any:
    """Return the value of a setting as it is kept. Given what it has returned, it returns the same again.

    `origin` is where the value came from, for the message: `argument timeout`, or a variable's name, whose text is
    read as a number or as JSON where the setting needs one.

    Raises:
        SetupError: the value cannot work.
    """
    return _PARSERS[name](value, origin)


def _is_variable(origin: str) -> bool:
    return origin.isupper()


def _parse_key(value: Any, origin: str) -> SecretStr:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        raise InvalidSettingError(f"{origin} must be a string, not {type(text).__name__}.")
    text = text.strip()
    if not text:
        raise MissingKeyError(f"{origin} is blank. {GET_A_KEY}")
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


def _parse_model(value: Any, origin: str) -> str:
    try:
        return render_ref(value)
    except InvalidModelError as error:
        raise InvalidModelError(f"{origin}: {error}", model=error.model) from None


def _parse_timeout(value: Any, origin: str) -> Timeouts:
    if isinstance(value, str) and _is_variable(origin):
        try:
            value = float(value)
        except ValueError:
            raise InvalidSettingError(
                f"{origin}={reprlib.repr(value)} is not usable: it must be a number of seconds."
            ) from None
    try:
        return parse_timeouts(value)
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{origin}: {error}") from None


def _parse_max_retries(value: Any, origin: str) -> int:
    if isinstance(value, str) and _is_variable(origin) and re.fullmatch(r"\s*\d{1,4}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidSettingError(
            f"{origin}={reprlib.repr(value)} is not usable: it counts tries after the first, so 0, 1, 2, ..."
        )
    return value


def _parse_headers(value: Any, origin: str) -> dict[str, str]:
    if isinstance(value, str):
        try:
            value = loads(value)
        except ValueError:
            raise InvalidSettingError(f"{origin} must be a JSON object of header names and values.") from None
    return parse_headers(value, origin=origin)


def _parse_discover(value: Any, origin: str) -> str:
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in {"lazy", "startup"}:
        raise InvalidSettingError(f"{origin}={reprlib.repr(value)} is not usable: it is 'lazy' or 'startup'.")
    return str(word)


def _parse_switch(value: Any, origin: str) -> bool:
    word = value.strip().lower() if isinstance(value, str) and _is_variable(origin) else value
    found = word if isinstance(word, bool) else _SWITCHES.get(word) if isinstance(word, str) else None
    if found is None:
        raise InvalidSettingError(f"{origin}={reprlib.repr(value)} is not usable: it is True or False.")
    return found


_SWITCHES = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
"""What a variable may say."""


def parse_feature(value: Any, origin: str) -> str | None:
    """Return the feature word, trimmed; None for a blank one, which counts as not given."""
    text = value.strip() if isinstance(value, str) else value
    return check_header("X-KILOCODE-FEATURE", text, origin=origin)[1] or None


def _header_value(header: str) -> Callable[[Any, str], str]:
    def parse(value: Any, origin: str) -> str:
        text = check_header(header, value, origin=origin)[1]
        if not text:
            raise InvalidSettingError(f"{origin} is blank: give it a value, or leave it out.")
        return text

    return parse


_PARSERS: dict[str, Callable[[Any, str], Any]] = {
    "api_key": _parse_key,
    "organization_id": _header_value("X-KiloCode-OrganizationId"),
    "model": _parse_model,
    "base_url": _parse_base_url,
    "timeout": _parse_timeout,
    "max_retries": _parse_max_retries,
    "feature": parse_feature,
    "task_id": _header_value("X-KiloCode-TaskId"),
    "mode": _header_value("x-kilocode-mode"),
    "client_version": _header_value("X-KiloCode-Version"),
    "session": _header_value("x-kilo-session"),
    "project_id": _header_value("X-KiloCode-ProjectId"),
    "editor": _header_value("x-kilocode-editorname"),
    "machine_id": _header_value("x-kilocode-machineid"),
    "default_headers": _parse_headers,
    "discover": _parse_discover,
    "shared_pause": _parse_switch,
}
