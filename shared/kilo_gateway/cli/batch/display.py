"""What a person sees of a batch while it runs: a live screen on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from decimal import Decimal
    from types import TracebackType
    from typing import TextIO

    from kilo_gateway.batch import BatchRun

_LINE_SECONDS: Final = 5.0
_SCREEN_SECONDS: Final = 0.25
_BAR: Final = 24


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


def render_duration(seconds: float | None) -> str:
    """Return a duration as people write it: `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - seconds of a minute
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def render_money(usd: Decimal, unknown: int) -> str:
    """Return a sum in USD; answers whose cost nobody told are named beside it."""
    known = f"${usd:.6f}".rstrip("0").rstrip(".") if usd else "$0"
    return f"{known} + {unknown} of unknown cost" if unknown else known


class Display:
    """Shows how a run stands, on stderr. A context: what it draws on a terminal is left as it stood at the end."""

    def __init__(self, counts: Counts, run: BatchRun, stream: TextIO, *, is_terminal: bool) -> None:
        self._counts = counts
        self._run = run
        self._stream = stream
        self._shown_at = float("-inf")
        self._live: Any = None
        self._is_terminal = is_terminal

    def __enter__(self) -> Self:
        if self._is_terminal:
            from rich.console import Console  # noqa: PLC0415 - where there is a terminal only
            from rich.live import Live  # noqa: PLC0415

            console = Console(file=self._stream, highlight=False, emoji=False, markup=False)
            self._live = Live(self._screen(), console=console, auto_refresh=False)
            self._live.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live is not None:
            self._live.update(self._screen(), refresh=True)
            self._live.__exit__(kind, error, tb)

    def update(self) -> None:
        """Show the run as it stands, unless that was done a moment ago."""
        now = monotonic()
        if now - self._shown_at < (_SCREEN_SECONDS if self._live is not None else _LINE_SECONDS):
            return
        self._shown_at = now
        if self._live is not None:
            self._live.update(self._screen(), refresh=True)
        else:
            self._stream.write(f"{self.line()}\n")
            self._stream.flush()

    def line(self) -> str:
        """Return the state as one line."""
        return ", ".join([*self._rows(), *self._flow(), *self._money()])

    def _screen(self) -> str:
        counts = self._counts
        share = 1.0 if not counts.rows else (counts.done + counts.failed) / counts.rows
        full = round(share * _BAR)
        bar = "#" * full + "-" * (_BAR - full)
        lines = [
            f"[{bar}] {share:.0%} of {counts.rows}",
            ", ".join(self._rows()),
            ", ".join(self._flow()),
            ", ".join(self._money()),
        ]
        return "\n".join(lines)

    def _rows(self) -> list[str]:
        counts = self._counts
        rows = [f"{counts.done} done", f"{counts.failed} failed", f"{counts.left} left"]
        return [*rows, f"{counts.resumed} of them before"] if counts.resumed else rows

    def _flow(self) -> list[str]:
        pause = self._run.pause_seconds
        flow = [f"{self._run.under_way} in flight (limit {self._run.limit})"]
        return [*flow, f"the gateway asks for a pause of {render_duration(pause)}"] if pause else flow

    def _money(self) -> list[str]:
        totals = self._run.totals
        elapsed = max(monotonic() - self._counts.begun_at, 0.001)
        tokens = (totals.input_tokens + totals.output_tokens) / elapsed
        return [
            f"{tokens:.0f} tokens/s",
            render_money(totals.cost, totals.unknown_costs),
            f"time left {render_duration(self._counts.seconds_left())}",
        ]
