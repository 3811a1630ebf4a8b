"""The curves as a picture: cost of a call and of a chunk against how many are under way, ours and the peers'."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.report import Curves

_COLORS = {
    "ChatKilo": "#1f6feb",
    "langchain-openai": "#9a9a9a",
    "KiloLLM": "#1a7f37",
    "llama-index-llms-openrouter": "#d29922",
}


def draw(curves: Curves, path: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(10, 4.2), constrained_layout=True)
    titles = {"call": "one call, 50 ms latency", "chunk": "one streamed chunk"}
    for panel, (what, title) in zip(panels, titles.items(), strict=True):
        for (kind, name), figures in curves.items():
            if kind == what:
                counts = sorted(figures)
                panel.plot(counts, [figures[c] for c in counts], marker="o", label=name, color=_COLORS.get(name))
        panel.set(xscale="log", yscale="log", xlabel="at once", ylabel="client CPU, microseconds", title=title)
        panel.set_xticks(counts, [str(count) for count in counts])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[1].legend(frameon=False, loc="center left")  # between the peers and us
    figure.savefig(path, dpi=130)
