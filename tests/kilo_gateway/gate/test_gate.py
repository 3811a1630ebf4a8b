"""The gate of a gateway and key: one pause for all, one probe after it, by a clock that is handed in."""

from __future__ import annotations

import gc
import weakref

from kilo_gateway.gate import LONGEST_PAUSE_SECONDS, Gate, Permit, gate_of
from kilo_gateway.settings.settings import Settings


def permit(gate: Gate, now: float = 0.0) -> Permit:
    """Return a permit of an open gate."""
    entered = gate.try_acquire(now)
    assert isinstance(entered, Permit)
    return entered


def test_an_open_gate_lets_everybody_through() -> None:
    """Without a refusal nobody waits."""
    gate = Gate()
    assert all(isinstance(gate.try_acquire(0.0), Permit) for _ in range(100))


def test_a_refusal_closes_the_gate_for_the_time_named() -> None:
    """Nobody enters before the time named is over; jitter only adds to it."""
    gate = Gate(rng=lambda: 1.0)
    gate.note_refusal(permit(gate), now=10.0, retry_after_seconds=2.0)
    assert gate.try_acquire(11.9) == gate.paused_until - 11.9
    assert 12.0 < gate.paused_until <= 13.0


def test_one_probe_after_a_pause() -> None:
    """When the pause is over one request may try; the rest waits for it, and follows when it got through."""
    gate = Gate(rng=lambda: 0.0)
    gate.note_refusal(permit(gate), now=0.0, retry_after_seconds=1.0)
    probe = permit(gate, 1.0)
    assert gate.try_acquire(1.0) is None
    told: list[bool] = []
    gate.subscribe(lambda: told.append(True))
    gate.note_success(probe)
    assert told
    assert all(isinstance(gate.try_acquire(1.0), Permit) for _ in range(5))


def test_a_probe_that_is_left_makes_room_for_another() -> None:
    """A probe that shows nothing, such as one that was cancelled, does not block the gate."""
    gate = Gate(rng=lambda: 0.0)
    gate.note_refusal(permit(gate), now=0.0, retry_after_seconds=1.0)
    gate.note_abandoned(permit(gate, 1.0))
    assert isinstance(gate.try_acquire(1.0), Permit)


def test_refusals_of_one_burst_count_once() -> None:
    """Requests that were under way together lengthen the pause only by a later time that is named."""
    gate = Gate(rng=lambda: 0.0)
    first, second, third = (permit(gate) for _ in range(3))
    assert gate.note_refusal(first, now=0.0)
    until = gate.paused_until
    assert not gate.note_refusal(second, now=0.1)
    assert gate.paused_until == until
    assert not gate.note_refusal(third, now=0.1, retry_after_seconds=5.0)
    assert gate.paused_until == 5.1


def test_pauses_grow_up_to_a_bound() -> None:
    """Without a named time each further pause is twice as long, up to half a minute."""
    gate = Gate(rng=lambda: 0.0)
    now, waits = 0.0, []
    for _ in range(8):
        gate.note_refusal(permit(gate, now), now=now)
        waits.append(gate.paused_until - now)
        now = gate.paused_until
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]


def test_an_answer_to_an_older_request_opens_nothing() -> None:
    """What was sent before a pause says nothing about the time after it."""
    gate = Gate(rng=lambda: 0.0)
    old, refused = permit(gate), permit(gate)
    gate.note_refusal(refused, now=0.0, retry_after_seconds=1.0)
    gate.note_success(old)
    assert isinstance(gate.try_acquire(0.5), float)
    assert isinstance(gate.try_acquire(1.0), Permit)
    assert gate.try_acquire(1.0) is None


def test_one_gate_for_each_gateway_and_key() -> None:
    """Settings with one gateway and key share a gate, others do not."""
    first, same = (Settings(api_key="k1-for-the-gate") for _ in range(2))
    assert gate_of(first) is gate_of(same)
    assert gate_of(first) is not gate_of(Settings(api_key="k2-for-the-gate"))
    assert gate_of(first) is not gate_of(Settings(api_key="k1-for-the-gate", base_url="https://other.example/"))


def test_gates_of_many_keys_are_not_kept_for_ever() -> None:
    """A server whose users bring keys keeps the gates used last, and those that somebody holds."""
    held = gate_of(Settings(api_key="held-for-the-gate"))
    gates = [weakref.ref(gate_of(Settings(api_key=f"many-for-the-gate-{number}"))) for number in range(1_200)]
    assert gate_of(Settings(api_key="held-for-the-gate")) is held
    assert gates[-1]() is gate_of(Settings(api_key="many-for-the-gate-1199"))
    gc.collect()
    assert sum(gate() is not None for gate in gates) < 1_000  # one of those kept is that which is held
