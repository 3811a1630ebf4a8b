"""The JSON object in what a model wrote: alone, in a code fence, between other words, or as arguments of a call.

Never completes one, but for `find_partial_object`, which reads an answer that is still arriving.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.jsontext import dumps, find_non_finite
from kilo_gateway.tool_arguments import describe_flaw, parse_arguments

_FENCE = re.compile(r"```(?:json)?\s*\n?(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>(?:.*?</\1>|.*)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = "</think>"
"""Stands alone where the prompt's template has opened the thoughts."""
_START = re.compile(r'\{\s*["}]')
"""Where an object can begin; the braces of `{x}` and `f(){ return` are none."""
_DECODER = json.JSONDecoder(strict=False)
"""Takes line breaks within strings, which many models write."""

M = TypeVar("M", bound=BaseModel)

CUT_OFF = frozenset({"length", "error", "content_filter"})
"""Finish reasons after which a call without arguments has lost them."""

WITHHELD = "was withheld by a content filter: change the input, or choose another model."
"""What is said of an answer without the object that was asked for, where its finish reason is `content_filter`."""

LOST = "The answer was cut off before the arguments of this call came."


def find_object(text: str) -> dict[str, Any] | None:
    """Return the object that the text is, or the first one within it; None when there is none, or it is not whole."""
    text = _without_thoughts(text)
    for candidate in (text.strip(), _unfenced(text)):
        try:
            found = _DECODER.decode(candidate)
            if isinstance(found, str) and found.lstrip().startswith("{"):
                found = _DECODER.decode(found.strip())  # encoded twice
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else None
    start = _START.search(text)
    try:
        found = None if start is None else _DECODER.raw_decode(text, start.start())[0]
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def is_closed(text: str) -> bool:
    """Return whether a text that reached the longest length ends as JSON does, so that what it holds is whole."""
    return _without_thoughts(text).rstrip().endswith(("}", "]", "```"))


def find_value(text: str) -> Any:
    """Return the JSON value that the text is, alone or in a code fence; None when it is none, or null."""
    try:
        return _DECODER.decode(_unfenced(_without_thoughts(text)))
    except (ValueError, RecursionError):
        return None


def find_partial_object(text: str) -> dict[str, Any] | None:
    """Return what is there of an object whose text is still arriving; None before its first brace."""
    text = _without_thoughts(text)
    start = _START.search(text)
    if start is None:
        return None
    try:
        found = from_json(text[start.start() :], allow_inf_nan=False, allow_partial="trailing-strings")
    except ValueError:
        found = find_object(text)  # other words follow the object
    return found if isinstance(found, dict) else None


def make_instance(cls: type[M], found: dict[str, Any]) -> M:
    """Return an instance of an object of JSON, read as JSON: a strict class takes a date, a set or an enum so, too.

    Raises:
        pydantic.ValidationError: the class does not accept it.
    """
    return cls.model_validate_json(json.dumps(found))


def find_flaw(arguments: Any, finish_reason: str | None = None) -> str | None:
    """Return why a call may not be run; None for one whose arguments are whole.

    A call that ends with the answer, before any argument came, may have had some.
    """
    if finish_reason in CUT_OFF and (arguments is None or (isinstance(arguments, str) and not arguments.strip())):
        return LOST
    return describe_flaw(arguments)


def read_arguments(arguments: Any, finish_reason: str | None = None) -> dict[str, Any] | None:
    """Return the arguments of a call that may be run; None for one that may not, as `find_flaw` says why."""
    return None if find_flaw(arguments, finish_reason) == LOST else parse_arguments(arguments)


def render_arguments(arguments: Any, *, name: str) -> str:
    """Return the arguments of a call of the history as JSON text; text stays as it is, nothing is `{}`.

    Raises:
        InvalidRequestError: arguments that JSON cannot carry.
    """
    if isinstance(arguments, str):
        return arguments if arguments.strip() else "{}"
    if place := find_non_finite(arguments):
        raise InvalidRequestError(f"The arguments of {name!r} cannot be sent: {place}. JSON knows finite numbers only.")
    return dumps(arguments or {}).decode()


def _without_thoughts(text: str) -> str:
    """Return what follows the thoughts that a model wrote in front of its answer; "" while they last."""
    if thought := _THOUGHT.match(text):
        return text[thought.end() :]
    is_answer = text.lstrip().startswith(("{", "[", "`", '"'))
    return text if is_answer else text.rpartition(_END_OF_THOUGHT)[2]


def _unfenced(text: str) -> str:
    """Return what stands in the first code fence; the text itself without one."""
    stripped = text.strip()
    if stripped.startswith(("{", "[")):
        return stripped
    fenced = _FENCE.search(text)
    return fenced.group(1).strip() if fenced else stripped
