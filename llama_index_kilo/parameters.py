"""What becomes of KiloLLM's fields: they are checked, and become the options of a call. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import PrivateAttr

from kilo_gateway.catalog.discovery import known_catalog
from kilo_gateway.errors import InvalidRequestError, InvalidSettingError
from kilo_gateway.jsontext import find_non_finite
from kilo_gateway.request.option_checks import check_options
from kilo_gateway.request.options import OPTIONS
from kilo_gateway.request.reasoning import split_reasoning
from llama_index_kilo.connected import Connected, hide_key
from llama_index_kilo.fields import KiloFields
from llama_index_kilo.hidden_headers import reveal_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.catalog.models import ModelInfo
    from kilo_gateway.settings.settings import Settings

SHAPED = ("reasoning", "reasoning_effort", "extra_body")
"""What a request takes beside the options of the wire."""

RENAMED = {"metadata": "request_metadata"}
"""Options whose own name LlamaIndex uses for something else -> the field that holds them."""


class KiloParameters(KiloFields):
    """The fields, checked and put to use."""

    _aliases: ClassVar[dict[str, str]] = {**Connected._aliases, **RENAMED}

    _settings: Settings = PrivateAttr()
    _sync: Any = PrivateAttr(default=None)
    _async: Any = PrivateAttr(default=None)

    if not TYPE_CHECKING:  # so that type checkers see the fields as the constructor's arguments

        def __init__(self, **arguments: Any) -> None:
            arguments = hide_key(arguments)
            self._set_up(arguments)

    @classmethod
    def _check_arguments(cls, given: Mapping[str, Any]) -> None:
        _check_options(given)

    def _model_info(self) -> ModelInfo | None:
        """Return what the catalog as known now says of the model; None for an unknown id."""
        return known_catalog(self._settings).get(self.model)

    def _options(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a call is made with: the fields, `additional_kwargs` over them, the call's own over both."""
        fields = self.__dict__
        options = {name: value for name, field in _FIELD_OF.items() if (value := fields[field]) is not None}
        options |= {"model": self.model, **self.additional_kwargs, **kwargs}
        bodies = [layer.get("extra_body") for layer in (fields, self.additional_kwargs, kwargs)]
        if sum(body is not None for body in bodies) > 1:
            options["extra_body"] = {key: value for body in bodies for key, value in (body or {}).items()}
        if "extra_headers" in options:
            options["extra_headers"] = reveal_headers(options["extra_headers"])
        return options


_FIELD_OF = {name: RENAMED.get(name, name) for name in (*OPTIONS, *SHAPED)}
"""Option -> the field that holds it."""


def _check_options(given: Mapping[str, Any]) -> None:
    more = given.get("additional_kwargs") or {}
    if not hasattr(more, "items"):
        raise InvalidSettingError(f"additional_kwargs must be a mapping, not a {type(more).__name__}.")
    options = {name: given.get(field) for name, field in _FIELD_OF.items()} | dict(more)
    shaped = {name: options.pop(name, None) for name in SHAPED}
    check_options(options, also=SHAPED)
    if place := find_non_finite(options):
        raise InvalidRequestError(f"{place} cannot be sent as JSON, which carries finite numbers only.")
    split_reasoning(shaped["reasoning"], shaped["reasoning_effort"])
    if not isinstance(shaped["extra_body"] or {}, dict):
        raise InvalidRequestError(f"extra_body must be a dict, not a {type(shaped['extra_body']).__name__}.")
