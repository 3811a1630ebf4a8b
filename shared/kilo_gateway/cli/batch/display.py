"""How a batch stands: a picture on a terminal, a line every few seconds elsewhere. Counts rows; asks nobody."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Final, Self

from kilo_gateway.cli.rewording import reword

if TYPE_CHECKING:
    from types import TracebackType

    from kilo_gateway.batch import BatchRun
    from kilo_gateway.cli.batch.screen import BatchScreen

_LINE_SECONDS: Final = 5.0
_PICTURE_SECONDS: Final = 0.25
_BAR: Final = 30
_CENT_DIGITS: Final = Decimal("0.0001")


@dataclass(slots=True)
class Counts:
    """Rows of a batch; `done + failed + left` is `rows` at every moment."""

    rows: int
    resumed: int = 0
    failed_before: int = 0
    """Of the resumed ones."""
    done_now: int = 0
    failed_now: int = 0
    begun_at: float = field(default_factory=monotonic)

    @property
    def done(self) -> int:
        """Answered rows, resumed ones among them."""
        return self.resumed - self.failed_before + self.done_now

    @property
    def failed(self) -> int:
        """Failed rows, resumed ones among them."""
        return self.failed_before + self.failed_now

    @property
    def left(self) -> int:
        """Rows without a result."""
        return self.rows - self.done - self.failed

    def seconds_left(self) -> float | None:
        """Return how long the rest takes at this run's own rate; None before it is known."""
        finished = self.done_now + self.failed_now
        return self.left * (monotonic() - self.begun_at) / finished if finished else None


def render_duration(seconds: float) -> str:
    """Return a duration as people write it: `12 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def render_money(usd: Decimal, unknown: int = 0) -> str:
    """Return a sum in USD to the last digit; answers whose cost nobody told are named beside it."""
    digits = f"{usd:f}"
    known = f"${digits.rstrip('0').rstrip('.') if '.' in digits else digits}"
    return f"{known} + {unknown:,} answers of unknown cost" if unknown else known


class Display:
    """Shows how a run stands. A context: what it draws on a terminal is left as it stood at the end."""

    def __init__(self, counts: Counts, run: BatchRun, screen: BatchScreen) -> None:
        self._counts = counts
        self._run = run
        self._screen = screen
        self._shown_at = float("-inf")
        self._stack = ExitStack()
        self._is_over = False
        self._said: str | None = None

    def __enter__(self) -> Self:
        if self._screen.is_terminal:
            self._stack.enter_context(self._screen.picture(self.picture))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._is_over = True
        self._stack.close()

    def update(self) -> None:
        """Show the run as it stands, unless that was done a moment ago."""
        now = monotonic()
        if now - self._shown_at < (_PICTURE_SECONDS if self._screen.is_terminal else _LINE_SECONDS):
            return
        self._shown_at = now
        self._tell_refusal()
        if self._screen.is_terminal:
            self._screen.draw(self.picture())
        else:
            self._screen.say(self.line())

    def _tell_refusal(self) -> None:
        """Say why the gateway takes no request, once for each reason."""
        refusal = self._run.refusal
        said = None if refusal is None else reword(refusal.message)
        if said is not None and said != self._said:
            self._screen.say(said)
        self._said = said

    def line(self) -> str:
        """Return the state as one line."""
        return ", ".join([*self._rows(), *self._flow(), *self._pace()])

    def picture(self) -> str:
        """Return the state as a few lines, each of which fits a narrow terminal."""
        counts = self._counts
        share = (counts.done + counts.failed) / counts.rows if counts.rows else 1.0
        full = int(share * _BAR)
        bar = f"[{'#' * full}{'-' * (_BAR - full)}] {int(share * 100)} % of {counts.rows:,}"
        return "\n".join([bar, *(", ".join(part) for part in (self._rows(), self._flow(), self._pace()))])

    def _rows(self) -> list[str]:
        counts = self._counts
        before = f" ({counts.resumed:,} before)" if counts.resumed else ""
        return [f"{counts.done:,} done{before}", f"{counts.failed:,} failed", f"{counts.left:,} left"]

    def _flow(self) -> list[str]:
        under_way, pause = self._run.under_way, self._run.pause_seconds
        waiting = max(0, self._counts.left - under_way)
        flow = [f"{under_way:,} in flight", f"{waiting:,} waiting", f"limit {self._run.limit}"]
        return [*flow, f"pause of {render_duration(pause)}"] if pause else flow

    def _pace(self) -> list[str]:
        totals, seconds_left = self._run.totals, self._counts.seconds_left()
        elapsed = max(monotonic() - self._counts.begun_at, 0.001)
        tokens = (totals.input_tokens + totals.output_tokens) / elapsed
        cost = totals.cost.quantize(_CENT_DIGITS) if totals.cost >= 1 else totals.cost
        pace = [f"{tokens:,.0f} tokens/s", render_money(cost, totals.unknown_costs)]
        if not self._counts.left or self._is_over:
            return [*pace, f"{render_duration(elapsed)} in all"]
        if self._run.stopped is not None:
            return [*pace, "stopping"]
        return pace if seconds_left is None else [*pace, f"{render_duration(seconds_left)} to go"]
