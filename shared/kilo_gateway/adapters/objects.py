"""The JSON object in what a model wrote: alone, in a code fence, between other words, or as arguments of a call.

Never completes one, but for `find_partial_object`, which reads an answer that is still arriving.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel
from pydantic_core import from_json

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.jsontext import dumps, find_non_finite
from kilo_gateway.tool_arguments import describe_flaw, parse_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FENCE = re.compile(r"```(?:json)?\s*\n?(.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"\s*<(think|thinking|thought|reasoning)>(?:.*?</\1>|.*)", re.DOTALL | re.IGNORECASE)
_END_OF_THOUGHT = "</think>"
"""Stands alone where the prompt's template has opened the thoughts."""
_START = re.compile(r'\{\s*["}]')
"""Where an object can begin; the braces of `{x}` and `f(){ return` are none."""
_LAST_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"?|,(?=\s*[}\]])', re.DOTALL)
"""A string of JSON, in which commas are text, or a comma with nothing behind it; a string that was cut off is looked
through once."""
_DECODER = json.JSONDecoder(strict=False)
"""Takes line breaks within strings, which many models write."""

M = TypeVar("M", bound=BaseModel)

CUT_OFF = frozenset({"length", "error", "content_filter"})
"""Finish reasons after which a call without arguments has lost them."""

WITHHELD = "was withheld by a content filter: change the input, or choose another model."
"""What is said of an answer without the object that was asked for, where its finish reason is `content_filter`."""

LOST = "The answer was cut off before the arguments of this call came."


def find_object(text: str) -> dict[str, Any] | None:
    """Return the object that the text is, or the first one within it; None when there is none, or it is not whole.

    A list of one object is that object. A comma behind the last entry, which JSON forbids and models write, is read.
    """
    text = _without_thoughts(text)
    for candidate in (text.strip(), _unfenced(text)):
        try:
            found = _decode(candidate)
            if isinstance(found, str) and found.lstrip().startswith("{"):
                found = _decode(found.strip())  # encoded twice
        except (ValueError, RecursionError):
            continue
        return _only_object(found)
    start = _START.search(text)
    try:
        found = None if start is None else _decode(text[start.start() :], is_alone=False)
    except (ValueError, RecursionError):
        return None
    return _only_object(found)


def _only_object(found: Any) -> dict[str, Any] | None:
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else None


def _decode(text: str, *, is_alone: bool = True) -> Any:
    """Return the value that a text is, or begins with where it is not alone."""
    try:
        return _DECODER.decode(text) if is_alone else _DECODER.raw_decode(text)[0]
    except ValueError:
        text = _LAST_COMMA.sub(lambda mark: "" if mark[0] == "," else mark[0], text)
        return _DECODER.decode(text) if is_alone else _DECODER.raw_decode(text)[0]


def find_answer(
    calls: Sequence[tuple[str, Any]],
    text: str,
    *,
    wanted: str | None,
    finish_reason: str | None = None,
    only_wanted: bool = False,
    read: Callable[[str], Any] = find_object,
) -> Any:
    """Return the object that a whole answer gives, from its calls or its text; None when it gives none.

    Calls are pairs of name and arguments: a mapping, or text where they are not whole. A call of the `wanted` tool
    comes before one by another name, a whole one before a broken one, and a broken one is read as text is. Where no
    tool was wanted, text comes before calls. `only_wanted` says that other tools may be called as well.
    """
    arguments = choose_arguments(calls, text, wanted=wanted, only_wanted=only_wanted)
    if isinstance(arguments, dict):
        return arguments
    candidates = ((arguments, find_object), (text, read))
    found = (
        by(one) for one, by in candidates if isinstance(one, str) and (finish_reason != "length" or is_closed(one))
    )
    return next((one for one in found if one is not None), None)


def choose_arguments(
    calls: Sequence[tuple[str, Any]], text: str, *, wanted: str | None, only_wanted: bool = False
) -> Any:
    """Return the arguments of the call that gives the object, as `find_answer` chooses it; None for no call."""
    given = [arguments for name, arguments in calls if name == wanted]
    if not only_wanted and (wanted is not None or not text.strip()):
        given += [arguments for name, arguments in calls if name != wanted]
    return next((one for one in given if isinstance(one, dict)), given[0] if given else None)


def is_closed(text: str) -> bool:
    """Return whether a text that reached the longest length ends as JSON does, so that what it holds is whole."""
    return _without_thoughts(text).rstrip().endswith(("}", "]", "```"))


def find_value(text: str) -> Any:
    """Return the JSON value that the text is, alone or in a code fence; None when it is none, or null."""
    try:
        return _decode(_unfenced(_without_thoughts(text)))
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
