"""What is seen of an answer: its text on stdout, and on stderr signs of life, reasoning, retries and a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kilo_gateway.cli.streams import terminal_width
from kilo_gateway.cli.text import show_on_one_line
from kilo_gateway.cli.wait_indicator import WaitIndicator

if TYPE_CHECKING:
    from kilo_gateway.cli.chat.turn import Turn
    from kilo_gateway.cli.streams import Output
    from kilo_gateway.errors.waits import Retry

_DIM: Final = "\x1b[2m"
_NORMAL: Final = "\x1b[0m"


class ChatScreen:
    """Shows answers as they come."""

    def __init__(
        self, out: Output, err: Output, *, is_quiet: bool, streams: bool, shows_reasoning: bool, shows_usage: bool
    ) -> None:
        self.out = out
        self.err = err
        self._is_decorated = err.is_terminal and not is_quiet
        self._streams = streams
        self._shows_reasoning = shows_reasoning and self._is_decorated
        self._shows_usage = shows_usage
        self._indicator = WaitIndicator(err)
        self._late_reasoning: list[str] = []
        self._has_text = False
        self._is_reasoning = False

    def wait(self) -> None:
        """Show that something is awaited."""
        self._has_text = False
        if self._is_decorated:
            self._indicator.start()

    def reasoning(self, text: str) -> None:
        """Show a piece of the reasoning; one that comes after the answer has begun is kept for its end."""
        if not self._shows_reasoning:
            return
        if self._has_text:
            self._late_reasoning.append(text)
            return
        self._indicator.stop()
        if not self._is_reasoning and self.err.has_color:
            self.err.decoration(_DIM)
        self._is_reasoning = True
        self.err.piece(text)

    def text(self, text: str) -> None:
        """Show a piece of the answer."""
        if not self._streams:
            return
        self._indicator.stop()
        self._end_reasoning()
        self._has_text = True
        self.out.piece(text)

    def whole(self, text: str) -> None:
        """Show a text that was not shown as it came."""
        self.out.piece(text)
        self.out.end()

    def retrying(self, retry: Retry) -> None:
        """Show that a try failed and when the next one comes."""
        if self._is_decorated:
            self._indicator.stop()
            reason = show_on_one_line(retry.error.message)
            self.err.line(f"retrying in {retry.wait_seconds:.0f} s: {reason}")
            self._indicator.start()

    def end(self) -> None:
        """End what is shown of one answer, whole or not."""
        self._indicator.stop()
        self._end_reasoning()
        self.out.end()
        if self._late_reasoning:
            late, self._late_reasoning, self._has_text = "".join(self._late_reasoning), [], False
            self.reasoning(late)
            self._end_reasoning()

    def summary(self, turn: Turn) -> None:
        """Show who answered, and what it took."""
        if not (self._shows_usage or self._is_decorated):
            return
        facts = turn.facts()
        width = terminal_width(self.err.stream) if self.err.is_terminal else None
        line = " · ".join(facts)
        if width is not None and len(line) > width and len(facts) > 1:
            line = f"{facts[0]}\n{' · '.join(facts[1:])}"
        if line:
            self.err.line(line)

    def _end_reasoning(self) -> None:
        if not self._is_reasoning:
            return
        self._is_reasoning = False
        self.err.end()
        if self.err.has_color:
            self.err.decoration(_NORMAL)
