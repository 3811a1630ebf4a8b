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


class Setting:
    """What a row of the settings says beside its type, its default and what it does."""

    def __init__(
        self,
        parse: Callable[[Any, str], Any],
        *variables: str,
        header: str | None = None,
        read_per_request: bool = False,
        argument: str | None = None,
        hidden: bool = False,
    ) -> None:
        self.parse = parse
        """Returns the value as it is kept, given an argument or a variable's text, and where that came from, for
        messages: `argument timeout`, or the variable's name. What it has returned it returns again."""
        self.variables = variables
        """The environment variables, the first that is set and not blank winning."""
        self.header = header
        """The header that a request carries the value in, as it is."""
        self.read_per_request = read_per_request
        """Whether the variable is read when a request is made, not when the settings are resolved."""
        self.argument = argument
        """The type of the argument of a model object, where it takes more than is kept."""
        self.hidden = hidden
        """Whether a model object's dumps and reprs leave it out."""


def _is_variable(origin: str) -> bool:
    return origin.isupper()


def parse_key_setting(value: Any, origin: str) -> SecretStr:
    """Return the key, trimmed. Raises MissingKeyError for a blank one, InvalidSettingError for what is none."""
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


def parse_base_url_setting(value: Any, origin: str) -> str:
    """Return the gateway's URL with one slash at its end. Raises InvalidSettingError."""
    try:
        return parse_base_url(value)
    except InvalidSettingError as error:
        raise InvalidSettingError(f"{origin}: {error}") from None


def parse_model_setting(value: Any, origin: str) -> str:
    """Return the model's ref. Raises InvalidModelError."""
    try:
        return render_ref(value)
    except InvalidModelError as error:
        raise InvalidModelError(f"{origin}: {error}", model=error.model) from None


def parse_timeout_setting(value: Any, origin: str) -> Timeouts:
    """Return the bounds in seconds. Raises InvalidSettingError."""
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


def parse_max_retries_setting(value: Any, origin: str) -> int:
    """Return the tries after the first. Raises InvalidSettingError."""
    if isinstance(value, str) and _is_variable(origin) and re.fullmatch(r"\s*\d{1,4}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidSettingError(
            f"{origin}={reprlib.repr(value)} is not usable: it counts tries after the first, so 0, 1, 2, ..."
        )
    return value


def parse_headers_setting(value: Any, origin: str) -> dict[str, str]:
    """Return the headers, of a variable from JSON. Raises InvalidSettingError."""
    if isinstance(value, str):
        try:
            value = loads(value)
        except ValueError:
            raise InvalidSettingError(f"{origin} must be a JSON object of header names and values.") from None
    return parse_headers(value, origin=origin)


def parse_discover_setting(value: Any, origin: str) -> str:
    """Return `lazy` or `startup`. Raises InvalidSettingError."""
    word = value.strip().lower() if isinstance(value, str) else None
    if word not in {"lazy", "startup"}:
        raise InvalidSettingError(f"{origin}={reprlib.repr(value)} is not usable: it is 'lazy' or 'startup'.")
    return str(word)


def parse_switch_setting(value: Any, origin: str) -> bool:
    """Return True or False, of a variable from words such as `on`. Raises InvalidSettingError."""
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


def sent_as(header: str, *variables: str) -> Setting:
    """Return the row of a setting that is sent as a header. Its parser raises InvalidSettingError for a blank value."""

    def parse(value: Any, origin: str) -> str:
        if isinstance(value, str) and _is_variable(origin):
            value = value.strip()  # the line end of a mounted file is nobody's value
        text = check_header(header, value, origin=origin)[1]
        if not text:
            raise InvalidSettingError(f"{origin} is blank: give it a value, or leave it out.")
        return text

    return Setting(parse, *variables, header=header)
