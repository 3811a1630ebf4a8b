"""One use of a cassette from beginning to end: environment, file, transports, network, and everything put back."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from kilo_gateway.catalog import discovery
from kilo_gateway.gate import forget_gates
from kilo_gateway.settings import key_policy
from kilo_gateway.testing.cassettes.cassette import Cassette
from kilo_gateway.testing.cassettes.environment import (
    RecordingGateway,
    base_url_of,
    own_environment,
    placeholders,
    secrets_of,
)
from kilo_gateway.testing.cassettes.errors import CassetteError, UnusedInteractionsError
from kilo_gateway.testing.cassettes.in_use import in_use
from kilo_gateway.testing.cassettes.modes import may_record
from kilo_gateway.testing.cassettes.naming import shown
from kilo_gateway.testing.cassettes.network import blocked
from kilo_gateway.testing.cassettes.origin import EMBEDDED
from kilo_gateway.testing.cassettes.playback import OutsideGuard, Playback
from kilo_gateway.testing.cassettes.scrubbing import Scrubber
from kilo_gateway.testing.cassettes.store import Store
from kilo_gateway.transport.interception import intercepting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    from kilo_gateway.testing.cassettes.options import CassetteOptions

logger = logging.getLogger("kilo_gateway")

Outcome = dict[str, Any]
"""What one session came to, in plain values that travel between processes."""

_listeners: list[Callable[[Outcome], None]] = []


@contextmanager
def listening(listener: Callable[[Outcome], None]) -> Iterator[None]:
    """Tell the listener, alone, what each session came to that ends within the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class CassetteSession:
    """Uses a cassette between `open` and `close`. Between `prepare` and `open` only the environment is prepared."""

    def __init__(self, path: Path, mode: str, options: CassetteOptions, *, how_to_record: str) -> None:
        self.path = path
        self.mode = mode
        self.cassette: Cassette | None = None
        self.records = may_record(mode, exists=path.exists())
        """Whether requests may reach a gateway."""
        self.is_blocked = not self.records and options.network is not True
        """Whether nothing leaves this machine."""
        self._options = options
        self._how_to_record = how_to_record
        self._problem: CassetteError | None = None
        self._environment = ExitStack()
        self._stack = ExitStack()
        # Of the environment before it is changed: a prompt that repeats a key is cleaned in a replay, too.
        environ = own_environment()
        self._own_base_url = base_url_of(environ)
        self._scrubber = Scrubber(secrets_of(environ))
        self._store = Store(path, self._scrubber)
        self._gateway = RecordingGateway(environ) if self.records else None
        self._playback: Playback | None = None
        self._is_prepared = False

    def prepare(self) -> Self:
        """Read the file and prepare the environment; what is wrong with the file is raised by `open`."""
        self._is_prepared = True
        try:
            self._store.read()
        except CassetteError as problem:
            self._problem = None if self.mode == "rewrite" else problem
        if self.mode == "rewrite":
            self._problem = self._problem or self._check_rewriting()
            self._store.start_anew()
        if self._gateway is None or self._gateway.is_embedded:
            origin = self._store.origin
            self._environment.enter_context(placeholders(origin.base_url if origin else None))
        return self

    def _check_rewriting(self) -> CassetteError | None:
        origin = self._store.origin
        if origin is None or origin.kind == EMBEDDED or self._gateway is None or not self._gateway.is_embedded:
            return None
        return CassetteError(
            f"{shown(self.path)} holds answers of {origin.kind}. There is no key, so that the embedded gateway, which "
            "is no language model, would replace them: set KILOCODE_API_KEY, or delete the file first."
        )

    def guarding(self, test: str) -> AbstractContextManager[None]:
        """Refuse requests around the test that its cassette does not see, until the block ends."""
        return intercepting(OutsideGuard(self._own_base_url, test))

    def open(self) -> Cassette:
        """Load the cassette and stand in front of the transports.

        Raises:
            CassetteError: the file cannot be used.
        """
        if not self._is_prepared:
            self.prepare()
        if self._problem is not None:
            raise self._problem
        self._stack.enter_context(in_use(shown(self.path)))
        origin = self._store.origin
        self.cassette = Cassette(
            self._store,
            self.mode,
            self._options,
            scrubber=self._scrubber,
            base_url=self._own_base_url if self.records or origin is None else origin.base_url,
            how_to_record=self._how_to_record,
        )
        self._playback = Playback(self.cassette, self._gateway)
        for forget in (discovery.forget, forget_gates):
            forget()
            self._stack.callback(forget)
        self._stack.enter_context(key_policy.no_key_needed())
        self._stack.enter_context(intercepting(self._playback))
        hosts = self._options.network
        if self.is_blocked and hosts is not True:
            self._stack.enter_context(blocked(shown(self.path), hosts or ()))
        return self.cassette

    def close(self) -> None:
        """Put everything back as it was, but for the environment, then write what was recorded.

        Raises:
            SecretFoundError: a secret would have been written.
        """
        self._stack.close()
        if self._gateway is not None:
            self._gateway.stop()
        if self.cassette is None or self._playback is None:
            return
        self.cassette.close()
        if self.mode == "rewrite" and not self._playback.asked:
            self.path.unlink(missing_ok=True)
        if _listeners:
            _listeners[-1](self._outcome(self.cassette, self._playback))
        elif self.cassette.recorded and self._gateway is not None and self._gateway.is_embedded:
            logger.warning(
                "%s was recorded from the embedded gateway, which is no language model, as there is no key. Set "
                "KILOCODE_API_KEY and KILO_RECORD=rewrite to record real answers.",
                shown(self.path),
            )

    def _outcome(self, cassette: Cassette, playback: Playback) -> Outcome:
        pieces = self._options.pieces
        return {
            "path": str(self.path),
            "recorded": cassette.recorded,
            "played": cassette.play_count,
            "blocked": self.is_blocked,
            "unused": [] if cassette.problems or self.records else cassette.unused,
            "from": None if cassette.origin is None else cassette.origin["from"],
            "pieces": str(pieces) if pieces.is_drawn else "",
            "refused": playback.refused,
            "strict": self._options.strict,
        }

    def restore(self) -> None:
        """Put the environment back as it was."""
        self._environment.close()
        self._is_prepared = False

    def check(self) -> None:
        """Raise what a session that seemed to go well had wrong.

        Raises:
            NoMatchError: a request fitted nothing, and its error was swallowed on the way.
            UnusedInteractionsError: strict, and answers were left over.
        """
        cassette = self.cassette
        if cassette is None:
            return
        if cassette.problems:
            raise cassette.problems[0]
        if self._options.strict and cassette.unused and not self.records:
            left = "\n".join(f"    {one}" for one in cassette.unused)
            where = shown(self.path)
            raise UnusedInteractionsError(
                f"{where} holds answers that nobody asked for:\n{left}\nRecord again:\n    {self._how_to_record}"
            )

    def __enter__(self) -> Cassette:
        try:
            return self.open()
        except BaseException:
            self.close()
            self.restore()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.close()
        finally:
            self.restore()
        if kind is None:
            self.check()
