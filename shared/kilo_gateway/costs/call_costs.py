"""What one call tells the trackers it belongs to, and what it holds in their budgets while it is under way.

Decides by the clock it is given; never sleeps, never asks for prices.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.costs.budget import budget_used_up
from kilo_gateway.costs.prices import bound_of_body, listed_price
from kilo_gateway.costs.sums import Sums, cost_of
from kilo_gateway.costs.tracker import active_trackers, held_budget
from kilo_gateway.errors import ConnectionFailedError, GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.answer.usage import Usage
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.costs.budget import Budget
    from kilo_gateway.costs.tracker import CostTracker
    from kilo_gateway.embeddings import Embeddings
    from kilo_gateway.errors import KiloError

MAX_WAIT_SECONDS: Final = 60.0
"""How long a call waits for what others have reserved: it may be its own caller's, for a stream that is not read on."""
_ASK_AGAIN_SECONDS: Final = 0.05
_UNKNOWN: Final = "unknown"


class CallCosts:
    """The money side of one call."""

    def __init__(self, trackers: Mapping[CostTracker, tuple[str, ...]]) -> None:
        self._trackers = trackers
        budgets = {one.budget: one for one in trackers if one.budget is not None and one.budget is not held_budget()}
        self._budgets: dict[Budget, CostTracker] = budgets
        self._held: dict[Budget, Decimal] = {}
        self._is_sent = False
        self._waits_since: float | None = None

    @property
    def has_budget(self) -> bool:
        """Whether the call has to fit into something."""
        return bool(self._budgets)

    def reserve(
        self, body: Mapping[str, Any], *, catalog: Catalog, requested_id: str, ref: str, has_output: bool, now: float
    ) -> float | None:
        """Hold in each budget what a request can cost; return None once held, else the seconds to ask again after.

        Prices are stated, or listed, for the model in the body, or stated for the one that the caller asked for.

        Raises:
            BudgetExceededError: it does not fit, and what is under way frees nothing in time. Nothing is held.
            InvalidSettingError: the price of the model is unknown.
        """
        for budget, tracker in self._budgets.items():
            if budget in self._held:
                continue
            pricing = (
                tracker.price_of(body["model"])
                or tracker.price_of(requested_id)
                or listed_price(catalog, body["model"])
            )
            bound = bound_of_body(body, pricing, ref=ref, has_output=has_output)
            if budget.reserve(bound):
                self._held[budget] = bound
                continue
            self._waits_since = now if self._waits_since is None else self._waits_since
            others = budget.reserved
            self.release()
            if others and now < self._waits_since + MAX_WAIT_SECONDS and bound <= budget.usd - budget.spent:
                return _ASK_AGAIN_SECONDS
            raise budget_used_up(budget.usd, budget.spent, bound, model=ref)
        self._waits_since = None
        return None

    def release(self) -> None:
        """Free what is held by a request that was not sent."""
        self._settle(Decimal(0))

    def sent(self) -> None:
        """Note that a request goes out."""
        self._is_sent = True

    def answered(self, answer: Completion | Embeddings, *, model_id: str) -> None:
        """Count an answer."""
        usage = answer.usage

        def change(sums: Sums) -> None:
            sums.calls += 1
            sums.add_usage(usage)

        self._end(change, usage, answer.model or model_id, answer.provider or _UNKNOWN)

    def failed(self, error: KiloError, *, model_id: str, is_last: bool) -> None:
        """Count a request that ended with an error; `is_last`: no other follows it."""
        partial = error.partial
        usage = None if partial is None else partial.usage
        is_free = usage is None and _is_free(error)

        def change(sums: Sums) -> None:
            sums.failed += is_last
            sums.retries += not is_last
            if not is_free:
                sums.add_usage(usage)

        model = (partial.model if partial is not None else None) or model_id
        self._end(change, usage, model, getattr(error, "provider", None), is_free=is_free)

    def abandoned(self, answer: Completion | None, *, model_id: str) -> None:
        """Count a request whose answer nobody waits for any more, as of a stream that was closed early."""
        if self._is_sent:
            usage = None if answer is None else answer.usage
            model = model_id if answer is None else answer.model or model_id
            provider = _UNKNOWN if answer is None else answer.provider or _UNKNOWN

            def change(sums: Sums) -> None:
                sums.calls += 1
                sums.add_usage(usage)

            self._end(change, usage, model, provider)
        self.release()

    def _end(
        self, change: Any, usage: Usage | None, model: str, provider: str | None, *, is_free: bool = False
    ) -> None:
        self._is_sent = False
        self._settle(Decimal(0) if is_free else cost_of(usage))
        for tracker, tags in self._trackers.items():
            tracker.add(change, model=model, provider=provider, tags=tags)

    def _settle(self, cost: Decimal | None) -> None:
        while self._held:
            budget, reserved = self._held.popitem()
            budget.settle(reserved, cost)


def _is_free(error: KiloError) -> bool:
    """Return whether a failed request is billed to nobody: it was refused, or never arrived."""
    if isinstance(error, GatewayError):
        return error.partial is None or not error.partial.choices
    return isinstance(error, ConnectionFailedError) and not error.was_sent


def costs_of_call() -> CallCosts | None:
    """Return the money side of a call that is made here; None where no tracker is active."""
    trackers = active_trackers()
    return CallCosts(trackers) if trackers else None
