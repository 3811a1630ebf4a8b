"""The queue before a gate: order, turns after a pause, and turns that are passed on."""

from __future__ import annotations

from typing import Any

from kilo_gateway.gate import Gate, Permit


class Waker:
    """Counts how often it was woken."""

    def __init__(self) -> None:
        self.times = 0

    def wake(self) -> None:
        """Count."""
        self.times += 1


def closed_gate(*, until: float = 1.0) -> Gate:
    """Return a gate that is paused from 0 until a moment."""
    gate = Gate(rng=lambda: 0.0)
    permit = gate.try_acquire(0.0)
    assert isinstance(permit, Permit)
    gate.note_refusal(permit, now=0.0, retry_after_seconds=until, status=429)
    return gate


def places(gate: Gate, count: int) -> list[Any]:
    """Return places of so many calls in their order."""
    return [gate.queue.join(Waker()) for _ in range(count)]


def through(gate: Gate, waiting: list[Any], now: float) -> list[int]:
    """Return which of the waiting get a permit when all of them ask, each permit getting through afterwards."""
    found = [(number, gate.queue.try_acquire(place, now)) for number, place in enumerate(waiting)]
    entered = [(number, permit) for number, permit in found if isinstance(permit, Permit)]
    for _, permit in entered:
        gate.note_success(permit)
    return [number for number, _ in entered]


def test_nobody_passes_in_a_pause() -> None:
    """In a pause there is no free permit, and the first in the queue is told how long it lasts."""
    gate = closed_gate(until=1.0)
    assert gate.free is None
    (first, second) = places(gate, 2)
    assert gate.queue.try_acquire(first, 0.75) == 0.25
    assert isinstance(gate.queue.try_acquire(second, 0.75), float)


def test_after_a_pause_few_pass_at_a_time() -> None:
    """One tries, then three follow, then nine: a gateway that has just recovered is not stormed."""
    gate = closed_gate()
    waiting = places(gate, 20)
    waves = []
    while waiting:
        entered = through(gate, waiting, 1.0)
        waves.append(len(entered))
        waiting = [place for number, place in enumerate(waiting) if number not in entered]
    assert waves[:3] == [1, 3, 9]
    assert sum(waves) == 20
    assert gate.free is not None


def test_first_come_first_served() -> None:
    """Calls pass in the order in which they came."""
    gate = closed_gate()
    waiting = places(gate, 4)
    assert through(gate, waiting, 1.0) == [0]
    assert through(gate, waiting[1:], 1.0) == [0, 1, 2]


def test_a_refused_probe_gives_the_turn_to_the_next() -> None:
    """The one that was refused is not the one that tries next, so none uses up its tries for all."""
    gate = closed_gate()
    first, second = places(gate, 2)
    probe = gate.queue.try_acquire(first, 1.0)
    assert isinstance(probe, Permit)
    gate.note_refusal(probe, now=1.0, retry_after_seconds=2.0, status=429)
    again = gate.queue.join(Waker())
    assert isinstance(gate.queue.try_acquire(again, 3.5), float)
    assert isinstance(gate.queue.try_acquire(second, 3.5), Permit)


def test_a_call_that_gives_up_passes_its_turn_on() -> None:
    """A call that is cancelled in the queue, or as the probe, holds nobody back."""
    gate = closed_gate()
    first, second, third = places(gate, 3)
    gate.queue.leave(first)
    assert isinstance(gate.queue.try_acquire(second, 1.0), float)
    probe = gate.queue.try_acquire(second, 1.0, is_overdue=True)
    assert isinstance(probe, Permit)
    gate.note_abandoned(probe)
    assert isinstance(gate.queue.try_acquire(third, 1.0), Permit)


def test_the_pause_of_a_call_is_not_shorter_than_its_own_wait() -> None:
    """A call that waits longer than the gateway asked, for its jitter, finds the pause over when it comes back."""
    gate = Gate(rng=lambda: 1.0)
    assert gate.free is not None
    gate.note_refusal(gate.free, now=0.0, retry_after_seconds=2.0, own_wait_seconds=2.3, status=503)
    assert gate.paused_until == 2.3
