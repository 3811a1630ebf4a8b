"""What a run is told once: how rows become requests, where answers are kept, and the limits that all workers share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict

from kilo_gateway.batch.options import DEFAULT_CONCURRENCY, DEFAULT_NO_PROGRESS_SECONDS, RunOptions, check_count
from kilo_gateway.batch.requests import CHAT_URL, EMBEDDINGS_URL
from kilo_gateway.batch.template import Template
from kilo_gateway.costs.budget import Budget
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.refs import parse_model_id

if TYPE_CHECKING:
    from decimal import Decimal

    from kilo_gateway.catalog.prices import Pricing

Prompt = str | Callable[[dict[str, Any]], Any]
"""A template such as `Label this: {text}`, or what makes a prompt, a list of messages or a whole body of a row."""

ANSWER_COLUMNS: Final = ("answer", "finish_reason", "error", "cost", "input_tokens", "output_tokens")
_URL: Final = re.compile(r"^[a-z][a-z0-9+.-]+://", re.IGNORECASE)


class RunArguments(TypedDict, total=False):
    """What `build_processor` and `KiloProcessor` take beside the prompt and the settings of a client."""

    journal: str | Path
    """A folder for the answers, on a file system that every node of the cluster has at the same path."""
    model: str | None
    """Taken where a row's body names none; without it `KILOCODE_MODEL` counts."""
    endpoint: str
    """`chat`, or `embeddings`: the prompt is then the text, and the answer its vector."""
    system: str | None
    """The system prompt of every row."""
    options: Mapping[str, Any] | None
    """Put into each request, such as `{"max_tokens": 50, "temperature": 0}`."""
    id_column: str | None
    """The column whose value names a row, in the journal too. None: a row is known by all of its columns."""
    prefix: str
    """Put before the names of the new columns."""
    requests_at_once: int
    """The most requests under way, on all workers together; 100 unless given."""
    budget: Decimal | float | str | None
    """USD that this run may spend, on all workers together; None: no limit."""
    price: Pricing | None
    """Prices for all models, in place of those of the model list."""
    max_error_share: float | None
    """The run ends when more than this share of its rows have failed, counted as if there were at least a hundred;
    None, the default: never."""
    retry_failed: bool
    """Whether rows that failed in an earlier run are asked again."""
    tries: int
    """How often a request is sent at the most, 3 unless given, not counting when the gateway was too busy."""
    row_timeout_seconds: float
    """How long a request may take with all its tries, 600 unless given; waiting for a busy gateway does not count."""
    no_progress_seconds: float
    """After so long without any answer the run ends, 600 unless given."""
    grace_seconds: float
    """How long what is under way may go on when the run ends early, 5 unless given."""


@dataclass(frozen=True, slots=True)
class SharedLimits:
    """What holds for all workers together."""

    requests_at_once: int = DEFAULT_CONCURRENCY
    budget: Decimal | None = None
    max_error_share: float | None = None
    no_progress_seconds: float = DEFAULT_NO_PROGRESS_SECONDS


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run, checked."""

    prompt: Prompt
    journal: Path
    model: str | None = None
    url: str = CHAT_URL
    system: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    id_column: str | None = None
    prefix: str = ""
    price: Pricing | None = None
    retry_failed: bool = False
    limits: SharedLimits = field(default_factory=SharedLimits)
    run: RunOptions = field(default_factory=RunOptions)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the new columns."""
        return tuple(self.prefix + name for name in ANSWER_COLUMNS)

    def check_columns(self, there: list[str]) -> None:
        """Refuse rows that lack a column which is named, or have one that would be new.

        Raises:
            InvalidSettingError: names the columns, and what to do.
        """
        if isinstance(self.prompt, str):
            Template(self.prompt).check(there)
        if self.id_column is not None and self.id_column not in there:
            raise InvalidSettingError(
                f"id_column is {self.id_column!r}, and there is no such column; there are {', '.join(there) or 'none'}."
            )
        clash = [name for name in self.columns if name in there]
        if clash:
            raise InvalidSettingError(
                f"The dataset has {', '.join(map(repr, clash))} already, and its columns stay as they are: give "
                'prefix="kilo_" to have the new columns called otherwise, or rename those.'
            )


def make_plan(prompt: Prompt, arguments: Mapping[str, Any]) -> RunPlan:
    """Return the plan of a run.

    Raises:
        InvalidSettingError: an argument that cannot work.
        InvalidModelError: a model ref that cannot be read.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    _check_names(given)
    _check_prompt(prompt)
    if (model := given.get("model")) is not None:
        parse_model_id(model)
    numbers = {
        name: given[name]
        for name in ("tries", "row_timeout_seconds", "no_progress_seconds", "grace_seconds")
        if name in given
    }
    run = RunOptions(**numbers)
    return RunPlan(
        prompt,
        _journal(given.get("journal")),
        model=given.get("model"),
        url=_url(given.get("endpoint", "chat")),
        system=given.get("system"),
        options=dict(given.get("options", {})),
        id_column=given.get("id_column"),
        prefix=given.get("prefix", ""),
        price=given.get("price"),
        retry_failed=given.get("retry_failed", False),
        limits=SharedLimits(
            check_count("requests_at_once", given.get("requests_at_once", DEFAULT_CONCURRENCY)),
            None if "budget" not in given else Budget(given["budget"]).usd,
            _share(given.get("max_error_share")),
            run.no_progress_seconds,
        ),
        run=run,
    )


def _check_names(given: Mapping[str, Any]) -> None:
    unknown = sorted(set(given) - set(RunArguments.__annotations__))
    if unknown:
        hint = " Say `workers` for how many workers there are, `requests_at_once` for how many requests."
        raise InvalidSettingError(
            f"There is no argument {unknown[0]!r}.{hint if unknown[0] in ('concurrency', 'max_concurrency') else ''}"
        )


def _check_prompt(prompt: object) -> None:
    if not isinstance(prompt, str):
        if not callable(prompt):
            raise InvalidSettingError(f"The prompt is a template or a function of a row, not {type(prompt).__name__}.")
    elif not Template(prompt).columns:
        raise InvalidSettingError(
            "The prompt names no column, so every row would ask the same: name one, as in 'Label this: {text}'."
        )


def _journal(path: object) -> Path:
    if path is None:
        raise InvalidSettingError(
            "Say where answers are kept, so that none is paid twice: journal='/shared/runs/reviews', a folder that "
            "every node of the cluster has at the same path."
        )
    if _URL.match(str(path)):
        raise InvalidSettingError(
            f"journal={str(path)!r} is no folder: it must be on a file system that every node has mounted, since each "
            "answer is appended as it comes, which object stores cannot do."
        )
    return Path(str(path)).expanduser().absolute()


def _url(endpoint: object) -> str:
    found = {"chat": CHAT_URL, "embeddings": EMBEDDINGS_URL}.get(str(endpoint))
    if found is None:
        raise InvalidSettingError(f"endpoint={endpoint!r} is not known; it must be 'chat' or 'embeddings'.")
    return found


def _share(share: object) -> float | None:
    if share is None:
        return None
    is_number = isinstance(share, (int, float)) and not isinstance(share, bool) and math.isfinite(share)
    if not is_number or not 0 <= share <= 1:  # type: ignore[operator] # a number
        raise InvalidSettingError(f"max_error_share={share!r} is not usable: it must be a number from 0 to 1.")
    return float(share)  # type: ignore[arg-type] # a number
