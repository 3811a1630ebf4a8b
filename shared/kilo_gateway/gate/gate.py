"""The one gate before a gateway and key: open, paused until a moment, or waiting for what one probe finds.

A gateway that says 429 or 503 to one request says it to all of them, so they share one pause: nothing is sent while it
lasts, then one request tries, and the others follow once it was accepted. Takes the time as an argument; never sleeps.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from weakref import WeakValueDictionary

from kilo_gateway.forks import call_in_child, renew_after_fork
from kilo_gateway.gate.retry_budget import RetryBudget
from kilo_gateway.gate.wait_queue import FOLLOWERS, WaitQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.settings.settings import Settings

FIRST_PAUSE_SECONDS: Final = 1.0
"""The first pause after a refusal that names no time; each further one is twice as long."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""The longest pause of our own; a time that the gateway names may be longer."""
_JITTER_SHARE: Final = 0.1
_LONGEST_JITTER_SECONDS: Final = 1.0
"""Jitter only adds to a pause: the time named by the gateway is a lower bound."""
_DOUBLINGS: Final = 10


class Gate:
    """What this process knows of one gateway and key. Safe to share between threads and loops."""

    def __init__(self, *, rng: Callable[[], float] = random.random, is_of_model: bool = False) -> None:
        self.is_of_model = is_of_model
        """Whether it holds back one model only."""
        self._lock = threading.RLock()
        self._rng = rng
        self._listeners: set[Callable[[], None]] = set()
        self.queue: WaitQueue[Permit] = WaitQueue(self.try_acquire, self._reopen)
        """Calls of ordinary code that wait."""
        self.reset()
        renew_after_fork(self)

    def reset(self) -> None:
        """Forget everything, as at the start of a process."""
        self._paused_until = 0.0
        self._pauses = 0
        self._pauses_in_a_row = 0
        """Pauses since the last request that was accepted."""
        self._is_proving = False
        """Whether the pause is over and one request is to show that the gateway takes more."""
        self._probe: int | None = None
        self._permits = 0
        self.free: Permit | None = Permit(0, 0)
        """Everybody's permit while all is well, which costs nothing to look at; else None."""
        self.of_models: dict[str, Gate] = {}
        """The gates of models whose providers have refused something; what they refuse holds no other model back."""
        self.retries = RetryBudget()
        """What all callers together may spend on trying again."""
        self.refused_status: int | None = None
        """The HTTP status of the last refusal."""

    def begin_in_child(self) -> None:
        """Keep a pause, which the gateway means for the child too; the parent's calls wait and try elsewhere."""
        self._lock = threading.RLock()
        self._listeners = set()
        self._probe = None
        self.queue = WaitQueue(self.try_acquire, self._reopen)
        self._reopen()

    @property
    def paused_until(self) -> float:
        """When the pause ends, by the monotonic clock; a moment in the past without one."""
        return self._paused_until

    def of_model(self, model_id: str) -> Gate:
        """Return the gate of one model behind this one."""
        with self._lock:
            return self.of_models.setdefault(model_id, Gate(rng=self._rng, is_of_model=True))

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, from any thread, whenever it is worth asking again; return a function that ends this."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def try_acquire(self, now: float) -> Permit | float | None:
        """Return a permit to send one request, the seconds until the pause ends, or None while a probe is under way."""
        with self._lock:
            if now < self._paused_until:
                return self._paused_until - now
            if self._is_proving:
                if self._probe is not None:
                    return None
                self._probe = self._permits + 1
            self._permits += 1
            return Permit(self._permits, self._pauses)

    def note_success(self, permit: Permit) -> None:
        """Note that the gateway accepted a request, whatever the answer says."""
        with self._lock:
            if permit.pauses_before != self._pauses:
                return  # sent before the last pause: says nothing about now
            was_proving = self._is_proving
            self._is_proving, self._probe, self._pauses_in_a_row = False, None, 0
        self._reopen()
        self._notify(FOLLOWERS, is_news=was_proving)

    def note_refusal(
        self,
        permit: Permit,
        *,
        now: float,
        retry_after_seconds: float | None = None,
        longest_pause_seconds: float = LONGEST_PAUSE_SECONDS,
        own_wait_seconds: float | None = None,
        status: int | None = None,
    ) -> bool:
        """Note a 429 or 503, or a connection that was refused; returns whether a new pause begins with it.

        Requests that were under way together are refused together: they lengthen the pause only by a later time that
        the gateway names. A time of 0 names none. `longest_pause_seconds` bounds a pause of our own;
        `own_wait_seconds` is how long the refused call itself is going to wait, jitter included: the pause is not
        shorter.
        """
        retry_after_seconds = retry_after_seconds or None
        with self._lock:
            is_new = permit.pauses_before == self._pauses
            if is_new:
                self._pauses += 1
                self._pauses_in_a_row += 1
            own = FIRST_PAUSE_SECONDS * 2.0 ** min(self._pauses_in_a_row - 1, _DOUBLINGS)
            most = min(LONGEST_PAUSE_SECONDS, longest_pause_seconds)
            wait = min(own, most) if retry_after_seconds is None else retry_after_seconds
            if is_new or retry_after_seconds is not None:
                jitter = min(wait * _JITTER_SHARE, _LONGEST_JITTER_SECONDS) * self._rng()
                wait = wait + jitter if own_wait_seconds is None else max(wait, own_wait_seconds)
                self._paused_until = max(self._paused_until, now + wait)
            self._is_proving, self._probe, self.free, self.refused_status = True, None, None, status
        self._notify(1)
        return is_new

    def note_abandoned(self, permit: Permit) -> None:
        """Note that a request ended without showing anything of the gateway, such as one that was cancelled."""
        with self._lock:
            was_probe = self._probe == permit.number
            if was_probe:
                self._probe = None
        self._notify(1, is_news=was_probe)

    def permit_of_sent_request(self) -> Permit:
        """Return the permit of a request that was sent before it was known that this gate would matter."""
        with self._lock:
            return Permit(0, self._pauses)

    def _reopen(self) -> None:
        with self._lock:
            if not self._is_proving and not self.queue:
                self.free = Permit(0, self._pauses)

    def _notify(self, followers: int, *, is_news: bool = True) -> None:
        if self.queue:
            self.queue.wake_first(followers)
        if is_news:
            for listener in tuple(self._listeners):
                listener()


