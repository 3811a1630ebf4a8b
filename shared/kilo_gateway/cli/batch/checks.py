"""What is checked, and said, before a batch sends anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kilo_gateway.cli.rewording import reword
from kilo_gateway.cli.statuses import KEY, CommandError, wrong_usage
from kilo_gateway.costs.prices import listed_price
from kilo_gateway.settings.auth import has_credential

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from kilo_gateway.async_client import AsyncKiloClient
    from kilo_gateway.batch.inspection import Inspection
    from kilo_gateway.batch.job import BatchJob
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.cli.batch.command import BatchCommand

_SIGN_IN: Final = "Sign in at https://app.kilo.ai, open API Keys, generate one, and set KILOCODE_API_KEY."


def price_of(command: BatchCommand, catalog: Catalog) -> Callable[[str], Pricing | None]:
    """Return what tells the prices of a model: those that were stated, else the catalog's."""
    return lambda model_id: listed_price(catalog, model_id) if command.price is None else command.price


def refuse_problems(name: str, found: Inspection, say: Callable[[str], None]) -> None:
    """Refuse an input in which something is wrong, or that is empty."""
    if found.problem_count == 1:
        raise wrong_usage(f"{name}, {reword(str(found.problems[0]))} Mend it; nothing was sent.")
    if found.problem_count:
        rest = found.problem_count - len(found.problems)
        for problem in found.problems:
            say(f"{name}, {reword(str(problem))}")
        if rest:
            say(f"... and {rest} more")
        raise wrong_usage(f"{found.problem_count} lines of {name} cannot be used. Mend them; nothing was sent.")
    if not found.rows:
        raise wrong_usage(f"{name} holds no request. Put one into each line.")


def refuse_missing_key(client: AsyncKiloClient, found: Inspection) -> None:
    """Refuse to run without a key what is not free."""
    catalog = client.known_models()
    if has_credential(client.settings) or all(catalog.is_free(model_id) for model_id in found.models):
        return
    raise CommandError(f"There is no key. {_SIGN_IN}", KEY)


def check_budget(command: BatchCommand, found: Inspection, say: Callable[[str], None]) -> None:
    """Refuse a budget that cannot hold, and say where it is an estimate."""
    if command.budget is None:
        return
    if found.unpriced:
        raise wrong_usage(
            f"The price of {', '.join(sorted(found.unpriced))} is not known, so a budget cannot hold. State one with "
            "--price IN,OUT, or run without --budget."
        )
    if found.least_bound is not None and found.least_bound > command.budget.usd:
        raise wrong_usage(
            f"No row fits the budget of ${command.budget.usd:f}: the cheapest may cost ${found.least_bound:f}. "
            "Raise --budget, or lower max_tokens."
        )
    if found.estimates:
        say(f"What the rows may cost is an estimate, not a bound, for {render_estimates(found.estimates)}.")


def render_estimates(estimates: Counter[str]) -> str:
    """Return why, and for how many rows, a bound is an estimate: `3 rows with no max_tokens`."""
    parts = [f"{_rows(count)} with {reason}" for reason, count in estimates.most_common()]
    return ", ".join(parts)


def tell_of_resumption(job: BatchJob, command: BatchCommand, say: Callable[[str], None]) -> None:
    """Say what is done already, what was mended, and what may be paid twice."""
    done = job.resumption
    if job.source.blank_lines:
        say(f"{_count(job.source.blank_lines, 'blank line')} skipped.")
    for path, rows in done.mended:
        say(f"{path}: {_rows(len(rows))} could not be read (the first: {rows[0]}); asked again.")
    if not job.resume:
        return
    if done.lost_at_most:
        say(
            f"The last run was killed: at most {done.lost_at_most} requests, those under way then, are sent again and "
            "may be paid twice."
        )
    failed = f", {done.failed_before} of them failed (--retry-failed asks them again)" if done.failed_before else ""
    again = f"; {_rows(done.asked_again)} that failed are asked again" if done.asked_again else ""
    say(f"{_rows(done.resumed)} are there already{failed}{again}.")
    if done.strangers:
        say(f"{job.output} holds {_rows(done.strangers)} of requests that are not in the input; they stay.")
    if done.changed_count:
        say(f"{_rows(done.changed_count)} answer other requests than those of the input; they stay.")
    if command.budget is not None:
        say("The budget is for this run; what was spent before does not count.")


def tell_the_price(found: Inspection, say: Callable[[str], None]) -> None:
    """Say what the rows that would be sent may cost."""
    for model_id, rows in found.models.most_common():
        say(f"{model_id}: {_rows(rows)}")
    if found.bound is None:
        say(f"The price of {', '.join(sorted(found.unpriced))} is not known. Nothing was sent.")
    else:
        estimate = f", an estimate for {render_estimates(found.estimates)}" if found.estimates else ""
        say(f"{_rows(found.open_rows)} cost at most ${found.bound:f}{estimate}. Nothing was sent.")


def _rows(count: int) -> str:
    return _count(count, "row")


def _count(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"
