"""What the coordinator of a run decides, by a clock of the test's own."""

from __future__ import annotations

import pytest

pytest.importorskip("ray", reason="needs the extra `ray`")

from kilo_gateway.errors import RateLimitError
from kilo_gateway.ray.messages import WorkerReport
from kilo_gateway.ray.plan import SharedLimits
from kilo_gateway.ray.sharing import Sharing


def test_a_worker_that_joins_pauses_nobody() -> None:
    """Whoever joins, first or in the middle of a run, may send at once and slows no other worker down."""
    sharing = Sharing(SharedLimits(requests_at_once=50))
    sharing.take(WorkerReport("a", "here", waiting=30), 1000.0)
    first = sharing.members["a"].grant
    sharing.take(WorkerReport("b", "there", waiting=30), 1060.0)
    second = sharing.members["b"].grant
    assert (first.pause_seconds, second.pause_seconds, second.epoch) == (0, 0, 0)
    assert first.slots > 1
    assert sharing.totals(1060.0).limit == first.slots


def test_a_worker_tells_a_restarted_coordinator_of_the_pause() -> None:
    """What a worker still waits for holds for all again, once, though each worker tells it by its own clock."""
    sharing = Sharing(SharedLimits(requests_at_once=50), epoch=1000, known_until=1010.0)
    sharing.take(WorkerReport("a", "here", waiting=30, pause_seconds=20.0), 1000.0)
    sharing.take(WorkerReport("b", "there", waiting=30, pause_seconds=19.5), 1001.0)
    grants = [member.grant for member in sharing.members.values()]
    assert [(grant.slots, grant.epoch) for grant in grants] == [(0, 1001)] * 2
    assert sharing.paused_until >= 1020.0


def test_a_run_without_progress_ends_with_what_the_gateway_said() -> None:
    """The error that ends the run is caused by the last refusal, whatever its kind."""
    sharing = Sharing(SharedLimits(no_progress_seconds=5))
    busy = RateLimitError("Come back later", status=429)
    for now in (1000.0, 1003.0, 1006.0):
        sharing.take(WorkerReport("a", "here", waiting=3, busy_error=busy), now)
        sharing.look(now)
    stop = sharing.members["a"].grant.stop
    assert stop is not None
    assert stop.reason == "no_progress"
    assert "Come back later" in stop.message
    assert stop.__cause__ is busy
