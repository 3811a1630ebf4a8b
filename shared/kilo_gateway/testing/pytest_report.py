"""What a test session says of its cassettes at the end: recorded, replayed, unused, without a test. Fails nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.naming import SUFFIX
from kilo_gateway.testing.cassettes.pieces import parse_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pytest

    from kilo_gateway.testing.cassettes.pieces import Pieces
    from kilo_gateway.testing.cassettes.use import Use

_PATH_ATTRIBUTE = "kilo_cassette_path"


def facts_of(use: Use) -> dict[str, Any]:
    """Return what one use of a cassette came to, in plain values that travel between processes."""
    cassette = use.cassette
    if cassette is None:
        return {
            "path": str(use.path),
            "recorded": 0,
            "played": 0,
            "blocked": False,
            "unused": [],
            "from": None,
            "pieces": "",
        }
    return {
        "path": str(use.path),
        "recorded": cassette.recorded,
        "played": cassette.play_count,
        "blocked": use.is_blocked,
        "unused": [] if cassette.mismatches or use.records else cassette.unused,
        "from": None if cassette.origin is None else cassette.origin["from"],
        "pieces": str(cassette.manner.pieces) if cassette.manner.pieces.is_drawn else "",
    }


class CassetteReport:
    """Collects which cassettes belong to tests, and words the summary."""

    def __init__(self, folder: str, *, is_strict: bool) -> None:
        self._is_partial = False
        """Whether tests were left out, so that a cassette nobody used may still have its test."""
        self._folder = folder
        self._is_strict = is_strict
        self._modules: set[Path] = set()
        self._expected: set[Path] = set()
        self._root = Path.cwd()
        self._pieces: Pieces | None = None

    def pieces_for_all(self, given: str) -> Pieces:
        """Return how every test of the session cuts its bodies: a random seed is drawn once.

        Raises:
            CassetteError: there is no such way.
        """
        if self._pieces is None:
            self._pieces = parse_pieces(given)
        return self._pieces

    def collected(self, session: pytest.Session, *, path_of: Callable[[pytest.Item], Path], is_partial: bool) -> None:
        """Note the test modules and the cassettes that their tests have."""
        self._root = session.config.rootpath
        arguments = session.config.args
        is_worker = hasattr(session.config, "workerinput")
        self._is_partial = is_partial or is_worker or any("::" in argument for argument in arguments)
        for item in session.items:
            self._modules.add(item.path)
            self._expected.add(path_of(item).resolve())
            decorated = getattr(getattr(item, "obj", None), _PATH_ATTRIBUTE, None)
            if decorated is not None:
                self._expected.add(Path(decorated).resolve())

    def orphans(self) -> list[Path]:
        """Return the cassettes beside the collected modules that belong to no test; none of a partial session."""
        if self._is_partial:
            return []
        return sorted({path for path in self._found() if path.resolve() not in self._expected})

    def _found(self) -> Iterator[Path]:
        """Yield the cassettes of the collected modules, and of modules that are gone."""
        for home in {module.parent for module in self._modules}:
            for folder in (home / self._folder).glob("*/"):
                module = home / f"{folder.name}.py"
                if module in self._modules or not module.exists():
                    yield from folder.rglob(f"*{SUFFIX}")

    def finish(self, facts: Sequence[dict[str, Any]]) -> bool:
        """Return whether a strict session has to fail."""
        is_whole = not self._is_partial
        return self._is_strict and is_whole and bool(self.orphans() or self._unused(facts))

    def render(self, facts: Sequence[dict[str, Any]]) -> list[str]:
        """Return the lines of the summary."""
        lines = [f"recorded  {self._short(one)} from the {one['from']}" for one in facts if one["recorded"]]
        if lines:
            lines.append("Read what was recorded before you commit it.")
        replayed = [one for one in facts if one["played"] and not one["recorded"]]
        if replayed:
            network = ", the network blocked" if all(one["blocked"] for one in replayed) else ""
            lines.append(f"replayed  {len(replayed)} cassette{'s' if len(replayed) > 1 else ''}{network}")
        seeds = sorted({one["pieces"] for one in facts if one["pieces"]})
        lines += [f"pieces    {seed} (repeat it with --kilo-pieces={seed})" for seed in seeds]
        for path, unused in self._unused(facts).items():
            lines.append(f"unused    {path}: nobody asked for {'; '.join(unused)}")
        lines += [f"orphaned  {self._relative(path)}: no test has it" for path in self.orphans()]
        return lines

    def _unused(self, facts: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
        """Return what no test used of each cassette; several tests may share one."""
        left: dict[str, list[str]] = {}
        for one in facts:
            path = self._short(one)
            left[path] = [line for line in one["unused"] if line in left.get(path, one["unused"])]
        return {path: lines for path, lines in left.items() if lines}

    def _short(self, fact: dict[str, Any]) -> str:
        return self._relative(Path(fact["path"]))

    def _relative(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)
