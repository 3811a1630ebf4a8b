"""Arguments of a call: names checked, other names replaced, merged over the model object's fields. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kilo_gateway.adapters.arguments import FIELD_OF, merge_options, options_of, rename_arguments, without_none
from kilo_gateway.adapters.model_object import PER_CALL
from kilo_gateway.errors import InvalidRequestError
from langchain_kilo.tools import AnswerChoice, render_tool_choice, render_tools, settle_answer_choice

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALL_ARGUMENTS = frozenset({"model", "timeout", "extra_headers", "request_id"})
_IGNORED = frozenset({"stream", "run_manager"})
"""What LangChain itself passes down; whether to stream is decided by then."""

_CALL_NAMES = frozenset(FIELD_OF.values()) | _CALL_ARGUMENTS | PER_CALL | _IGNORED


class CallArguments(NamedTuple):
    """What one call says, in the terms of the core's client."""

    client: dict[str, Any]
    """`model`, `timeout`, `extra_headers`, `request_id` and options, ready for `complete` and `stream`."""
    settings: dict[str, Any]
    """Settings that this call replaces."""


def arguments_of(
    fields: Mapping[str, Any], stop: list[str] | None, given: Mapping[str, Any], *, is_stream: bool = False
) -> CallArguments:
    """Return the arguments of a call: its own, over the fields of the model object. None counts as not given.

    Raises:
        InvalidRequestError: an unknown argument, or options that contradict one another.
    """
    said = without_none(rename_arguments(given, _CALL_NAMES, owner="ChatKilo")) if given else {}
    if stop is not None:
        said["stop"] = stop
    client = merge_options(options_of(fields), said)
    if "tools" in client:
        client["tools"] = render_tools(client["tools"])
    choice = client.get("tool_choice")
    if choice is not None:
        client["tool_choice"] = render_tool_choice(choice, client.get("tools") or ())
    if is_stream and isinstance(client.get("n"), int) and client["n"] > 1:
        raise InvalidRequestError("A LangChain stream carries one answer, so n must be 1; use generate() for several.")
    client["model"] = said.get("model", fields.get("model"))
    if isinstance(choice, AnswerChoice):
        settle_answer_choice(choice, client)
    client.update({name: said[name] for name in ("timeout", "extra_headers", "request_id") if name in said})
    return CallArguments(client, {name: said[name] for name in PER_CALL if name in said})
