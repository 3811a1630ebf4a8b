"""What of a conversation is recorded, and how a recorded one is gone on with. A lost record is a warning only."""

from __future__ import annotations

import os
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Final

from kilo_gateway.cli.log.home import database_path, is_on
from kilo_gateway.cli.log.store import Log, LogEntry, new_id, now, write_entry
from kilo_gateway.cli.statuses import wrong_usage
from kilo_gateway.cli.streams import stderr
from kilo_gateway.cli.text import map_texts, show_on_one_line
from kilo_gateway.settings.settings import VARIABLES

if TYPE_CHECKING:
    from pathlib import Path

    from kilo_gateway.cli.chat.asking import ChatState
    from kilo_gateway.cli.chat.turn import Turn
    from kilo_gateway.settings.settings import Settings

_MASK: Final = "***"
_SHORTEST_SECRET: Final = 4
_HOW: Final = "Answers are recorded after kilo-gateway logs on, or with --log."


class Recorder:
    """Records the turns of one conversation, where that is wanted."""

    def __init__(self, path: Path | None, settings: Settings, *, wants: bool | None, conversation: str | None) -> None:
        self._path = path or database_path()
        self._settings = settings
        self.is_on = is_on() if wants is None else wants
        self.conversation = conversation or (new_id() if self.is_on else None)
        """Its id; None when nothing is recorded and nothing was."""

    def record(self, state: ChatState, turn: Turn) -> None:
        """Record a turn, if anything of an answer arrived. Never raises for what the disk does."""
        if not self.is_on or not turn.has_arrived or self.conversation is None:
            return
        try:
            write_entry(self._path, self._entry(state, turn, self.conversation))
        except (OSError, sqlite3.Error) as error:
            reason = show_on_one_line(getattr(error, "strerror", None) or str(error))
            stderr().line(f"warning: The answer was not recorded in {self._path}: {reason}.")

    def _entry(self, state: ChatState, turn: Turn, conversation: str) -> LogEntry:
        known = {*self._settings.secrets(), *(os.environ.get(name, "").strip() for name in VARIABLES["api_key"])}
        secrets = [one for one in known if len(one) >= _SHORTEST_SECRET and one != "anonymous"]
        values = {
            "id": new_id(),
            "conversation": conversation,
            "time": now(),
            "ref": (state.model or self._settings.model).removeprefix("kilocode/"),
            "model": turn.last.model if turn.last is not None else None,
            "system": state.system,
            "level": state.level,
            "prompt": turn.prompt,
            "text": turn.text,
            "reasoning": turn.reasoning or None,
            "usage": turn.usage(),
            "cost": turn.cost,
            "finish_reason": turn.finish_reason,
            "attachments": [one.describe() for one in turn.attachments],
            "messages": turn.whole_messages(),
        }
        return LogEntry(**map_texts(values, partial(_without, secrets)))


def _without(secrets: list[str], text: str) -> str:
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return text


def find_conversation(path: Path | None, conversation: str | None) -> list[LogEntry]:
    """Return the answers of a conversation; of the one with the latest answer, when none is named.

    Raises:
        CommandError: there is none.
    """
    log = Log(path or database_path())
    if conversation is None:
        latest = log.latest()
        if latest is None:
            raise wrong_usage(f"There is no conversation to go on with. {_HOW}")
        conversation = latest.conversation
    entries = log.conversation(conversation)
    if not entries:
        raise wrong_usage(f"There is no conversation {conversation}. See kilo-gateway logs -s. {_HOW}")
    return entries
