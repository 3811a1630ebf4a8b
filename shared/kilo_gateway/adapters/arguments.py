"""Arguments of model objects and of their calls: names checked, other names replaced, values merged.

Sends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors import InvalidRequestError, InvalidSettingError
from kilo_gateway.errors.nearest import LONGEST_COMPARED, nearest_name
from kilo_gateway.jsontext import find_non_finite
from kilo_gateway.request.option_checks import check_options
from kilo_gateway.request.options import FIELD_OF, SHAPED
from kilo_gateway.request.reasoning import LEVELS, split_reasoning

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import ValidationError

__all__ = [
    "ALIASES",
    "FIELD_OF",
    "LEVELS",
    "check_option_values",
    "merge_options",
    "options_of",
    "rename_arguments",
    "setting_error",
    "without_none",
]

ALIASES: Mapping[str, str] = {
    "model_name": "model",
    "stop_sequences": "stop",
    "model_kwargs": "extra_body",
    "kilo_api_key": "api_key",
    "api_base": "base_url",
}
"""Names that other integrations give an argument -> its name here. Where one is the name of a field, it means that."""

_RIVALS = (("reasoning", "reasoning_effort"), ("max_tokens", "max_completion_tokens"))
"""Spellings of one thing: a call that uses one of them replaces the constructor's other."""

_LONGEST_MODEL = 100


def rename_arguments(
    arguments: Mapping[str, Any],
    known: Collection[str],
    *,
    owner: str,
    aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the arguments under the names of the fields that they mean.

    `known` are those names; `aliases` are other names for them, which win over `ALIASES`; `owner` is the class that
    messages name.

    Raises:
        InvalidRequestError: an unknown name, with the nearest known one; or two names of one argument.
    """
    unified: dict[str, Any] = {}
    names: dict[str, str] = {}
    for given, value in arguments.items():
        name = (aliases or {}).get(given) or (given if given in known else ALIASES.get(given, given))
        if name not in known:
            raise InvalidRequestError(_unknown(given, {*known, *(aliases or ()), *ALIASES}, owner))
        if value is None:
            unified.setdefault(name, None)
            continue
        other = names.setdefault(name, given)
        if other != given and unified[name] != value:
            raise InvalidRequestError(f"{other} and {given} are two names of one argument; give only one.")
        unified[name] = value
    return unified


def _unknown(name: str, known: Collection[str], owner: str) -> str:
    from kilo_gateway.adapters.foreign_names import MEANT, NOTES  # noqa: PLC0415 - for an error's sake alone

    refused = f"{owner} has no argument {name[:LONGEST_COMPARED]!r}."
    if name in NOTES:
        return f"{refused} {NOTES[name]}"
    meant = next((one for one in MEANT.get(name, ()) if one in known), None)
    near = meant or nearest_name(name, known)
    hint = f" Did you mean {near!r}?" if near else ""
    return f"{refused}{hint} What has no option of its own goes into extra_body."


def explain_unnamed(owner: str, model_field: str, unnamed: object, *, example: str) -> str:
    """Return the message for an argument without a name; it is shown only where it looks like a model, not a key."""
    is_model = isinstance(unnamed, str) and "/" in unnamed and unnamed.isprintable() and len(unnamed) <= _LONGEST_MODEL
    return f"{owner} takes named arguments only: write {owner}({model_field}={unnamed if is_model else example!r})."


def without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value: None counts as not given."""
    return {name: value for name, value in fields.items() if value is not None}


def setting_error(error: ValidationError) -> InvalidSettingError:
    """Return what pydantic found as an error of this package: the fields and what is wrong, without the values."""
    found = (f"{'.'.join(str(step) for step in item['loc'])}: {item['msg']}" for item in error.errors())
    return InvalidSettingError("; ".join(found))


def check_option_values(options: Mapping[str, Any]) -> None:
    """Refuse values that the wire cannot take, before pydantic would bend or wrap them; `options` by their wire names.

    Raises:
        InvalidRequestError: an unknown option, or a value of the wrong kind.
    """
    plain = check_options({name: value for name, value in options.items() if name not in SHAPED}, also=SHAPED)
    if place := find_non_finite(plain):
        raise InvalidRequestError(f"{place} cannot be sent as JSON, which carries finite numbers only.")
    split_reasoning(options.get("reasoning"), options.get("reasoning_effort"))
    extra = options.get("extra_body")
    if not isinstance(extra, (Mapping, type(None))):
        raise InvalidRequestError(f"extra_body must be a mapping of names and values, not a {type(extra).__name__}.")


def options_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that fields of a model object hold, by their wire names."""
    return {name: value for name, field in FIELD_OF.items() if (value := fields.get(field)) is not None}


def merge_options(options: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Return options, by their wire names, with what is said over them; `extra_body` of both is merged.

    `said` is by field names or wire names; None in it takes an option away. What it holds beside options is left out.
    """
    merged = dict(options)
    for pair in _RIVALS if said else ():
        if any(said.get(name) is not None for name in pair):
            merged = {name: value for name, value in merged.items() if name not in pair}
    for given, value in said.items():
        name = _OPTION_OF.get(given)
        if name == "extra_body" and isinstance(value, Mapping):
            merged[name] = {**(merged.get(name) or {}), **value}
        elif name is not None:
            merged[name] = value
    return merged


_OPTION_OF = {**{name: name for name in FIELD_OF}, **{field: name for name, field in FIELD_OF.items()}}
"""Field or wire name -> wire name."""
