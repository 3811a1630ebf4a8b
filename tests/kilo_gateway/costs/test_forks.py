"""A child that is forked while others hold locks and money: it calls, counts and waits for nobody of its parent."""

from __future__ import annotations

import os
from typing import Any

import pytest

from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

WITH_LOCKS_HELD = """
import os, sys, threading
from decimal import Decimal
from kilo_gateway import Budget, KiloClient, Pricing, cost_tracker
from kilo_gateway.gate import gate, gate_of
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model="openai/gpt-4.1-mini", max_retries=0)
ask = lambda: client.complete([{"role": "user", "content": "Hello"}], max_tokens=10)
budget = Budget("0.05")
shared = gate_of(client.settings)
locks = [shared._lock, shared.queue._lock, shared.retries._lock, gate._gates_lock, budget._lock]
with cost_tracker(budget=budget, price=Pricing(prompt=Decimal(0), completion=Decimal(1000))) as costs:
    ask()
    budget.reserve(Decimal("0.02"))  # as by a call in another thread
    shared.free = None  # as after a pause: calls go through the gate's own state
    held, over = threading.Event(), threading.Event()

    def hold():
        for lock in (*locks, costs._lock):
            lock.acquire()
        held.set()
        over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:
        ask()
        known = costs.total.calls == 2 and not budget.reserved and budget.spent == Decimal("0.028")
        os._exit(0 if known and gate_of(client.settings) is shared else 1)
    status = os.waitpid(child, 0)[1]
    over.set()
    thread.join()
print(status, budget.reserved)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_does_not_wait_for_locks_of_its_parent(gateway: EmbeddedGateway, scripts: Any) -> None:
    """A child that is forked while another thread holds every lock calls at once; what was reserved is spent to it."""
    gateway.enqueue(Reply(text="Yes.", usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.004}, times=9))
    done = scripts.run(WITH_LOCKS_HELD, gateway.base_url, gateway.api_key)
    assert (done.stdout, done.stderr) == ("0 0.02\n", "")


IN_A_PAUSE = """
import os, sys, threading, time
from kilo_gateway import KiloClient
from kilo_gateway.gate import gate_of
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model="openai/gpt-4.1-mini")
ask = lambda: client.complete([{"role": "user", "content": "Hello"}])
threads = [threading.Thread(target=ask, daemon=True) for _ in range(5)]
shared = gate_of(client.settings)
threads[0].start()
while shared.free is not None:
    time.sleep(0.01)
for thread in threads[1:]:
    thread.start()
while len(shared.queue) < 4:
    time.sleep(0.01)
began = time.monotonic()
child = os.fork()
if child == 0:
    ask()
    os._exit(0 if 0.2 < time.monotonic() - began < 5 else 1)
for thread in threads:
    thread.join()
print(os.waitpid(child, 0)[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_keeps_the_pause_and_not_the_queue(gateway: EmbeddedGateway, scripts: Any) -> None:
    """A child that is forked in a pause sends nothing in it, and is not behind the threads of its parent after it."""
    busy = {"error": {"code": 429, "message": "Slow"}}
    gateway.enqueue(Fault(status=429, headers={"Retry-After": "0.8"}, body=busy), Reply(text="Yes.", times=99))
    done = scripts.run(IN_A_PAUSE, gateway.base_url, gateway.api_key)
    assert (done.stdout, done.stderr) == ("0\n", "")
