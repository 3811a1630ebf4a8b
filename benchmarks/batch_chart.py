"""The figures of batches as a picture: CPU a row, memory by rows, and the rate through a storm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.storm import BIN_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.batch_report import Figures
    from benchmarks.storm import Storm

_COLORS = {
    "kilo-gateway batch": "#1f6feb",
    "run_batch": "#58a6ff",
    "our client": "#1a7f37",
    "openai SDK loop": "#9a9a9a",
    "langchain-openai abatch": "#d29922",
    "curator": "#8250df",
}
_STORM_SECONDS_SHOWN = 16


def draw(figures: Figures, storms: dict[str, Storm], path: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(15, 4.4), constrained_layout=True)
    _draw_cpu(panels[0], figures)
    _draw_memory(panels[1], figures)
    _draw_storm(panels[2], storms)
    figure.savefig(path, dpi=120)


def _draw_cpu(panel: Any, figures: Figures) -> None:
    bars = [(name, at_once, found["cpu_us"]) for (name, at_once, rows), found in figures.items() if rows == 2_000]
    labels = [f"{name}, {at_once} at once" for name, at_once, _ in bars]
    panel.barh(labels, [cpu for *_, cpu in bars], color=[_COLORS[name] for name, *_ in bars])
    panel.invert_yaxis()
    panel.set(title="2,000 rows, 50 ms latency", xlabel="client CPU a row, microseconds")
    panel.grid(axis="x", alpha=0.3)


def _draw_memory(panel: Any, figures: Figures) -> None:
    for name in ("kilo-gateway batch", "run_batch", "openai SDK loop", "langchain-openai abatch"):
        points = sorted((rows, found["memory_mb"]) for (who, _, rows), found in figures.items() if who == name)
        if points:
            panel.plot(*zip(*points, strict=True), marker="o", label=name, color=_COLORS[name])
    panel.set(xscale="log", title="memory above the start", xlabel="rows", ylabel="MB")
    ticks = sorted({rows for _, _, rows in figures})
    panel.set_xticks(ticks, labels=[f"{rows:,}" for rows in ticks])
    panel.minorticks_off()
    panel.grid(alpha=0.3)
    panel.legend(frameon=False)


def _draw_storm(panel: Any, storms: dict[str, Storm]) -> None:
    shown = int(_STORM_SECONDS_SHOWN / BIN_SECONDS)
    for name, storm in storms.items():
        begin = next(number for number, rate in enumerate(storm.rates) if rate > 200)
        rates = storm.rates[begin : begin + shown]
        label = f"{name}: {storm.refused} refused, {storm.lost} lost"
        panel.plot([number * BIN_SECONDS for number in range(len(rates))], rates, label=label, color=_COLORS[name])
    panel.set(title="a storm of 429s, Retry-After: 2, for 5 s", xlabel="seconds", ylabel="requests a second")
    panel.set_ylim(top=1.3 * max(map(max, (storm.rates for storm in storms.values()))))  # room for the legend
    panel.grid(alpha=0.3)
    panel.legend(frameon=False, fontsize=8, loc="upper right")