class Permit:
    """The permission to send one request."""

    __slots__ = ("number", "pauses_before")

    def __init__(self, number: int, pauses_before: int) -> None:
        self.number = number
        self.pauses_before = pauses_before


_gates: WeakValueDictionary[tuple[str, bytes], Gate] = WeakValueDictionary()
"""The gates that a client holds, or that stand among those used last."""
_used_last: OrderedDict[tuple[str, bytes], Gate] = OrderedDict()
"""Keeps pauses for clients made anew for each request of a server, whose users may bring keys of their own."""
_MOST_KEPT: Final = 1_000
_gates_lock = threading.RLock()


def _renew_lock() -> None:
    global _gates_lock  # noqa: PLW0603 - a thread that held it may not exist in the child
    _gates_lock = threading.RLock()


call_in_child(_renew_lock)


def gate_of(settings: Settings) -> Gate:
    """Return the gate that all callers of this process share for the gateway and key of these settings."""
    key = "" if settings.api_key is None else settings.api_key.get_secret_value()
    account = settings.base_url, hashlib.blake2b(key.encode(), digest_size=16).digest()
    with _gates_lock:
        gate = _gates.get(account)
        if gate is None:
            gate = _gates[account] = Gate()
        _used_last[account] = gate
        _used_last.move_to_end(account)
        if len(_used_last) > _MOST_KEPT:
            _used_last.popitem(last=False)
        return gate


def forget_gates() -> None:
    """Reset every gate, also those that clients hold; for tests."""
    with _gates_lock:
        _used_last.clear()
        for gate in tuple(_gates.values()):
            gate.reset()
