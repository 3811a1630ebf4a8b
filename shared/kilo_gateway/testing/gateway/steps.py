"""What is done to the connection, step by step: events, waits, cuts. Plans from plain values; sends nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from kilo_gateway.testing.gateway.events import DONE, comment, render_event

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.reply import EventSource


@dataclass(frozen=True)
class Write:
    """Send these bytes as one write."""

    data: bytes


@dataclass(frozen=True)
class Wait:
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

    reset: bool = False


Step = Write | Wait | Comments | Cut


def event_bytes(source: EventSource) -> bytes:
    """Return the bytes of one scripted event."""
    if isinstance(source, bytes):
        return source
    return source.encode() if isinstance(source, str) else render_event(source)


def plan_steps(events: Sequence[bytes], version: Version, *, fault: Fault | None, event_delay: float) -> list[Step]:
    """Return the steps that send these events under that fault."""
    if fault is None and event_delay <= 0:
        return [Write(event) for event in events]
    steps: list[Step] = []
    if fault is not None and fault.keepalive_seconds > 0:
        steps.append(Comments(fault.keepalive_seconds, fault.keepalive_every_seconds, comment(version)))
    count = 0
    for event in [*events, None]:
        if event is None or event.startswith(b"data:"):
            disturbance = _steps_after(fault, count, version) if fault is not None else []
            steps.extend(disturbance)
            if _ends(fault, count) or (disturbance and isinstance(disturbance[-1], Cut)):
                return steps
            count += 1
        if event is not None:
            steps.append(Write(event))
            if event_delay > 0:
                steps.append(Wait(event_delay))
    return [*steps, *_closing_steps(fault)]


def _ends(fault: Fault | None, count: int) -> bool:
    if fault is None:
        return False
    return fault.end_after_events == count or (fault.error_event is not None and fault.after_events == count)


def _steps_after(fault: Fault, count: int, version: Version) -> list[Step]:
    steps: list[Step] = []
    if fault.malformed_after_events == count:
        steps.append(Write(fault.malformed))
    if fault.insert is not None and fault.after_events == count:
        steps.append(Write(event_bytes(fault.insert)))
    if fault.error_event is not None and fault.after_events == count:
        steps.append(Write(render_event(fault.error_event)))
        if version == "2026-02" and "choices" in fault.error_event:
            steps.append(Write(DONE))
    if fault.stall_after_events == count:
        steps.append(Wait(fault.stall_seconds))
    if fault.cut_after_events == count:
        steps.append(Cut(reset=fault.reset))
    return steps


def _closing_steps(fault: Fault | None) -> list[Step]:
    if fault is None:
        return []
    steps: list[Step] = [Write(fault.trailing)] if fault.trailing else []
    if fault.hold_seconds > 0:
        steps.append(Wait(fault.hold_seconds))
    return steps


def cut_at(steps: Iterable[Step], size: int, *, reset: bool) -> list[Step]:
    """Return the steps up to so many bytes, then a cut."""
    kept: list[Step] = []
    left = size
    for step in steps:
        if isinstance(step, Write) and len(step.data) >= left:
            return [*kept, Write(step.data[:left]), Cut(reset=reset)]
        left -= len(step.data) if isinstance(step, Write) else 0
        kept.append(step)
    return [*kept, Cut(reset=reset)]


def recut(steps: Sequence[Step], sizes: Sequence[int], delay_seconds: float) -> list[Step]:
    """Return the steps with each run of writes cut into those sizes, repeated from the start when used up."""
    cut: list[Step] = []
    run = bytearray()
    for step in [*steps, None]:
        if isinstance(step, Write):
            run += step.data
            continue
        for piece in _cut_bytes(bytes(run), sizes):
            cut.append(Write(piece))
            if delay_seconds > 0:
                cut.append(Wait(delay_seconds))
        run.clear()
        if step is not None:
            cut.append(step)
    return cut


def _cut_bytes(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    useful = [size for size in sizes if size > 0] or [max(len(data), 1)]
    cut: list[bytes] = []
    at = number = 0
    while at < len(data):
        size = useful[number % len(useful)]
        cut.append(data[at : at + size])
        at += size
        number += 1
    return cut


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


def json_bytes(body: object) -> bytes:
    """Return the compact JSON of a body."""
    return orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)
