"""The command from what was typed to its report."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kilo_gateway.async_client import AsyncKiloClient
from kilo_gateway.batch.asking import ask_with, chosen_model, client_without_retries, prices_of
from kilo_gateway.batch.runner import BatchRun
from kilo_gateway.cli.batch import checks
from kilo_gateway.cli.batch.command import input_path, job_of
from kilo_gateway.cli.batch.display import Counts, Display
from kilo_gateway.cli.batch.open_files import allow_connections
from kilo_gateway.cli.batch.report import Report
from kilo_gateway.cli.batch.signals import StopSignals
from kilo_gateway.cli.chat.schema import fit_answer
from kilo_gateway.cli.rewording import reword
from kilo_gateway.cli.statuses import FAILED, NOT_AS_ASKED
from kilo_gateway.errors import BatchStoppedError, KiloError, MalformedAnswerError
from kilo_gateway.gate import gate_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.batch.attempts import Ask
    from kilo_gateway.batch.inspection import Inspection
    from kilo_gateway.batch.job import BatchJob
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.results import Result
    from kilo_gateway.cli.batch.command import BatchCommand
    from kilo_gateway.cli.batch.screen import BatchScreen

_TICK_SECONDS = 0.25


def run_batch_command(command: BatchCommand, screen: BatchScreen) -> Report:
    """Return how the batch ended.

    Raises:
        CommandError: nothing was sent.
        KiloError: a setting that cannot work; nothing was sent.
    """
    with ExitStack() as stack:
        client = client_without_retries(AsyncKiloClient(base_url=command.base_url))
        job = stack.enter_context(job_of(command, input_path(command, stack), chosen_model(client.settings)))
        found = _check(command, job, client, screen)
        counts = Counts(found.rows, job.resumption.resumed, job.resumption.failed_before)
        if command.dry_run:
            checks.tell_the_price(found, screen.say)
            return Report(0, counts, is_dry=True, bound=found.bound)
        job.prepare_output()
        return asyncio.run(_run(command, job, client, counts, screen))


def _check(command: BatchCommand, job: BatchJob, client: AsyncKiloClient, screen: BatchScreen) -> Inspection:
    """Return what is found in the input, if it can be run; sends nothing that could cost, writes nothing."""
    asks_costs = command.budget is not None or command.dry_run
    needs_prices = command.price is None and asks_costs
    catalog = asyncio.run(client.discover()) if needs_prices else client.known_models()
    found = job.check(checks.price_of(command, catalog) if asks_costs else None)
    checks.refuse_problems(command.source_name, found, screen.say)
    job.refuse_changes()
    if not command.dry_run:
        checks.refuse_missing_key(client, found)
    if needs_prices and not catalog.is_live:
        screen.say("The gateway's model list is out of reach: the prices are those that came with this package.")
    checks.check_budget(command, found, screen.say)
    checks.tell_of_resumption(job, command, screen.say)
    return found


async def _run(
    command: BatchCommand, job: BatchJob, client: AsyncKiloClient, counts: Counts, screen: BatchScreen
) -> Report:
    report = Report(0, counts)
    numbers = command.numbers
    if (most := allow_connections(numbers.concurrency)) < numbers.concurrency:
        screen.say(f"This system allows {most} connections at once (ulimit -n); no more are used.")
        numbers = replace(numbers, concurrency=most)
    with ExitStack() as stack:

        def start(requests: Iterator[PreparedRequest]) -> BatchRun:
            ask = _in_own_words(ask_with(client, command.budget))
            run = report.run = BatchRun(
                requests,
                ask if command.schema is None else _and_check(ask, command.schema),
                gate=gate_of(client.settings),
                options=numbers,
                budget=command.budget,
                price_of=prices_of(client, command.price),
            )
            report.signals = stack.enter_context(StopSignals(run, screen.say))
            display = stack.enter_context(Display(counts, run, screen))
            stack.callback(asyncio.create_task(_keep_showing(display)).cancel)
            return run

        try:
            async for result in job.run(start):
                counts.done_now += result.is_done
                counts.failed_now += not result.is_done
        except BatchStoppedError as stop:
            report.stopped_by(stop)
        except OSError as failure:
            report.reason = f"The output could not be written: {failure.strerror}. Nothing more was sent."
            report.status = FAILED
    if not report.status and counts.failed:
        report.status = NOT_AS_ASKED
    return report


def _and_check(ask: Ask, schema: dict[str, Any]) -> Ask:
    """Return what asks, and takes an answer that does not fit the schema for a failure."""

    async def ask_and_check(request: PreparedRequest, seconds: float) -> Result:
        result = await ask(request, seconds)
        try:
            fit_answer(getattr(result.answer, "text", ""), schema)
        except ValueError as misfit:
            return replace(
                result, error=MalformedAnswerError(f"The answer {misfit}. Ask for less, or choose another model.")
            )
        return result

    return ask_and_check


def _in_own_words(ask: Ask) -> Ask:
    """Return what asks, and words an error, which goes into the output, for people who type commands."""

    async def ask_and_reword(request: PreparedRequest, seconds: float) -> Result:
        try:
            return await ask(request, seconds)
        except KiloError as error:
            error.message = reword(error.message)
            raise

    return ask_and_reword


async def _keep_showing(display: Display) -> None:
    while True:
        display.update()
        await asyncio.sleep(_TICK_SECONDS)
