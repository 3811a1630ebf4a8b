"""Messages of a conversation -> messages that every server behind the gateway takes. Never reorders them.

What a framework keeps of an answer is not always what may be sent back: calls that were cut off, names with blanks,
results in parts. The caller's messages are left as they are; what differs is a copy.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import deque
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from kilo_gateway import jsontext
from kilo_gateway.tool_arguments import mend_escapes, parse_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from kilo_gateway.wire import Message

_LONGEST_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_NAME}}}")
"""What the `name` of a message may be; others are refused with status 400."""
_LONGEST_ID = 64
_NAMELESS = "unknown"
"""The name of a call that came without one, which would be refused."""
_TEXT_PART_KEYS = frozenset({"type", "text"})


def settle_history(messages: Sequence[Message]) -> list[Message]:
    """Return the messages with names, tool calls and tool results that can be sent.

    - A tool call whose arguments are no JSON object goes out as `{"invalid_arguments": "..."}` when a tool message
      answers it, and is left out when none does: without an answer every later request would be refused. A message that
      holds nothing else is left out with it.
    - A tool result of several texts is one text, a line for each, because many servers ignore a list there.
    - A call without an id, or with that of an earlier call, gets one of its own, and so do its results, in order.
    - An id of a call of more than 64 characters is replaced by its digest, in the call and in its result.
    - A call without a name is called `unknown`.
    - A `name` is written in letters, digits, `_` and `-`; one that has none of them is left out.
    """
    settled: list[Message] = []
    ids = _CallIds()
    for place, given in enumerate(messages):
        message = _with_plain_name(given) if "name" in given else given
        if message.get("role") == "tool":
            message = _with_short_id(ids.name_result(_with_one_text(message)), "tool_call_id")
        elif message.get("tool_calls") and message.get("role") == "assistant":
            with_calls = _with_whole_calls(message, ids, partial(_answered_calls, messages, place + 1))
            if with_calls is None:
                continue
            message = with_calls
        settled.append(message)
    return settled


class _CallIds:
    """The ids of the calls of one conversation, each once. Feed it calls and results in order."""

    __slots__ = ("_results", "_taken")

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._results: dict[str, deque[str]] = {}  # an id as results have it -> the ids of the calls that they answer

    def name_calls(self, calls: list[Any]) -> list[Any]:
        """Return the calls of one message with ids of their own; itself when they have them, as most do."""
        ids = [call.get("id") if isinstance(call, dict) else None for call in calls]
        distinct = {_key(id_) for id_ in ids}
        if "" not in distinct and len(distinct) == len(ids) and self._taken.isdisjoint(distinct):
            self._taken |= distinct
            return calls
        for id_ in ids:
            self._results.pop(_key(id_), None)  # those of an earlier message
        return [self._name_call(call) if _is_call(call) else call for call in calls]

    def name_result(self, message: Any) -> Any:
        """Return a tool message with the id that its call has got; itself when that is the one it has."""
        waiting = self._results.get(_key(message.get("tool_call_id"))) if self._results else None
        if not waiting:
            return message
        return {**message, "tool_call_id": waiting.popleft() if len(waiting) > 1 else waiting[0]}

    def _name_call(self, call: dict[str, Any]) -> dict[str, Any]:
        key = _key(call.get("id"))
        own, count = key, 1 if key else 0
        while not own or own in self._taken:
            count += 1
            own = f"{key or 'call'}_{count}"
        self._taken.add(own)
        self._results.setdefault(key, deque()).append(own)
        return call if own == call.get("id") else {**call, "id": own}


def _is_call(call: Any) -> bool:
    """Return whether it is a call, rather than something that the server knows better."""
    return isinstance(call, dict) and ("function" in call or bool(call.get("id")))


def _key(id_: Any) -> str:
    return "" if id_ is None else str(id_)


def _answered_calls(messages: Sequence[Message], start: int) -> Collection[str]:
    """Return the ids of the calls that a tool message answers, from a place on and before the model speaks again."""
    later = itertools.takewhile(lambda message: message["role"] != "assistant", messages[start:])
    ids: list[Any] = [message.get("tool_call_id") for message in later if message.get("role") == "tool"]
    return {id_ for id_ in ids if isinstance(id_, str)}


def _with_plain_name(message: Message) -> Message:
    name = message.get("name")
    if isinstance(name, str) and _NAME.fullmatch(name):
        return message
    plain = _NOT_IN_NAMES.sub("_", name).strip("_")[:_LONGEST_NAME] if isinstance(name, str) else ""
    rest = {key: value for key, value in message.items() if key != "name"}
    return cast("Message", {**rest, "name": plain} if plain else rest)


def _with_short_id(holder: Any, key: str) -> Any:
    """Return a call or a tool message with an id that servers take; the same id is cut to the same everywhere."""
    id_ = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(id_, str) or len(id_) <= _LONGEST_ID:
        return holder
    return {**holder, key: f"call_{sha256(id_.encode('utf-8', 'replace')).hexdigest()[:32]}"}


def _with_one_text(message: Message) -> Message:
    content: Any = message.get("content")
    if not isinstance(content, list):
        return message
    texts = [part if isinstance(part, str) else _only_text(part) for part in content]
    if any(text is None for text in texts):
        return message
    return cast("Message", {**message, "content": "\n".join(cast("list[str]", texts))})


def _only_text(part: Any) -> str | None:
    """Return the text of a part that says nothing else; None for any other."""
    if not isinstance(part, dict) or part.get("type", "text") != "text" or not part.keys() <= _TEXT_PART_KEYS:
        return None
    text = part.get("text")
    return text if isinstance(text, str) else None


def _with_whole_calls(message: Message, ids: _CallIds, answered: Callable[[], Collection[str]]) -> Message | None:
    """Return the message with calls that can be sent; None when nothing of it is left."""
    sent: Any = message.get("tool_calls")
    if not isinstance(sent, list):
        return message
    whole = [call for item in sent if (call := _whole_call(item, answered)) is not None]
    calls = [_with_short_id(call, "id") for call in ids.name_calls(whole)]
    if len(calls) == len(sent) and all(call is item for call, item in zip(calls, sent, strict=True)):
        return message
    if calls:
        return cast("Message", {**message, "tool_calls": calls})
    rest = {key: value for key, value in message.items() if key != "tool_calls"}
    says_something = any(value for key, value in rest.items() if key not in ("role", "name"))
    if not says_something:
        return None
    return cast("Message", rest if rest.get("content") is not None else {**rest, "content": ""})


def _whole_call(call: Any, answered: Callable[[], Collection[str]]) -> Any:
    """Return the call with a JSON object as its arguments; None when they are none and nobody has answered.

    The fast parser decides for almost every call; it takes nothing that `parse_arguments` refuses.
    """
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call  # a kind of call that is not known here
    if function.get("name") == "":
        function = {**function, "name": _NAMELESS}
        call = {**call, "function": function}
    text = function.get("arguments")
    if jsontext.is_object(text):
        return call
    arguments = parse_arguments(text)
    if arguments is not None:
        mended = mend_escapes(text) if isinstance(text, str) else ""
        settled = mended if _is_strict_object(mended) else jsontext.dumps(arguments).decode()
    elif isinstance(id_ := call.get("id"), str) and id_ in answered():
        settled = jsontext.dumps({"invalid_arguments": text if isinstance(text, str) else repr(text)}).decode()
    else:
        return None
    return {**call, "function": {**function, "arguments": settled}}


def _is_strict_object(text: str) -> bool:
    """Return whether a text is a JSON object to every reader; `parse_arguments` takes some that are not."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
