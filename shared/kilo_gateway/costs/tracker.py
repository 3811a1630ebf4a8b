"""`cost_tracker`: what the calls inside a block use and cost, in whatever threads, tasks and streams they run.

A call belongs to the trackers that are active where it is made: a stream to those where it was begun, not read.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import replace
from functools import wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, cast

from kilo_gateway.catalog.embedding_models import full_embedding_id
from kilo_gateway.costs.sums import Sums
from kilo_gateway.forks import renew_after_fork
from kilo_gateway.refs import parse_model_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.costs.budget import Budget

P = ParamSpec("P")
R = TypeVar("R")


class CostTracker:
    """Sums of calls, in all and by model, provider and tag. Made by `cost_tracker`; safe to share between threads.

    May be entered any number of times, one inside another or at once in many threads: a call counts once.
    """

    def __init__(self, *, budget: Budget | None = None, price: Pricing | Mapping[str, Pricing] | None = None) -> None:
        self.budget = budget
        """What the calls may spend; None: no limit."""
        self._price = {_id_of(ref): one for ref, one in price.items()} if isinstance(price, Mapping) else price
        self._lock = threading.RLock()
        renew_after_fork(self)
        self._total = Sums()
        self._parts: dict[str, dict[str, Sums]] = {"model": {}, "provider": {}, "tag": {}}

    def begin_in_child(self) -> None:
        """Take a new lock; the child counts for itself from here on."""
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        total = self.total
        return f"CostTracker(calls={total.calls}, cost={total.cost}, unknown_costs={total.unknown_costs})"

    @property
    def total(self) -> Sums:
        """The sums of all calls so far, as a copy."""
        with self._lock:
            return replace(self._total)

    @property
    def by_model(self) -> dict[str, Sums]:
        """The sums of each model that answered, as the gateway spells it."""
        return self._copy("model")

    @property
    def by_provider(self) -> dict[str, Sums]:
        """The sums of each provider that hosted a model; `unknown` where no one was named."""
        return self._copy("provider")

    @property
    def by_tag(self) -> dict[str, Sums]:
        """The sums of each tag; a call with two tags is in both."""
        return self._copy("tag")

    def _copy(self, kind: str) -> dict[str, Sums]:
        with self._lock:
            return {name: replace(sums) for name, sums in self._parts[kind].items()}

    def price_of(self, model_id: str) -> Pricing | None:
        """Return the prices that were stated for a model; None where none were."""
        return self._price.get(_id_of(model_id)) if isinstance(self._price, Mapping) else self._price

    def add(self, change: Callable[[Sums], None], *, model: str, provider: str | None, tags: Iterable[str]) -> None:
        """Change all sums that a request belongs to."""
        names = (("model", model), ("provider", provider), *(("tag", tag) for tag in tags))
        with self._lock:
            change(self._total)
            for kind, name in names:
                if name is not None:
                    change(self._parts[kind].setdefault(name, Sums()))

    def __enter__(self) -> Self:
        _active.set((*_active.get(), (self, ())))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        entries = list(_active.get())
        for place in reversed(range(len(entries))):
            if entries[place] == (self, ()):
                del entries[place]
                break
        _active.set(tuple(entries))

    @contextmanager
    def tagged(self, *tags: str) -> Iterator[Self]:
        """Count the calls of a block here, under these tags beside those of `cost_tags`."""
        with counting_in([self], tags):
            yield self

    def bind(self, function: Callable[P, R]) -> Callable[P, R]:
        """Return a function whose calls count here wherever it runs, such as in a thread of an executor.

        A coroutine function stays one, for another thread's event loop.

        Threads begin without their maker's context; frameworks hand it on, `ThreadPoolExecutor` does not. The tags and
        the other trackers that are active now are taken along.
        """
        context = copy_context()
        if iscoroutinefunction(function):
            entries, tags = (*_active.get(), (self, ())), _tags.get()

            @wraps(function)
            async def counted_later(*args: P.args, **kwargs: P.kwargs) -> Any:
                tokens = _active.set(entries), _tags.set(tags)
                try:
                    return await function(*args, **kwargs)
                finally:
                    _active.reset(tokens[0])
                    _tags.reset(tokens[1])

            return cast("Callable[P, R]", counted_later)

        @wraps(function)
        def counted(*args: P.args, **kwargs: P.kwargs) -> R:
            def run() -> R:
                with self:
                    return function(*args, **kwargs)

            return context.copy().run(run)

        return counted


def _id_of(ref: str) -> str:
    """Return what names one model however it is spelled: ref or id, and embedding models by their short names."""
    return full_embedding_id(parse_model_id(ref)).lower()


_active: ContextVar[tuple[tuple[CostTracker, tuple[str, ...]], ...]] = ContextVar("kilo_trackers", default=())
_tags: ContextVar[tuple[str, ...]] = ContextVar("kilo_cost_tags", default=())
_held: ContextVar[Budget | None] = ContextVar("kilo_held_budget", default=None)


def cost_tracker(*, budget: Budget | None = None, price: Pricing | Mapping[str, Pricing] | None = None) -> CostTracker:
    """Return a tracker to enter with `with`: it counts what the calls inside use and cost.

    With a `budget` a call that could pass it is not sent and raises `BudgetExceededError`. `price` states prices that
    the model list does not have: of all models, or model id -> prices.

    Example:
        ```python
        with cost_tracker() as costs:
            chain.invoke("Hello")
        print(costs.total.cost, costs.by_model)
        ```
    """
    return CostTracker(budget=budget, price=price)


@contextmanager
def cost_tags(*tags: str) -> Iterator[None]:
    """Put tags, such as a user's name, on the calls of a block, for every tracker that counts them."""
    token = _tags.set((*_tags.get(), *tags))
    try:
        yield
    finally:
        _tags.reset(token)


@contextmanager
def counting_in(trackers: Iterable[CostTracker], tags: Iterable[str] = ()) -> Iterator[None]:
    """Count the calls of a block in some trackers too, under these tags; for adapters."""
    token = _active.set((*_active.get(), *((tracker, tuple(tags)) for tracker in trackers)))
    try:
        yield
    finally:
        _active.reset(token)


@contextmanager
def held_by_caller(budget: Budget | None) -> Iterator[None]:
    """Leave a budget to whoever makes the calls of a block, such as a batch, which reserves and settles by itself."""
    token = _held.set(budget)
    try:
        yield
    finally:
        _held.reset(token)


def held_budget() -> Budget | None:
    """Return the budget that a call made here leaves to its caller."""
    return _held.get()


def active_trackers() -> dict[CostTracker, tuple[str, ...]]:
    """Return the trackers that a call made here belongs to, each with the call's tags."""
    entries = _active.get()
    if not entries:
        return {}
    found: dict[CostTracker, tuple[str, ...]] = {}
    for tracker, tags in entries:
        found[tracker] = (*found.get(tracker, ()), *tags)
    common = _tags.get()
    return {tracker: tuple(dict.fromkeys((*common, *tags))) for tracker, tags in found.items()}
