"""`use_cassette`: cassettes without pytest, as a decorator of functions and test classes and as a context manager."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from kilo_gateway.testing.cassettes.errors import CassetteError
from kilo_gateway.testing.cassettes.modes import resolve_mode
from kilo_gateway.testing.cassettes.naming import FOLDER, cassette_path, named_path, shown
from kilo_gateway.testing.cassettes.options import parse_options
from kilo_gateway.testing.cassettes.session import CassetteSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType

    from kilo_gateway.testing.cassettes.cassette import Cassette

PATH_ATTRIBUTE = "kilo_cassette_path"
"""Set on decorated functions, so that the pytest plugin knows their cassettes."""

_HOW_TO_RECORD = "run it again with KILO_RECORD=rewrite in the environment"


Decorated = TypeVar("Decorated", bound="Callable[..., Any]")


class UnusedInteractionsWarning(UserWarning):
    """A replay ended with recorded answers that nobody asked for."""


@overload
def use_cassette(name: Decorated, /) -> Decorated: ...


@overload
def use_cassette(
    name: str | os.PathLike[str] | None = None, /, *, record: str | None = None, **options: Any
) -> _CassetteUse: ...


def use_cassette(name: Any = None, /, *, record: str | None = None, **options: Any) -> Any:
    """Return a context manager and decorator that records the gateway's answers once and replays them ever after.

    `name` is a name (`cassettes/<name>.kilo.yaml` below the working directory), a path that ends in `.yaml`, or None
    for a decorator: then each function has a file of its own beside its module. `record` is none, once, new_episodes,
    all or rewrite; `KILO_RECORD` wins over it, and CI, where nothing is recorded. Options: `ignore` (fields of the
    body that may change), `hosts`, `models` (all that is kept of a recorded model list), `repeats`, `pieces` (recorded,
    whole, random, random:SEED, a size), `network` (hosts that may be reached), `strict`.

    Example:
        ```python
        with use_cassette("capital"):
            print(KiloClient().complete([{"role": "user", "content": "What is the capital of France?"}]).text)
        ```

    Raises:
        CassetteError: an option that does not exist.
    """
    if callable(name):
        return _CassetteUse(None, record, options)(name)
    return _CassetteUse(name, record, options)


class _CassetteUse:
    """What `use_cassette` returns. One object can be entered again and again, but not within itself."""

    def __init__(self, name: str | os.PathLike[str] | None, record: str | None, options: dict[str, Any]) -> None:
        parse_options(options)
        self._name = None if name is None else os.fspath(name)
        self._record = record
        self._options = options
        self._current: AbstractContextManager[Cassette] | None = None

    def _session(self, path: Path, owner: object, *, is_function: bool) -> AbstractContextManager[Cassette]:
        pieces = os.environ.get("KILO_PIECES") or self._options.get("pieces")
        options = parse_options({**self._options, "pieces": pieces})
        mode = resolve_mode(os.environ, defaults=(self._record,))
        mode = _mode_beside_others(path, mode, owner, is_function=is_function)
        return _reporting(CassetteSession(path, mode, options, how_to_record=_HOW_TO_RECORD))

    def _enter(self, owner: object) -> Cassette:
        if self._name is None:
            raise CassetteError("A cassette needs a name here: use_cassette('name').")
        if self._current is not None:
            raise CassetteError("This cassette is in use already; make another object with use_cassette.")
        current = self._session(named_path(Path.cwd() / FOLDER, self._name), owner, is_function=False)
        cassette = current.__enter__()
        self._current = current
        return cassette

    def __enter__(self) -> Cassette:
        return self._enter(sys._getframe(1).f_code)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        current, self._current = self._current, None
        if current is not None:
            current.__exit__(kind, error, tb)

    async def __aenter__(self) -> Cassette:
        return self._enter(sys._getframe(1).f_code)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)

    def __call__(self, target: Decorated) -> Decorated:
        """Decorate a function, a coroutine function, or each test method of a class."""
        if not isinstance(target, type):
            return cast("Decorated", self._decorate(target))
        for name, member in list(vars(target).items()):
            if name.startswith("test") and inspect.isfunction(member):
                setattr(target, name, self._decorate(member))
        return target

    def _decorate(self, function: Callable[..., Any]) -> Callable[..., Any]:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise CassetteError(f"{function.__qualname__} is a generator; use the cassette inside it.")
        home = Path(inspect.getfile(function)).resolve()
        default = cassette_path(home, function.__qualname__.replace(".<locals>", ""))
        path = default if self._name is None else named_path(default.parent, self._name)
        wrap = self._wrap_async if inspect.iscoroutinefunction(function) else self._wrap
        wrapper = wrap(function, path)
        setattr(wrapper, PATH_ATTRIBUTE, path)
        return wrapper

    def _wrap(self, function: Callable[..., Any], path: Path) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_cassette(*args: Any, **kwargs: Any) -> Any:
            with self._session(path, function, is_function=True):
                return function(*args, **kwargs)

        return with_cassette

    def _wrap_async(self, function: Callable[..., Any], path: Path) -> Callable[..., Any]:
        @functools.wraps(function)
        async def with_cassette(*args: Any, **kwargs: Any) -> Any:
            with self._session(path, function, is_function=True):
                return await function(*args, **kwargs)

        return with_cassette


_recorders: dict[Path, list[object]] = {}
"""Cassettes that were recorded from scratch in this process, and by which functions."""


def _mode_beside_others(path: Path, mode: str, owner: object, *, is_function: bool) -> str:
    """Return the mode of one of several functions that share a cassette: what another has just recorded is kept."""
    recorders = _recorders.setdefault(path.resolve(), [])
    is_others = bool(recorders) and (owner not in recorders or (is_function and mode == "rewrite"))
    if is_others and path.exists() and (mode == "rewrite" or (mode == "once" and is_function)):
        return "new_episodes"
    if not recorders and (mode == "rewrite" or not path.exists()):
        recorders.append(owner)
    return mode


@contextmanager
def _reporting(session: CassetteSession) -> Iterator[Cassette]:
    """Use the session in a block; warn at its end of answers that nobody asked for, when all else went well."""
    with session as cassette:
        yield cassette
    if session.records or not cassette.unused:
        return
    left = "; ".join(cassette.unused)
    text = f"{shown(session.path)} holds answers that nobody asked for: {left}. To record again, {_HOW_TO_RECORD}."
    warnings.warn(text, UnusedInteractionsWarning, stacklevel=4)
