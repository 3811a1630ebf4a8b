"""Recorded answers as they are shown: objects for scripts, pages and a short table for people."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.tables import Column, write_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kilo_gateway.cli.log.store import LogEntry
    from kilo_gateway.cli.streams import Output

_COLUMNS: Final = (
    Column("id"),
    Column("time", goes=1),
    Column("model", goes=3),
    Column("conversation", goes=2),
    Column("prompt"),
)
_SHORT_PROMPT: Final = 40


def entry_object(entry: LogEntry) -> dict[str, Any]:
    """Return a recorded answer for scripts."""
    names = ("id", "conversation", "time", "model", "prompt", "system", "text", "reasoning", "usage", "cost")
    return {
        **{name: getattr(entry, name) for name in names},
        "model": entry.model or entry.ref,
        "finish_reason": entry.finish_reason,
        "attachments": entry.attachments,
    }


def write_pages(out: Output, entries: Iterable[LogEntry]) -> None:
    """Write each answer with what was asked."""
    for number, entry in enumerate(entries):
        if number:
            out.line()
        out.line(f"# {entry.time}  id {entry.id}")
        out.line(f"conversation: {entry.conversation}")
        out.line(f"model: {entry.model or entry.ref}")
        if entry.system:
            out.line(f"system: {entry.system}")
        for attachment in entry.attachments:
            out.line(f"attachment: {attachment['source']} ({attachment['type']})")
        out.line(f"\n{entry.prompt.rstrip()}\n\n---\n\n{entry.text.rstrip()}")
        if entry.finish_reason not in {None, "stop"}:
            out.line(f"\n({entry.finish_reason})")


def write_short(out: Output, entries: Iterable[LogEntry]) -> None:
    """Write a line for each answer."""
    rows = [
        (entry.id, entry.time, entry.model or entry.ref, entry.conversation, _prompt(entry, out.is_terminal))
        for entry in entries
    ]
    write_table(out, _COLUMNS, rows)


def _prompt(entry: LogEntry, is_terminal: bool) -> str:
    return textwrap.shorten(entry.prompt, _SHORT_PROMPT, placeholder="...") if is_terminal else entry.prompt
