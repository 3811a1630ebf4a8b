"""Where the lines of a conversation come from: a line editor on a terminal, plain lines on a dumb one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, Protocol

from kilo_gateway.cli.streams import is_terminal

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

_PROMPT: Final = "> "
_CONTINUATION: Final = ". "


class Editor(Protocol):
    """Reads messages and lines."""

    def read(self, *, is_inside: bool = False) -> str | None:
        """Return the next message; None at the end. `is_inside` is between `/multi` and `/end`.

        Raises:
            KeyboardInterrupt: Ctrl-C, which clears the line.
        """


def open_editor() -> Editor:
    """Return what fits the terminal."""
    return LineEditor() if is_terminal(sys.stdin) and is_terminal(sys.stdout) else PlainEditor()


class PlainEditor:
    """Lines as the terminal gives them."""

    def read(self, *, is_inside: bool = False) -> str | None:
        """Return the next message: a line, and those after it that follow a backslash."""
        lines: list[str] = []
        while True:
            sys.stdout.write(_CONTINUATION if lines or is_inside else _PROMPT)
            sys.stdout.flush()
            line = sys.stdin.readline()
            if not line:
                sys.stdout.write("\n")
                return None
            text = line.removesuffix("\n").removesuffix("\r")
            if is_inside or not text.endswith("\\"):
                return "\n".join([*lines, text])
            lines.append(text[:-1])


class LineEditor:
    """Arrows, history of this session, pasted blocks as one message."""

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession  # noqa: PLC0415 - for conversations only
        from prompt_toolkit.history import InMemoryHistory  # noqa: PLC0415
        from prompt_toolkit.output import ColorDepth  # noqa: PLC0415

        self._session: PromptSession[str] = PromptSession(
            history=InMemoryHistory(),
            key_bindings=_bindings(),
            prompt_continuation=_CONTINUATION,
            color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
            output=_output(),
        )

    def read(self, *, is_inside: bool = False) -> str | None:
        """Return the next message."""
        try:
            return self._session.prompt(_CONTINUATION if is_inside else _PROMPT)
        except EOFError:
            return None


def _output() -> Output:
    """Return the terminal, which is not asked where its cursor is: not every terminal answers."""
    from prompt_toolkit.output import create_output  # noqa: PLC0415 - for conversations only

    os.environ.setdefault("PROMPT_TOOLKIT_NO_CPR", "1")
    return create_output(sys.stdout)


def _bindings() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings  # noqa: PLC0415 - for conversations only

    bindings = KeyBindings()

    @bindings.add("enter")
    def _(event: KeyPressEvent) -> None:
        """Send, or with a backslash before the cursor begin a new line."""
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    return bindings
