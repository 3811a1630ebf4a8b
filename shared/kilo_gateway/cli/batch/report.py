"""How a batch ended: the exit status, the last lines for a person, and one object for a script."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.batch.display import render_money
from kilo_gateway.cli.statuses import CREDITS, INTERRUPTED, KEY, NOT_AS_ASKED, TRY_LATER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from kilo_gateway.batch import BatchRun
    from kilo_gateway.cli.batch.display import Counts
    from kilo_gateway.cli.batch.signals import StopSignals
    from kilo_gateway.errors import BatchStoppedError, StopReason

STATUS_OF_REASON: Final[dict[StopReason, int]] = {
    "key": KEY,
    "credits": CREDITS,
    "budget": CREDITS,
    "no_progress": TRY_LATER,
    "errors": NOT_AS_ASKED,
    "interrupted": INTERRUPTED,
}


@dataclass(slots=True)
class Report:
    """How a batch ended."""

    status: int
    counts: Counts
    run: BatchRun | None = None
    is_dry: bool = False
    """Whether nothing was to be sent."""
    reason: str | None = None
    """Why it ended early, or what failed; None after a whole run."""
    signals: StopSignals | None = None
    bound: Decimal | None = None
    """What the rows that a dry run has checked cost at the most, in USD."""

    def stopped_by(self, stop: BatchStoppedError) -> None:
        """Note what ended the run early."""
        signal_status = 0 if self.signals is None else self.signals.status
        self.reason = stop.message
        self.status = signal_status or STATUS_OF_REASON[stop.reason]

    def as_json(self) -> str:
        """Return one object, for scripts; a cost is null where no answer told it."""
        totals = None if self.run is None else self.run.totals
        parts = [] if totals is None else totals.by_provider.items()
        return json.dumps(
            {
                "rows": self.counts.rows,
                "done": self.counts.done,
                "failed": self.counts.failed,
                "left": self.counts.left,
                "resumed": self.counts.resumed,
                "tokens": _tokens(totals),
                "cost": "0" if totals is None else _cost(totals.cost, totals.unknown_costs, totals.done),
                "unknown_costs": 0 if totals is None else totals.unknown_costs,
                "truncated": 0 if totals is None else totals.truncated,
                "cut_off": 0 if self.run is None else self.run.cut_off,
                "bound": None if self.bound is None else f"{self.bound:f}",
                "status": self.status,
                "reason": self.reason,
                "by": [
                    {"model": model, "provider": provider, "rows": part.rows, "tokens": _tokens(part)}
                    | {"cost": _cost(part.cost, part.unknown_costs, part.rows)}
                    for (model, provider), part in parts
                ],
            }
        )

    def lines(self, *, counts_are_shown: bool) -> Iterator[str]:
        """Yield what a person reads at the end; the counts are left out where the run's picture still shows them."""
        if self.is_dry:
            return
        counts = self.counts
        if self.run is None or not counts_are_shown:
            yield f"{counts.done:,} done, {counts.failed:,} failed, {counts.left:,} left of {counts.rows:,}"
        if self.run is None:
            return
        totals = self.run.totals
        for (model, provider), part in totals.by_provider.items():
            rows = "1 row" if part.rows == 1 else f"{part.rows:,} rows"
            yield f"{model} by {provider}: {rows}, {_sums(part)}"
        if len(totals.by_provider) > 1:
            yield f"together: {_sums(totals)}"
        if totals.truncated:
            answers = "answer was" if totals.truncated == 1 else "answers were"
            yield f"{totals.truncated:,} {answers} cut at max_tokens (finish_reason length)."
        if counts.failed and not counts.left:
            yield "Why rows failed stands in their lines; --resume --retry-failed asks them again."
        if self.run.cut_off:
            yield f"{self.run.cut_off:,} requests under way were not waited for; they may be paid, and paid again."


def _tokens(part: Any) -> dict[str, int]:
    return {"input": getattr(part, "input_tokens", 0), "output": getattr(part, "output_tokens", 0)}


def _cost(known: Decimal, unknown: int, answers: int) -> str | None:
    return None if unknown and unknown >= answers else f"{known:f}"


def _sums(part: Any) -> str:
    money = render_money(part.cost, part.unknown_costs)
    return f"{part.input_tokens:,} tokens in, {part.output_tokens:,} out, {money}"
