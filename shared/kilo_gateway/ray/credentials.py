"""The settings of a client on their way to workers, the key among them: whole in a pickle, and shown nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.settings.settings import VARIABLES, resolve_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kilo_gateway.settings.settings import Settings


class ClientSettings(TypedDict, total=False):
    """The settings of a client that a run takes beside its own arguments and the key."""

    base_url: str | None
    organization_id: str | None
    timeout: Any
    default_headers: Mapping[str, str] | None


class Credentials:
    """What a program resolved, or a function that tells the key on the worker.

    Ray writes the arguments of workers into plans and logs as their `repr` says; this one says nothing.
    """

    __slots__ = ("_arguments", "_read_key")

    def __init__(self, arguments: Mapping[str, Any], read_key: Callable[[], str] | None = None) -> None:
        self._arguments = dict(arguments)
        self._read_key = read_key

    def __repr__(self) -> str:
        return "Credentials(not shown)"

    def __getstate__(self) -> tuple[dict[str, Any], Any]:
        """Return all of it: settings themselves leave their key out of a pickle."""
        return self._arguments, self._read_key

    def __setstate__(self, state: tuple[dict[str, Any], Any]) -> None:
        self._arguments, self._read_key = state

    def settings(self, environ: Mapping[str, str]) -> Settings:
        """Return the settings, completed out of the environment. Raises what `resolve_settings` raises."""
        key = {} if self._read_key is None else {"api_key": self._read_key()}
        return resolve_settings({**self._arguments, **key}, environ)


def take_settings(arguments: dict[str, Any]) -> dict[str, Any]:
    """Take the settings of a client out of the arguments of a run, whose own the model is."""
    return {name: arguments.pop(name) for name in VARIABLES if name in arguments and name != "model"}


def of_settings(settings: Settings) -> Credentials:
    """Return the settings of a program, for workers that have another environment."""
    found = {name: getattr(settings, name) for name in VARIABLES if name in settings.origins}
    if settings.api_key is not None:
        found["api_key"] = settings.api_key.get_secret_value()
    return Credentials(found)


def of_arguments(arguments: Mapping[str, Any]) -> Credentials:
    """Return the settings that stand among the arguments of a worker.

    Raises:
        InvalidSettingError: a key in plain text, which Ray would show.
    """
    given = dict(arguments)
    key = given.pop("api_key", None)
    if key is not None and not callable(key):
        raise InvalidSettingError(
            "api_key stands among fn_constructor_kwargs, which Ray keeps in plans and logs. Set KILOCODE_API_KEY in "
            "the workers' environment, give a function that returns the key there, or let build_processor carry it."
        )
    return Credentials(given, key)
