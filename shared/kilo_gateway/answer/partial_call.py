"""One tool call that is being put together: what its fragments have added, and whether anything can follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.answer.fragments import ObjectScanner
from kilo_gateway.answer.merging import overlay
from kilo_gateway.tool_arguments import EMPTY_OBJECT, ArgumentText, parse_arguments

if TYPE_CHECKING:
    from kilo_gateway.answer.fragments import ToolCallFragment
    from kilo_gateway.wire import ToolCall


class PartialCall:
    """One tool call so far."""

    __slots__ = (
        "arguments",
        "extra",
        "function_extra",
        "id",
        "index",
        "name",
        "position",
        "scanner",
        "sent_id",
        "type",
    )

    def __init__(self, position: int) -> None:
        self.position = position
        self.index: int | None = None
        self.sent_id: str | None = None
        self.id: str | None = None
        self.type = "function"
        self.name = ""
        self.arguments = ArgumentText()
        self.scanner: ObjectScanner | None = None  # only the odd shapes need one
        self.extra: dict[str, Any] = {}
        self.function_extra: dict[str, Any] = {}

    def absorb(self, fragment: ToolCallFragment) -> tuple[str | None, str]:
        """Take a fragment; return the name or the piece of it, and the arguments, that were not known before."""
        name = None
        if fragment.name and fragment.name != self.name and not (self.name and self.arguments):
            name = fragment.name
            self.name += name
        arguments = (
            self.arguments.add(fragment.arguments)
            if fragment.arguments and not (fragment.name and self._repeats(fragment))
            else ""
        )
        if fragment.type:
            self.type = fragment.type
        if fragment.extra:
            overlay(self.extra, fragment.extra)
        if fragment.function_extra:
            overlay(self.function_extra, fragment.function_extra)
        return name, arguments

    def _repeats(self, fragment: ToolCallFragment) -> bool:
        """Return whether the fragment states the whole call once more, as some servers do at the end of a stream."""
        if fragment.name != self.name or not self.arguments:
            return False
        return fragment.arguments.strip() == str(self.arguments).strip() and self.has_whole_arguments()

    def has_whole_arguments(self) -> bool:
        """Return whether the arguments so far are a JSON object, so that nothing can follow."""
        if not self.arguments.pieces:
            return str(self.arguments).strip() == EMPTY_OBJECT
        if self.scanner is None:
            self.scanner = ObjectScanner()
        for piece in self.arguments.pieces[self.scanner.pieces :]:
            self.scanner.feed(piece)
        return self.scanner.is_closed and parse_arguments(str(self.arguments)) is not None

    def is_over_before(self, fragment: ToolCallFragment) -> bool:
        """Return whether the fragment begins another call: it brings a name, and this call has all it needs."""
        if not fragment.name or not self.name:
            return False
        return (bool(fragment.arguments.strip()) or fragment.name != self.name) and self.has_whole_arguments()

    def continues_in(self, fragment: ToolCallFragment) -> bool:
        """Return whether a fragment of the name, whatever its id, goes on with the arguments and begins none."""
        if fragment.name != self.name or not self.arguments.pieces or not fragment.arguments.strip():
            return False
        if fragment.arguments.lstrip().startswith("{") or self.has_whole_arguments():
            return False
        return self.scanner is not None and self.scanner.is_open

    def render(self, id_: str) -> ToolCall:
        """Return the call as it stands in a whole answer; its place in the list is its index."""
        function = {**self.function_extra, "name": self.name, "arguments": str(self.arguments)}
        return cast("ToolCall", {**self.extra, "id": id_, "type": self.type, "function": function})
