"""Tool calls: streamed fragments put together, whole ones made regular. Never completes arguments that were cut off."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kilo_gateway.answer.fragments import FRAGMENT_KEYS, FUNCTION_KEYS, ToolCallFragment, parse_fragment
from kilo_gateway.answer.partial_call import PartialCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.wire import ToolCall


_ID_CHARACTERS = 16


@dataclass(slots=True)
class ToolCallDelta:
    """What one fragment adds to a tool call."""

    position: int
    """Which call of the choice: 0, 1, 2, … in the order in which the calls appeared.

    The list of a whole answer has the order of their indexes, nearly always the same.
    """
    id: str | None
    """The call's id, on the first fragment that carries it; None on the others."""
    name: str | None
    """The function's name, on the first fragment that carries it; a name sent in pieces comes in pieces here too."""
    arguments: str
    """The next piece of the JSON text of the arguments; may be ""."""


class ToolCallAssembler:
    """Puts the tool calls of one choice together from their fragments.

    A fragment belongs to the call at its index; without an index to the call of its id; without both it opens a call
    when it brings a name, and continues the last call otherwise. Gateways that count wrongly are survived: a name with
    a new id at a used index, with a known id at another index, or after finished arguments opens a new call; arguments
    without a name continue the call at their index, or an unfinished last one, whatever their id says. Calls are never
    merged because they look alike. Of two calls with one id, the second is treated as having none: a gateway drops
    repeated ids from the history.

    A call without an id gets one made of the answer's id, or of `seed()` where one is given: the digest of the request,
    so that two answers of a conversation never share an id. `choice` is the index of the choice.
    """

    __slots__ = ("_by_id", "_by_index", "_by_index_id", "_calls", "_choice", "_ids", "_last", "_seed")

    def __init__(self, *, seed: Callable[[], str] | None = None, choice: int = 0) -> None:
        self._seed = seed
        self._choice = choice
        self._calls: list[PartialCall] = []
        self._last: PartialCall | None = None
        self._by_index: dict[int, PartialCall] = {}
        self._by_id: dict[str, PartialCall] = {}
        self._by_index_id: dict[tuple[int, str], PartialCall] = {}
        self._ids: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragments: Any) -> list[ToolCallDelta]:
        """Return what the `tool_calls` of one delta add, one entry for each fragment that adds something."""
        if isinstance(fragments, dict):
            fragments = [fragments]
        if not isinstance(fragments, list):
            return []
        deltas: list[ToolCallDelta] = []
        for item in fragments:
            if self._continue(item, deltas):
                continue
            fragment = parse_fragment(item)
            if fragment is not None:
                self._take(self._find(fragment), fragment, deltas)
        return deltas

    def _continue(self, item: Any, deltas: list[ToolCallDelta]) -> bool:
        """Take the next piece of a known call's arguments, as nearly all fragments are; return whether it is one.

        The plain way, which reads any fragment, takes twice the time; `test_tool_calls.py` holds the two equal.
        """
        if item.__class__ is not dict or item.get("id") is not None or not item.keys() <= FRAGMENT_KEYS:
            return False
        index, function = item.get("index"), item.get("function")
        call = self._by_index.get(index) if index.__class__ is int else None
        if call is None or function.__class__ is not dict or not function.keys() <= FUNCTION_KEYS:
            return False
        piece = function.get("arguments")
        if not isinstance(piece, str) or not piece or function.get("name") or item.get("type") not in (None, call.type):
            return False
        self._last = call
        if arguments := call.arguments.add(piece):
            deltas.append(ToolCallDelta(call.position, None, None, arguments))
        return True

    def add_whole(self, item: Any) -> None:
        """Take a call of an answer that was not streamed: never a continuation of another one, and in its place."""
        fragment = parse_fragment(item)
        if fragment is not None:
            fragment.index = None
            self._take(None, fragment, [])

    def finish(self, completion_id: str | None = None) -> list[ToolCallDelta]:
        """Return one last fragment for each call that needs one: the id made up for it, an end of its arguments."""
        deltas: list[ToolCallDelta] = []
        for place, call in enumerate(self._in_order()):
            rest, made_up = call.arguments.flush(), None
            if call.id is None:
                made_up = call.id = self._render_id(place, completion_id)
                self._ids.add(call.id)
            if rest or made_up:
                deltas.append(ToolCallDelta(call.position, made_up, None, rest))
        return deltas

    def calls(self, completion_id: str | None = None) -> list[ToolCall]:
        """Return the calls so far, each with an id and its arguments as JSON text, in the order of a whole answer."""
        calls = enumerate(self._in_order())
        return [call.render(call.id or self._render_id(place, completion_id)) for place, call in calls]

    def _in_order(self) -> list[PartialCall]:
        """Return the calls in the order of their indexes, or as they appeared where those do not tell."""
        indexes = [call.index for call in self._calls if call.index is not None]
        if len(set(indexes)) < len(self._calls) or indexes == sorted(indexes):
            return self._calls
        return sorted(self._calls, key=lambda call: call.index or 0)

    def _render_id(self, place: int, completion_id: str | None) -> str:
        """Return the same id for the same call of the same answer to the same request, always."""
        stem = completion_id or "kilo"
        if self._seed is not None:
            stem = sha256(f"{self._seed()}{completion_id}".encode()).hexdigest()[:_ID_CHARACTERS]
        choice = f"_{self._choice}" if self._choice else ""
        made_up = f"call_{stem}{choice}_{place}"
        while made_up in self._ids:
            made_up += "_"
        return made_up

    def _take(self, call: PartialCall | None, fragment: ToolCallFragment, deltas: list[ToolCallDelta]) -> None:
        if call is None:
            call = PartialCall(len(self._calls))
            self._calls.append(call)
        self._last = call
        new_id = self._learn_keys(call, fragment)
        name, arguments = call.absorb(fragment)
        if new_id or name or arguments:
            deltas.append(ToolCallDelta(call.position, new_id, name, arguments))

    def _learn_keys(self, call: PartialCall, fragment: ToolCallFragment) -> str | None:
        """Remember how later fragments will name the call; return its id when this fragment brought it."""
        new_id = None
        is_new_key = False
        if fragment.index is not None and call.index is None:
            call.index = fragment.index
            self._by_index[fragment.index] = call
            is_new_key = True
        if fragment.id is not None and call.sent_id is None:
            call.sent_id = fragment.id
            self._by_id[fragment.id] = call
            is_new_key = True
            if fragment.id not in self._ids:
                self._ids.add(fragment.id)
                call.id = new_id = fragment.id
        if is_new_key and call.index is not None and call.sent_id is not None:
            self._by_index_id[call.index, call.sent_id] = call
        return new_id

    def _find(self, fragment: ToolCallFragment) -> PartialCall | None:
        """Return the call that the fragment continues; None when it opens one."""
        if not fragment.name and fragment.id not in self._by_id:
            return self._find_nameless(fragment)
        if fragment.index is None:
            return self._find_last(fragment) if fragment.id is None else self._find_by_id(fragment.id, fragment)
        if fragment.id is None:
            return self._find_by_index(fragment.index, fragment)
        return self._find_by_both(fragment.index, fragment.id, fragment)

    def _find_nameless(self, fragment: ToolCallFragment) -> PartialCall | None:
        """Return the call at the index, else the last one while it has no index of its own or is not whole."""
        last = self._last
        if fragment.index is not None:
            call = self._by_index.get(fragment.index)
            if call is not None:
                return call
        elif fragment.id is None:
            return last
        if last is None:
            return None
        is_late_key = last.index is None if fragment.id is None else last.sent_id is None and fragment.index is None
        is_continued = bool(fragment.arguments) and bool(last.name) and not last.has_whole_arguments()
        return last if is_late_key or is_continued else None

    def _find_by_id(self, id_: str, fragment: ToolCallFragment) -> PartialCall | None:
        call = self._by_id.get(id_)
        if call is not None:
            return None if call.is_over_before(fragment) else call
        last = self._last
        is_late_id = last is not None and last.sent_id is None and not (fragment.name and last.name)
        return last if is_late_id or (last is not None and last.continues_in(fragment)) else None

    def _find_by_index(self, index: int, fragment: ToolCallFragment) -> PartialCall | None:
        call = self._by_index.get(index)
        if call is not None:
            return None if call.sent_id is None and call.is_over_before(fragment) else call
        last = self._last
        return last if last is not None and last.index is None and not fragment.name else None

    def _find_by_both(self, index: int, id_: str, fragment: ToolCallFragment) -> PartialCall | None:
        call = self._by_index_id.get((index, id_))
        if call is not None:
            return call
        same_id = self._by_id.get(id_)
        if same_id is not None and same_id.index is None and not same_id.is_over_before(fragment):
            return same_id
        call = self._by_index.get(index)
        if call is not None and (call.continues_in(fragment) or call.sent_id is None):
            return None if call.is_over_before(fragment) else call
        return None

    def _find_last(self, fragment: ToolCallFragment) -> PartialCall | None:
        last = self._last
        if last is None or not fragment.name or not last.name:
            return last
        is_repeated_name = fragment.name == last.name and bool(last.arguments) and not last.has_whole_arguments()
        return last if is_repeated_name else None


def parse_tool_calls(
    items: Any, *, completion_id: str | None = None, seed: Callable[[], str] | None = None, choice: int = 0
) -> list[ToolCall]:
    """Return the `tool_calls` of a whole message in the shape that a stream's calls have."""
    assembler = ToolCallAssembler(seed=seed, choice=choice)
    if isinstance(items, dict):
        items = [items]
    if isinstance(items, list):
        for item in items:
            assembler.add_whole(item)
    return assembler.calls(completion_id)
