"""What is done to the connection, step by step: events, waits, cuts. Plans from plain values; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

from kilo_gateway.testing.gateway.answer import render_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.reply import EventSource


@dataclass(frozen=True)
class Write:
    """Send these bytes as one write."""

    data: bytes


@dataclass(frozen=True)
class Pause:
    """Send nothing for so long."""

    seconds: float


@dataclass(frozen=True)
class Comments:
    """Send a comment at intervals for so long."""

    seconds: float
    every_seconds: float
    data: bytes


@dataclass(frozen=True)
class Cut:
    """Close the connection without ending the body."""

    is_reset: bool = False


Step = Write | Pause | Comments | Cut


def event_bytes(source: EventSource) -> bytes:
    """Return the bytes of one scripted event."""
    if isinstance(source, bytes):
        return source
    return source.encode() if isinstance(source, str) else render_event(source)


def plan_steps(events: Sequence[bytes], *, fault: Fault | None, event_delay: float, comment: bytes) -> list[Step]:
    """Return the steps that send these events under that fault; `comment` keeps the connection alive."""
    if fault is None and event_delay <= 0:
        return [Write(event) for event in events]
    return list(_laid_over(events, fault, event_delay, comment))


def _laid_over(events: Sequence[bytes], fault: Fault | None, event_delay: float, comment: bytes) -> Iterator[Step]:
    """Yield the steps of the events, up to where the fault ends them."""
    if fault is not None and fault.keepalive_seconds > 0:
        yield Comments(fault.keepalive_seconds, fault.keepalive_every_seconds, comment)
    count = 0
    for event in [*events, None]:
        if fault is not None and (event is None or event.startswith(b"data:")):
            yield from _steps_after(fault, count)
            if _ends_after(fault, count):
                return
            count += 1
        if event is not None:
            yield Write(event)
            if event_delay > 0:
                yield Pause(event_delay)
    if fault is not None and fault.trailing:
        yield Write(fault.trailing)
    if fault is not None and fault.hold_seconds > 0:
        yield Pause(fault.hold_seconds)


def _steps_after(fault: Fault, count: int) -> Iterator[Step]:
    """Yield what the fault does after so many events."""
    if fault.malformed_after_events == count:
        yield Write(fault.malformed)
    if fault.insert is not None and fault.after_events == count:
        yield Write(event_bytes(fault.insert))
    if fault.error_event is not None and fault.after_events == count:
        yield Write(render_event(fault.error_event))
    if fault.stall_after_events == count:
        yield Pause(fault.stall_seconds)
    if fault.cut_after_events == count:
        yield Cut(fault.reset)


def _ends_after(fault: Fault, count: int) -> bool:
    is_error = fault.error_event is not None and fault.after_events == count
    return is_error or count in (fault.cut_after_events, fault.end_after_events)


def cut_at(steps: Iterable[Step], size: int, *, is_reset: bool) -> list[Step]:
    """Return the steps up to so many bytes, then a cut."""
    kept: list[Step] = []
    left = size
    for step in steps:
        if isinstance(step, Write):
            if len(step.data) >= left:
                return [*kept, Write(step.data[:left]), Cut(is_reset)]
            left -= len(step.data)
        kept.append(step)
    return [*kept, Cut(is_reset)]


def cut_into_pieces(steps: Sequence[Step], sizes: Sequence[int], delay_seconds: float) -> list[Step]:
    """Return the steps with their writes cut into those sizes, repeated from the start when used up."""
    useful = [size for size in sizes if size > 0]
    pieces: list[Step] = []
    for step in merge_writes(steps, len(steps)):
        if not isinstance(step, Write) or not useful:
            pieces.append(step)
            continue
        at = 0
        for size in cycle(useful):
            if at >= len(step.data):
                break
            pieces.append(Write(step.data[at : at + size]))
            if delay_seconds > 0:
                pieces.append(Pause(delay_seconds))
            at += size
    return pieces


def merge_writes(steps: Sequence[Step], count: int) -> list[Step]:
    """Return the steps with up to `count` neighbouring writes joined."""
    if count <= 1:
        return list(steps)
    merged: list[Step] = []
    run: list[bytes] = []
    for step in [*steps, None]:
        if isinstance(step, Write) and len(run) < count:
            run.append(step.data)
            continue
        if run:
            merged.append(Write(b"".join(run)))
        run = [step.data] if isinstance(step, Write) else []
        if step is not None and not isinstance(step, Write):
            merged.append(step)
    return merged
