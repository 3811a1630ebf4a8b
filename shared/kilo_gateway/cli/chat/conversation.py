"""A conversation: reads messages, asks, and goes on whatever happens to one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.cli.chat.editor import open_editor
from kilo_gateway.cli.chat.single import name_nearest
from kilo_gateway.cli.chat.slash import SlashCommands
from kilo_gateway.cli.chat.turn import Turn
from kilo_gateway.cli.failures import failure_of
from kilo_gateway.cli.statuses import CommandError
from kilo_gateway.errors import KiloError, ModelNotFoundError

if TYPE_CHECKING:
    from kilo_gateway.cli.chat.asking import Asker, ChatState
    from kilo_gateway.cli.chat.attachments import Attachment
    from kilo_gateway.cli.chat.recording import Recorder
    from kilo_gateway.cli.chat.screen import ChatScreen


class Conversation:
    """One conversation at a terminal."""

    def __init__(
        self,
        asker: Asker,
        state: ChatState,
        recorder: Recorder,
        screen: ChatScreen,
        attachments: list[Attachment],
        default_model: str,
    ) -> None:
        self._asker = asker
        self._state = state
        self._recorder = recorder
        self._screen = screen
        self._attachments = attachments
        """Sent with the first message."""
        self._editor = open_editor()
        self._slash = SlashCommands(state, screen.out, self._editor, default_model)

    def run(self) -> None:
        """Talk until somebody leaves."""
        self._screen.out.line(f"{self._slash.model}. /help lists commands, Ctrl-D leaves.")
        while True:
            try:
                line = self._editor.read()
            except KeyboardInterrupt:
                continue
            if line is None:
                return
            try:
                message = self._slash.message_of(line)
            except KeyboardInterrupt:
                continue
            except CommandError as error:
                self._screen.err.line(failure_of(error).line())
                continue
            if self._slash.has_left:
                return
            if message is not None:
                self._ask(message)

    def _ask(self, message: str) -> None:
        turn = Turn.of(message, self._attachments)
        try:
            self._asker.ask(self._state, turn)
            self._screen.summary(turn)
        except KeyboardInterrupt:
            turn.ending = "interrupted"
        except (KiloError, CommandError) as error:
            if isinstance(error, ModelNotFoundError):
                name_nearest(error, self._asker)
            self._screen.err.line(failure_of(error).line())
        finally:
            self._recorder.record(self._state, turn)
        if turn.has_arrived:
            self._state.history += turn.whole_messages()
            self._slash.turns.append(turn)
            self._attachments = []
