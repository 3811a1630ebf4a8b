"""KiloLLM's fields: checked, and made the options of a call. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.adapters.arguments import FIELD_OF, check_option_values, merge_options, options_of
from kilo_gateway.errors import InvalidSettingError
from llama_index_kilo.hidden_headers import reveal_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTION_NAMES = frozenset(FIELD_OF) | frozenset(FIELD_OF.values())


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuse options that the wire cannot take, those of `additional_kwargs` too.

    Raises:
        InvalidRequestError: an unknown option of `additional_kwargs`, or a value of the wrong kind.
        InvalidSettingError: `additional_kwargs` is no mapping.
    """
    more = given.get("additional_kwargs") or {}
    if not hasattr(more, "items"):
        raise InvalidSettingError(f"additional_kwargs must be a mapping, not a {type(more).__name__}.")
    check_option_values({**options_of(given), **more})


def options_of_call(fields: Mapping[str, Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a call is made with: the fields, `additional_kwargs` over them, the call's own over both.

    What is no option, such as `timeout` or a misspelt name, goes as it is, for the core to use or to refuse.
    """
    options = options_of(fields)
    rest: dict[str, Any] = {}
    for said in (fields["additional_kwargs"], kwargs):
        if said:
            options = merge_options(options, said)
            rest |= {name: value for name, value in said.items() if name not in _OPTION_NAMES and value is not None}
    options |= {"model": fields["model"], **rest}
    if "extra_headers" in options:
        options["extra_headers"] = reveal_headers(options["extra_headers"])
    return options
