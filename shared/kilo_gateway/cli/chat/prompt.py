"""The prompt: a word, stdin, or both. Waits for stdin, and says so when nothing comes."""

from __future__ import annotations

import sys
import threading
from typing import Final

from kilo_gateway.cli.statuses import wrong_usage
from kilo_gateway.cli.streams import can_ask, is_tty, stderr
from kilo_gateway.jsontext import mend_surrogates

_HINT_AFTER_SECONDS: Final = 2.0
_NO_PROMPT: Final = 'There is no prompt. Give one: kilo-gateway chat "...".'


def wants_conversation(prompt: str | None, *, reads_stdin: bool) -> bool:
    """Return whether nothing was asked and somebody is there to go on."""
    return prompt is None and reads_stdin and is_tty(sys.stdin) and is_tty(sys.stdout)


def read_prompt(prompt: str | None, *, reads_stdin: bool) -> str:
    """Return the prompt: what was typed, stdin where it is no terminal, or stdin, a blank line and what was typed.

    Raises:
        CommandError: there is none, or it cannot be read.
    """
    if prompt == "-":
        if not reads_stdin:
            raise wrong_usage("The prompt is -, which is stdin, and stdin is not to be read. Give one of the two.")
        if is_tty(sys.stdin) and not can_ask():
            raise wrong_usage(_NO_PROMPT)
        return _checked(read_text())
    typed = mend_surrogates(prompt or "")
    piped = read_text() if reads_stdin and not is_tty(sys.stdin) else ""
    if not piped.strip():
        return _checked(typed)
    return f"{piped.rstrip()}\n\n{typed}" if typed.strip() else piped


def _checked(text: str) -> str:
    if not text.strip():
        raise wrong_usage(_NO_PROMPT)
    return text


def read_text() -> str:
    """Return stdin as text.

    Raises:
        CommandError: it cannot be read, or is no UTF-8.
    """
    try:
        return read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise wrong_usage("stdin is not UTF-8 text. Give it as an attachment: -a -.") from None


def read_bytes(limit: int = -1) -> bytes:
    """Return the bytes of stdin, at most `limit` of them.

    Raises:
        CommandError: it cannot be read.
    """
    hint = threading.Timer(_HINT_AFTER_SECONDS, _say_what_is_awaited)
    hint.daemon = True
    hint.start()
    try:
        first = sys.stdin.buffer.read(1)
        hint.cancel()
        return first + (sys.stdin.buffer.read(limit - 1 if limit > 0 else -1) if first else b"")
    except OSError as error:
        raise wrong_usage(f"stdin cannot be read: {error.strerror}. Give the text as PROMPT.") from None
    finally:
        hint.cancel()


def _say_what_is_awaited() -> None:
    stderr().line("Waiting for stdin, which is open and silent. With --no-stdin it is not read.")
