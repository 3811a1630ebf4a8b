"""The command from what was typed to its report."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, TextIO

from kilo_gateway.async_client import AsyncKiloClient
from kilo_gateway.batch.asking import ask_with, client_without_retries, prices_of
from kilo_gateway.batch.runner import BatchRun
from kilo_gateway.cli.batch import checks
from kilo_gateway.cli.batch.command import input_path, job_of
from kilo_gateway.cli.batch.display import Counts, Display
from kilo_gateway.cli.batch.report import DISK_FAILED, ROWS_FAILED, STATUS_OF_REASON, Report
from kilo_gateway.cli.batch.signals import StopSignals
from kilo_gateway.errors import BatchStoppedError
from kilo_gateway.gate import gate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kilo_gateway.batch.job import BatchJob
    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.cli.batch.command import BatchCommand

_TICK_SECONDS = 0.25


class Screen:
    """Where the command shows what it does: stderr, as a terminal or not."""

    def __init__(self, stream: TextIO, *, is_terminal: bool) -> None:
        self.stream = stream
        self.is_terminal = is_terminal

    def say(self, line: str) -> None:
        """Show one line."""
        self.stream.write(f"{line}\n")
        self.stream.flush()


def run_batch_command(command: BatchCommand, screen: Screen) -> Report:
    """Return how the batch ended.

    Raises:
        BatchRefusedError: nothing was sent.
        KiloError: a setting that cannot work; nothing was sent.
    """
    with ExitStack() as stack:
        job = stack.enter_context(job_of(command, input_path(command, stack)))
        client = client_without_retries(AsyncKiloClient(base_url=command.base_url))
        needs_prices = command.budget is not None or command.dry_run
        catalog = asyncio.run(client.discover()) if needs_prices else client.known_models()
        found = job.check(checks.price_of(command, catalog))
        checks.refuse_problems(found)
        checks.refuse_missing_key(client, found)
        if needs_prices and command.price is None and not catalog.is_live:
            screen.say("The gateway's model list is out of reach: the prices are those that came with this package.")
        checks.check_budget(command, found, screen.say)
        job.prepare_output()
        checks.tell_of_resumption(job, command, screen.say)
        counts = Counts(found.rows, job.resumption.resumed, job.resumption.failed_before)
        if command.dry_run:
            checks.tell_the_price(found, screen.say)
            return Report(0, counts)
        return asyncio.run(_run(command, job, client, counts, screen))


async def _run(command: BatchCommand, job: BatchJob, client: AsyncKiloClient, counts: Counts, screen: Screen) -> Report:
    report = Report(0, counts)

    def start(requests: Iterator[PreparedRequest]) -> BatchRun:
        report.run = BatchRun(
            requests,
            ask_with(client, row_timeout_seconds=command.numbers.row_timeout_seconds),
            gate=gate_of(client.settings),
            options=command.numbers,
            budget=command.budget,
            price_of=prices_of(client, command.price),
        )
        return report.run

    with StopSignals(lambda: report.run, screen.say) as signals:
        try:
            await _consume(job, start, counts, screen)
        except BatchStoppedError as stop:
            report.reason = stop.message
            report.status = signals.status or STATUS_OF_REASON[stop.reason]
        except OSError as failure:
            report.reason = f"The output could not be written: {failure.strerror}. Nothing more was sent."
            report.status = DISK_FAILED
    if not report.status and counts.failed:
        report.status = ROWS_FAILED
    return report


async def _consume(
    job: BatchJob, start: Callable[[Iterator[PreparedRequest]], BatchRun], counts: Counts, screen: Screen
) -> None:
    with ExitStack() as stack:

        def begin(requests: Iterator[PreparedRequest]) -> BatchRun:
            run = start(requests)
            display = stack.enter_context(Display(counts, run, screen.stream, is_terminal=screen.is_terminal))
            stack.callback(asyncio.create_task(_keep_showing(display)).cancel)
            return run

        async for result in job.run(begin):
            counts.done_now += result.is_done
            counts.failed_now += not result.is_done


async def _keep_showing(display: Display) -> None:
    while True:
        display.update()
        await asyncio.sleep(_TICK_SECONDS)
