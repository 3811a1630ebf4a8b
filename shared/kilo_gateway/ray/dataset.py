"""`build_processor`: a run over a dataset, in the few words that Ray Data's own processors take."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final, Unpack

import ray

from kilo_gateway.batch.options import check_count
from kilo_gateway.costs.bounds import reasons_to_estimate
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.ray.coordinator import start_coordinator
from kilo_gateway.ray.credentials import ClientSettings, of_settings, take_settings
from kilo_gateway.ray.plan import Prompt, RunArguments, RunPlan, make_plan
from kilo_gateway.ray.processor import PlannedProcessor, Run
from kilo_gateway.settings.settings import resolve_settings

if TYPE_CHECKING:
    from ray.data import Dataset

    from kilo_gateway.ray.messages import RunTotals
    from kilo_gateway.settings.settings import Settings

DEFAULT_BATCH_ROWS: Final = 256
_BLOCKS_AT_ONCE: Final = 2
"""Blocks that a worker works on: a slow row in one does not hold back the next."""
_BLOCKS_IN_HAND: Final = 3
"""Blocks that a worker is given: few, or the first worker that is ready takes all of a small dataset."""
_TASK_RETRIES: Final = 5
"""How often Ray may give a block to a worker again whose process died: Ray's own default never ends."""
_logger = logging.getLogger("kilo_gateway.ray")


class BuildArguments(RunArguments, ClientSettings, total=False):
    """What `build_processor` takes beside the prompt."""

    workers: int | tuple[int, int]
    """How many worker processes, or the least and the most; 2 unless given."""
    batch_size: int
    """Rows that Ray hands to a worker at once; 256 unless given."""
    num_cpus: float
    """What Ray sets aside for a worker; 1 unless given. Workers mostly wait."""
    api_key: str | None


class Processor:
    """Call it with a dataset; it returns the dataset with the answers, which is run when Ray runs it."""

    def __init__(
        self,
        plan: RunPlan,
        settings: Settings,
        *,
        workers: tuple[int, int],
        batch_size: int,
        num_cpus: float,
    ) -> None:
        self._plan = plan
        self._settings = settings
        self._workers = workers
        self._batch_size = batch_size
        self._num_cpus = num_cpus
        self._coordinator: Any = None

    def __call__(self, dataset: Dataset) -> Dataset:
        """Return the dataset with the new columns `answer`, `finish_reason`, `error`, `cost` and the tokens.

        Raises:
            InvalidSettingError: a column that is missing, or there already.
        """
        columns = dataset.columns(fetch_if_missing=False)  # running a part of it to know may cost; workers look, too
        if columns is not None:
            self._plan.check_columns(list(columns))
        if self._coordinator is None:
            self._coordinator = start_coordinator(self._plan.limits, self._plan.journal)
        run = Run(self._plan, of_settings(self._settings), self._coordinator)
        return dataset.map_batches(
            PlannedProcessor,
            fn_constructor_kwargs={"run": run},
            batch_format="pyarrow",
            batch_size=self._batch_size,
            compute=ray.data.ActorPoolStrategy(
                min_size=self._workers[0], max_size=self._workers[1], max_tasks_in_flight_per_actor=_BLOCKS_IN_HAND
            ),
            num_cpus=self._num_cpus,
            max_concurrency=_BLOCKS_AT_ONCE,
            max_task_retries=_TASK_RETRIES,
        )

    def totals(self) -> RunTotals:
        """Return the sums of the run so far: rows, tokens, costs, workers that were lost."""
        if self._coordinator is None:
            raise InvalidSettingError("There are no sums yet: call the processor with a dataset, and run that.")
        totals: RunTotals = ray.get(self._coordinator.totals.remote())
        return totals


def build_processor(prompt: Prompt, **arguments: Unpack[BuildArguments]) -> Processor:
    """Return what puts the answers to a prompt beside the rows of a dataset.

    `prompt` is a template such as `Label this: {text}`, or a function of a row that returns a text, a list of messages
    or a whole body. Settings such as `api_key` come from here or from this program's environment, and reach the workers
    without being shown.

    Raises:
        InvalidSettingError: an argument that cannot work.
        InvalidModelError: a model ref that cannot be read.
    """
    given: dict[str, Any] = dict(arguments)
    workers = _check_workers(given.pop("workers", 2))
    batch_size = check_count("batch_size", given.pop("batch_size", DEFAULT_BATCH_ROWS))
    num_cpus = given.pop("num_cpus", 1)
    settings = resolve_settings(take_settings(given), os.environ)
    plan = make_plan(prompt, given)
    _warn_of_estimate(plan)
    return Processor(plan, settings, workers=workers, batch_size=batch_size, num_cpus=num_cpus)


def _check_workers(workers: Any) -> tuple[int, int]:
    """Return the least and the most workers."""
    if isinstance(workers, tuple) and len(workers) == 2:  # noqa: PLR2004 - a pair
        least, most = (check_count("workers", number) for number in workers)
        if least <= most:
            return least, most
        raise InvalidSettingError(f"workers={workers!r} is not usable: the least comes first, then the most.")
    return (check_count("workers", workers),) * 2


def _warn_of_estimate(plan: RunPlan) -> None:
    """Say before the start that a budget cannot be kept to the cent."""
    if plan.limits.budget is None or not isinstance(plan.prompt, str):
        return
    reasons = reasons_to_estimate(plan.options)
    if reasons:
        _logger.warning("What the run may cost is an estimate, since there are rows with %s.", ", ".join(reasons))
