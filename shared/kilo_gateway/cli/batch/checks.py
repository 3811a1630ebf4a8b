"""What is checked before the first request: every problem of the input, the key, the prices, the budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.cli.batch.report import NO_KEY, WRONG_INPUT
from kilo_gateway.settings.auth import has_credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.async_client import AsyncKiloClient
    from kilo_gateway.batch.inspection import Inspection
    from kilo_gateway.batch.job import BatchJob
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.cli.batch.command import BatchCommand


class BatchRefusedError(Exception):
    """The batch cannot be run, and nothing was sent: lines for a person, and the exit status."""

    def __init__(self, *lines: str, status: int = WRONG_INPUT) -> None:
        super().__init__(*lines)
        self.lines = lines
        self.status = status


def price_of(command: BatchCommand, catalog: Catalog) -> Callable[[str], Pricing | None]:
    """Return what tells the prices of a model: those that were stated, else the catalog's."""

    def find(model_id: str) -> Pricing | None:
        if command.price is not None:
            return command.price
        model = catalog.get(model_id)
        return None if model is None else model.pricing

    return find


def refuse_problems(found: Inspection) -> None:
    """Refuse an input in which something is wrong, or that is empty."""
    if found.problem_count:
        more = found.problem_count - len(found.problems)
        rest = [f"and {more} more"] if more else []
        raise BatchRefusedError(*map(str, found.problems), *rest)
    if not found.rows:
        raise BatchRefusedError("The input holds no request.")


def refuse_missing_key(client: AsyncKiloClient, found: Inspection) -> None:
    """Refuse to run without a key what is not free."""
    catalog = client.known_models()
    if has_credential(client.settings) or all(catalog.is_free(model_id) for model_id in found.models):
        return
    raise BatchRefusedError(
        "There is no key. Sign in at https://app.kilo.ai, open API Keys, generate one, and set KILOCODE_API_KEY.",
        status=NO_KEY,
    )


def check_budget(command: BatchCommand, found: Inspection, say: Callable[[str], None]) -> None:
    """Refuse a budget that cannot hold, and say where it is an estimate."""
    if command.budget is None:
        return
    if found.unpriced:
        raise BatchRefusedError(
            f"The price of {', '.join(sorted(found.unpriced))} is not known, so a budget cannot hold: state one with "
            "--price IN,OUT, or run without --budget."
        )
    if found.least_bound is not None and found.least_bound > command.budget.usd:
        raise BatchRefusedError(
            f"No row fits the budget of ${command.budget.usd}: the cheapest may cost ${found.least_bound:f}. "
            "Raise --budget, or lower max_tokens."
        )
    if found.estimated_rows:
        say(f"{found.estimated_rows} rows have no max_tokens: what they may cost is an estimate, not a bound.")


def tell_of_resumption(job: BatchJob, command: BatchCommand, say: Callable[[str], None]) -> None:
    """Say what is done already, and what was mended."""
    done = job.resumption
    if job.source.blank_lines:
        say(f"{job.source.blank_lines} blank lines were skipped.")
    for path, rows in done.mended:
        say(f"{path}: {len(rows)} rows could not be read (the first: {rows[0]}); their requests are sent again.")
    if done.resumed or done.asked_again:
        failed = f", {done.failed_before} of them failed (--retry-failed asks them again)" if done.failed_before else ""
        again = f"; {done.asked_again} failed rows are asked again" if done.asked_again else ""
        say(f"{done.resumed} rows are there already{failed}{again}.")
        if command.budget is not None:
            say("The budget is for this run; what was spent before does not count.")


def tell_the_price(found: Inspection, say: Callable[[str], None]) -> None:
    """Say what the whole input may cost."""
    for model_id, rows in found.models.most_common():
        say(f"{model_id}: {rows} rows")
    if found.bound is None:
        say(f"The price of {', '.join(sorted(found.unpriced))} is not known.")
    else:
        estimate = f", an estimate for {found.estimated_rows} rows without max_tokens" if found.estimated_rows else ""
        say(f"All of it costs at most ${found.bound:f}{estimate}. Nothing was sent.")
