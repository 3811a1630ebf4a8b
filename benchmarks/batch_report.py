"""The figures of batches as a table for people, with the ratios that count."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

Figures = dict[tuple[str, int, int], dict[str, float]]
"""(contender, at once, rows) -> medians of `cpu_us` a row, `seconds`, `memory_mb` above the start."""

_PACKAGES = ("kilo-gateway", "openai", "langchain-openai", "langchain-core", "httpx")


def render_batches(figures: Figures, first_seconds: dict[int, float]) -> str:
    """Return the table in Markdown."""
    peer = _first_cpu(figures, "openai SDK loop", 200)
    ours_at_8 = _first_cpu(figures, "our client", 8)
    lines = [
        "| client | at once | rows | CPU a row, us | of the SDK loop | of our client at 8 | rows/s | memory, MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (name, at_once, rows), found in figures.items():
        cpu = found["cpu_us"]
        cells = [name, at_once, f"{rows:,}", f"{cpu:.0f}", f"{cpu / peer:.2f}", f"{cpu / ours_at_8:.2f}"]
        cells += [f"{rows / found['seconds']:.0f}", f"+{found['memory_mb']:.1f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    first = ", ".join(f"{seconds:.2f} s with {rows:,} rows" for rows, seconds in first_seconds.items())
    return "\n".join(
        [*lines, "", f"First result on disk after the start of the executable: {first}.", _circumstances()]
    )


def _first_cpu(figures: Figures, name: str, at_once: int) -> float:
    """Return the CPU of a row of the contender's first run with so many at once, which has the fewest rows."""
    return next(found["cpu_us"] for (who, many, _), found in figures.items() if (who, many) == (name, at_once))


def _circumstances() -> str:
    versions = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    return f"{datetime.now(UTC):%Y-%m-%d}; {versions}; 50 ms latency, the server in another process."


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
