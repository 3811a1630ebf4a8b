"""One question: asked, printed in the form that was wanted, recorded whatever happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.chat.fences import extract
from kilo_gateway.cli.chat.result import turn_object
from kilo_gateway.cli.chat.schema import fit_answer
from kilo_gateway.cli.model_rows import nearest_ids
from kilo_gateway.cli.statuses import DONE, INTERRUPTED, NOT_AS_ASKED, CommandError, TerminatedError
from kilo_gateway.cli.text import render_json_line
from kilo_gateway.errors import KiloError, ModelNotFoundError

if TYPE_CHECKING:
    from kilo_gateway.cli.chat.asking import Asker, ChatState
    from kilo_gateway.cli.chat.recording import Recorder
    from kilo_gateway.cli.chat.run import Typed
    from kilo_gateway.cli.chat.screen import ChatScreen
    from kilo_gateway.cli.chat.turn import Turn


_WHY_EMPTY = {
    "content_filter": "A content filter withheld the answer. Ask otherwise.",
    "length": "The answer was cut off before its first word. Allow it more tokens: -o max_tokens=...",
}
"""Finish reasons of an answer without text that is not what was asked for."""


def answer_once(
    asker: Asker,
    state: ChatState,
    recorder: Recorder,
    screen: ChatScreen,
    turn: Turn,
    typed: Typed,
    schema: dict[str, Any] | None,
) -> int:
    """Return the exit status of one question.

    Raises:
        CommandError, KiloError: it failed, or the answer is not what was asked for.
    """
    try:
        _ask(asker, state, turn, screen, typed)
        _print(screen, turn, typed, schema, recorder)
    except ModelNotFoundError as error:
        name_nearest(error, asker)
        raise
    finally:
        recorder.record(state, turn)
    return DONE


def _ask(asker: Asker, state: ChatState, turn: Turn, screen: ChatScreen, typed: Typed) -> None:
    """Ask; when it ends early, what had arrived is not lost where the text is printed at the end."""
    try:
        asker.ask(state, turn)
    except (KeyboardInterrupt, TerminatedError, KiloError, CommandError) as end:
        if not typed.as_json:
            if typed.prints_later:
                screen.whole(turn.text)
        elif not isinstance(end, Exception):
            status = end.status if isinstance(end, TerminatedError) else INTERRUPTED
            message = "The answer was interrupted."
            raise CommandError(message, status, kind="interrupted", partial=turn.text or None) from None
        raise


def name_nearest(error: ModelNotFoundError, asker: Asker) -> None:
    """Add the ids that look most like the unknown one to an error that suggests none."""
    if "Did you mean" in error.message:
        return
    found = nearest_ids(error.model or "", asker.known_models())
    if found:
        error.message = f"{error.message.rstrip('.')}. Nearest: {', '.join(found)}."


def _print(screen: ChatScreen, turn: Turn, typed: Typed, schema: dict[str, Any] | None, recorder: Recorder) -> None:
    value: Any = None
    text = turn.text
    refusal = turn.last.refusal if turn.last is not None else None
    if refusal and not text:
        raise CommandError(f"The model refused: {refusal.rstrip('.')}. Ask otherwise.", NOT_AS_ASKED)
    if turn.finish_reason in _WHY_EMPTY and not text.strip():
        raise CommandError(_WHY_EMPTY[turn.finish_reason], NOT_AS_ASKED)
    if schema is not None:
        try:
            text, value = fit_answer(text, schema)
        except ValueError as flaw:
            if not typed.as_json:
                screen.whole(text)
            why = " (it was cut off)" if turn.finish_reason == "length" else ""
            raise CommandError(f"The answer {flaw}{why}. Ask again.", NOT_AS_ASKED, partial=text) from None
    elif typed.extract or typed.extract_last:
        text = extract(text, is_last=typed.extract_last)
    if typed.as_json:
        screen.out.line(render_json_line(turn_object(turn, value=value, conversation=recorder.conversation)))
        return
    if typed.prints_later:
        screen.whole(text)
    screen.summary(turn)
