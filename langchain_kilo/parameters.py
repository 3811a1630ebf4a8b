"""Arguments of the constructor and of a call: names checked, spellings unified, laid over each other. Sends nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.request.option_checks import check_options
from kilo_gateway.request.reasoning import split_reasoning
from langchain_kilo.option_fields import FIELD_OF, RENAMED
from langchain_kilo.setting_fields import PER_CALL
from langchain_kilo.tools import render_tool_choice, render_tools

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIASES = {"model_name": "model", "stop_sequences": "stop", "model_kwargs": "extra_body", "kilo_api_key": "api_key"}
"""Other spellings of arguments."""

_CALL_ARGUMENTS = frozenset({"model", "timeout", "extra_headers", "request_id"})
_SHAPED = frozenset({"reasoning", "reasoning_effort", "extra_body"})
_IGNORED = frozenset({"stream", "run_manager"})
"""What LangChain itself passes down; whether to stream is decided by then."""

_RIVALS = (("reasoning", "reasoning_effort"), ("max_tokens", "max_completion_tokens"))
"""Spellings of one thing: a call that uses one of them replaces the constructor's other."""


class CallArguments(NamedTuple):
    """What one call says, in the terms of the core's client."""

    client: dict[str, Any]
    """`model`, `timeout`, `extra_headers`, `request_id` and options, ready for `complete` and `stream`."""
    settings: dict[str, Any]
    """Settings that this call replaces."""


def unify(arguments: Mapping[str, Any], known: Iterable[str], *, owner: str = "ChatKilo") -> dict[str, Any]:
    """Return the arguments under their first names; `owner` is the class that the message names.

    Raises:
        InvalidRequestError: an unknown name, with the nearest known one; or two spellings of one argument.
    """
    known = frozenset(known)
    unified: dict[str, Any] = {}
    for given, value in arguments.items():
        name = given if given in known else ALIASES.get(given, given)
        if name not in known:
            raise InvalidRequestError(_unknown(given, known, owner))
        if unified.get(name) is not None and value is not None:
            raise InvalidRequestError(f"{given!r} is another spelling of {name!r}: give only one of them.")
        if unified.get(name) is None:
            unified[name] = value
    return unified


_MEANT = {
    "functions": "tools",
    "function_call": "tool_choice",
    "providerOptions": "provider",
    "headers": "extra_headers",
}


def _unknown(name: str, known: frozenset[str], owner: str) -> str:
    near = _MEANT.get(name) or next(iter(difflib.get_close_matches(name, [*known, *ALIASES], n=1)), None)
    hint = f" Did you mean {near!r}?" if near and near != name else ""
    return f"{owner} has no argument {name!r}.{hint} What has no option of its own goes into extra_body."


def check_option_values(arguments: Mapping[str, Any]) -> None:
    """Refuse values that the wire cannot take, before pydantic would bend or wrap them.

    Raises:
        InvalidRequestError: a value of the wrong kind.
    """
    wire_names = {field: name for name, field in RENAMED.items()}
    fields = frozenset(FIELD_OF.values()) - _SHAPED
    check_options({wire_names.get(name, name): value for name, value in arguments.items() if name in fields})
    split_reasoning(arguments.get("reasoning"), arguments.get("reasoning_effort"))
    if not isinstance(arguments.get("extra_body"), (Mapping, type(None))):
        raise InvalidRequestError("extra_body must be a mapping of names and values.")


_CALL_NAMES = frozenset(FIELD_OF.values()) | _CALL_ARGUMENTS | PER_CALL | _IGNORED


def arguments_of(
    fields: Mapping[str, Any], stop: list[str] | None, given: Mapping[str, Any], *, is_stream: bool = False
) -> CallArguments:
    """Return the arguments of a call: what it says itself, over the fields of the model object. None says nothing.

    Raises:
        InvalidRequestError: an unknown argument, or options that contradict one another.
    """
    said = unify(given, _CALL_NAMES) if given else {}
    if stop is not None:
        said["stop"] = stop
    said = {name: value for name, value in said.items() if value is not None}
    replaced = {rival for pair in _RIVALS if any(name in said for name in pair) for rival in pair}
    client: dict[str, Any] = {}
    for name, field in FIELD_OF.items():
        value = said[field] if field in said else (None if field in replaced else fields.get(field))
        if value is not None:
            client[name] = value
    if "extra_body" in said and fields.get("extra_body"):
        client["extra_body"] = {**fields["extra_body"], **said["extra_body"]}
    if "tools" in client:
        client["tools"] = render_tools(client["tools"])
    if "tool_choice" in client:
        client["tool_choice"] = render_tool_choice(client["tool_choice"], client.get("tools") or ())
    if is_stream and isinstance(client.get("n"), int) and client["n"] > 1:
        raise InvalidRequestError("A LangChain stream carries one answer, so n must be 1; use generate() for several.")
    client["model"] = said.get("model", fields.get("model"))
    client.update({name: said[name] for name in ("timeout", "extra_headers", "request_id") if name in said})
    return CallArguments(client, {name: said[name] for name in PER_CALL if name in said})
