"""How a batch ended: the exit status, lines for a person, one JSON object for a script."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.cli.batch.display import render_money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.batch import BatchRun
    from kilo_gateway.cli.batch.display import Counts
    from kilo_gateway.errors import StopReason

STATUS_OF_REASON: Final[dict[StopReason, int]] = {
    "key": 4,
    "credits": 5,
    "budget": 5,
    "no_progress": 3,
    "errors": 6,
    "interrupted": 130,
}
ROWS_FAILED: Final = 6
WRONG_INPUT: Final = 2
DISK_FAILED: Final = 1
NO_KEY: Final = 4


@dataclass(slots=True)
class Report:
    """How a batch ended."""

    status: int
    counts: Counts
    run: BatchRun | None = None
    reason: str | None = None
    """Why it ended early, or what failed; None after a whole run."""

    def as_json(self) -> str:
        """Return one object, for scripts."""
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
                "cost": None if totals is None or (totals.unknown_costs and not totals.cost) else str(totals.cost),
                "status": self.status,
                "reason": self.reason,
                "by": [
                    {"model": model, "provider": provider, "rows": part.rows, "tokens": _tokens(part)}
                    | {"cost": None if part.unknown_costs == part.rows else str(part.cost)}
                    for (model, provider), part in parts
                ],
            }
        )

    def lines(self) -> Iterator[str]:
        """Yield what a person reads at the end."""
        counts = self.counts
        yield f"{counts.done} done, {counts.failed} failed, {counts.left} left of {counts.rows}"
        if self.run is not None:
            for (model, provider), part in self.run.totals.by_provider.items():
                cost = render_money(part.cost, part.unknown_costs)
                yield f"  {model} by {provider}: {part.rows} rows, {_spoken(part)}, {cost}"
            totals = self.run.totals
            yield f"  together: {_spoken(totals)}, {render_money(totals.cost, totals.unknown_costs)}"


def _tokens(part: Any) -> dict[str, int]:
    return {"input": getattr(part, "input_tokens", 0), "output": getattr(part, "output_tokens", 0)}


def _spoken(part: Any) -> str:
    return f"{part.input_tokens} tokens in, {part.output_tokens} out"
