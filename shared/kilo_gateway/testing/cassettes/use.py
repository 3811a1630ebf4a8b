"""One use of a cassette from beginning to end: environment, file, transports, network, and everything put back."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from kilo_gateway.catalog import discovery
from kilo_gateway.testing.cassettes.cassette import Cassette, Manner
from kilo_gateway.testing.cassettes.errors import CassetteError, UnusedInteractionsError
from kilo_gateway.testing.cassettes.modes import may_record
from kilo_gateway.testing.cassettes.naming import shown
from kilo_gateway.testing.cassettes.network import blocked
from kilo_gateway.testing.cassettes.pieces import parse_pieces
from kilo_gateway.testing.cassettes.playback import standing_in
from kilo_gateway.testing.cassettes.store import read_document
from kilo_gateway.testing.cassettes.surroundings import recording, replaying, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from kilo_gateway.testing.cassettes.document import Document

_LISTS = ("ignore", "hosts", "models")
_NAMES = frozenset({*_LISTS, "repeats", "pieces", "network", "strict"})


def parse_manner(options: Mapping[str, Any]) -> Manner:
    """Return how a cassette is to be used.

    Raises:
        CassetteError: an option that does not exist, or a value that it cannot have.
    """
    unknown = sorted(options.keys() - _NAMES)
    if unknown:
        raise CassetteError(f"A cassette has no option {', '.join(unknown)}. There are {', '.join(sorted(_NAMES))}.")
    values: dict[str, Any] = dict(options)
    for name in _LISTS:
        values[name] = _texts(name, options.get(name) or ())
    network = options.get("network") or False
    values["network"] = True if network is True else _texts("network", network or ())
    return Manner(**{**values, "pieces": parse_pieces(options.get("pieces"))})


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise CassetteError(f"{name} must be a list of texts, not {value!r}.")
    return tuple(value)


class Use:
    """Uses a cassette between `begin` and `end`. Between `settle` and `begin` only the environment is prepared."""

    def __init__(self, path: Path, mode: str, manner: Manner, *, how_to_record: str) -> None:
        self.path = path
        self.mode = mode
        self._manner = manner
        self._how_to_record = how_to_record
        self._document: Document | None = None
        self._problem: CassetteError | None = None
        self._surroundings = ExitStack()
        self._stack = ExitStack()
        self._is_settled = False
        self._secrets: list[str] = []
        self.records = may_record(mode, exists=path.exists())
        """Whether requests may reach a gateway."""
        self.is_blocked = not self.records and manner.network is not True
        """Whether nothing leaves this machine."""
        self.cassette: Cassette | None = None

    def settle(self) -> Self:
        """Read the file and prepare the environment; what is wrong with the file is raised by `begin`."""
        self._is_settled = True
        # Before the environment is changed: a prompt that repeats a key is cleaned in a replay as in the recording.
        self._secrets = secrets_of(os.environ)
        try:
            self._document = None if self.mode == "rewrite" else read_document(self.path)
        except CassetteError as problem:
            self._problem = problem
        if self.records:
            self._surroundings.enter_context(recording())
        else:
            origin = self._document.origin if self._document else None
            self._surroundings.enter_context(replaying(origin.base_url if origin else None))
        return self

    def begin(self) -> Cassette:
        """Load the cassette and stand in front of the transports.

        Raises:
            CassetteError: the file cannot be used.
        """
        if not self._is_settled:
            self.settle()
        if self._problem is not None:
            raise self._problem
        cassette = Cassette(
            self.path,
            self.mode,
            self._manner,
            self._document,
            secrets=self._secrets,
            how_to_record=self._how_to_record,
        )
        discovery.forget()
        self._stack.callback(discovery.forget)
        self._stack.enter_context(standing_in(cassette))
        hosts = self._manner.network
        if self.is_blocked and hosts is not True:
            self._stack.enter_context(blocked(shown(self.path), hosts or ()))
        self.cassette = cassette
        return cassette

    def end(self) -> None:
        """Put everything back as it was, then write what was recorded.

        Raises:
            SecretFoundError: a secret would have been written.
        """
        self._stack.close()
        if self.cassette is not None:
            self.cassette.close()
            if self.mode == "rewrite" and not self.cassette.recorded:
                self.path.unlink(missing_ok=True)

    def release(self) -> None:
        """Put the environment back as it was."""
        self._surroundings.close()
        self._is_settled = False

    def check(self) -> None:
        """Raise what a replay that seemed to go well had wrong.

        Raises:
            NoMatchError: a request fitted nothing, and its error was swallowed on the way.
            UnusedInteractionsError: strict, and answers were left over.
        """
        cassette = self.cassette
        if cassette is None:
            return
        if cassette.mismatches:
            raise cassette.mismatches[0]
        if self._manner.strict and cassette.unused and not self.records:
            left = "\n".join(f"    {one}" for one in cassette.unused)
            where = shown(self.path)
            raise UnusedInteractionsError(
                f"{where} holds answers that nobody asked for:\n{left}\nRecord again:\n    {self._how_to_record}"
            )

    def __enter__(self) -> Cassette:
        try:
            return self.begin()
        except BaseException:
            self.end()
            self.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.end()
        finally:
            self.release()
        if kind is None:
            self.check()
