"""Where the command says what it does: stderr. A stream that cannot be written any more harms no run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.streams import abandon, is_reader_gone, terminal_width
from kilo_gateway.cli.text import wrap
from kilo_gateway.errors.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

_LONGEST_LINE: Final = 4000


@contextmanager
def _harmless(stream: TextIO) -> Iterator[None]:
    """Let a failure to write pass; where nobody reads any more, nothing is left in the buffer to fail at the end."""
    try:
        yield
    except ValueError:  # closed
        pass
    except OSError as error:
        if is_reader_gone(error):
            abandon(stream)


class BatchScreen:
    """Lines on stderr, and on a terminal a picture below them that is drawn anew."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        """Whether more than lines can be shown."""
        self._live: Any = None

    def say(self, line: str) -> None:
        """Show one line; control characters in it are shown, not obeyed."""
        text = self._fitted(one_line(line, _LONGEST_LINE))
        with _harmless(self._stream):
            if self._live is not None:
                self._live.console.print(text)
                return
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def _fitted(self, text: str) -> str:
        """Return a text broken between words where the terminal is narrow; an error stays one line."""
        width = terminal_width(self._stream) if self.is_terminal else None
        if width is None or len(text) < width or text.startswith("error:"):
            return text
        return "\n".join(wrap(text, width - 1, hang="  "))

    def draw(self, picture: str) -> None:
        """Draw the picture anew."""
        with _harmless(self._stream):
            self._live.update(picture, refresh=True)

    @contextmanager
    def picture(self, render: Callable[[], str]) -> Iterator[None]:
        """Show a picture as long as the block runs; it is left as it stood at the end."""
        self._begin_picture(render())
        try:
            yield
        finally:
            self._end_picture(render())

    def _begin_picture(self, picture: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - where there is a terminal only
        from rich.live import Live  # noqa: PLC0415

        console = Console(file=self._stream, highlight=False, emoji=False, markup=False, soft_wrap=True)
        self._live = Live(picture, console=console, auto_refresh=False)
        with _harmless(self._stream):
            self._live.start()

    def _end_picture(self, picture: str) -> None:
        self.draw(picture)
        with _harmless(self._stream):
            self._live.stop()
        self._live = None
