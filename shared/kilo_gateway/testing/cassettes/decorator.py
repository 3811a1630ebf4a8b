"""`use_cassette`: cassettes without pytest, as a decorator of functions and test classes and as a context manager."""

from __future__ import annotations

import functools
import inspect
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from kilo_gateway.testing.cassettes.errors import CassetteError
from kilo_gateway.testing.cassettes.modes import resolve_mode
from kilo_gateway.testing.cassettes.naming import FOLDER, cassette_path, named_path, shown
from kilo_gateway.testing.cassettes.use import Use, parse_manner

if TYPE_CHECKING:
    from collections.abc import Callable
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
) -> CassetteUse: ...


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
        return CassetteUse(None, record, options)(name)
    return CassetteUse(name, record, options)


class CassetteUse:
    """What `use_cassette` returns. One object can be entered again and again, but not within itself."""

    def __init__(self, name: str | os.PathLike[str] | None, record: str | None, options: dict[str, Any]) -> None:
        parse_manner(options)
        self._name = None if name is None else os.fspath(name)
        self._record = record
        self._options = options
        self._use: Use | None = None

    def _begin(self, path: Path) -> Use:
        pieces = os.environ.get("KILO_PIECES") or self._options.get("pieces")
        manner = parse_manner({**self._options, "pieces": pieces})
        mode = resolve_mode(os.environ, defaults=(self._record,))
        return Use(path, mode, manner, how_to_record=_HOW_TO_RECORD)

    def __enter__(self) -> Cassette:
        if self._name is None:
            raise CassetteError("A cassette needs a name here: use_cassette('name').")
        if self._use is not None:
            raise CassetteError("This cassette is in use already; make another object with use_cassette.")
        use = self._begin(named_path(Path.cwd() / FOLDER, self._name))
        cassette = use.__enter__()
        self._use = use
        return cassette

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        use, self._use = self._use, None
        if use is not None:
            _leave(use, kind, error, tb)

    async def __aenter__(self) -> Cassette:
        return self.__enter__()

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
        is_named = self._name is not None
        default = cassette_path(home, function.__qualname__.replace(".<locals>", ""))
        path = named_path(default.parent, self._name or "") if is_named else default
        wrapper = self._wrap_async(function, path) if inspect.iscoroutinefunction(function) else None
        wrapper = wrapper or self._wrap(function, path)
        setattr(wrapper, PATH_ATTRIBUTE, path)
        return wrapper

    def _wrap(self, function: Callable[..., Any], path: Path) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_cassette(*args: Any, **kwargs: Any) -> Any:
            with _Managed(self._begin(path)):
                return function(*args, **kwargs)

        return with_cassette

    def _wrap_async(self, function: Callable[..., Any], path: Path) -> Callable[..., Any]:
        @functools.wraps(function)
        async def with_cassette(*args: Any, **kwargs: Any) -> Any:
            with _Managed(self._begin(path)):
                return await function(*args, **kwargs)

        return with_cassette


class _Managed:
    """A use with the warning at its end."""

    def __init__(self, use: Use) -> None:
        self._use = use

    def __enter__(self) -> Cassette:
        return self._use.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        _leave(self._use, kind, error, tb)


def _leave(use: Use, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
    """End the use, and warn of answers that nobody asked for when all else went well."""
    use.__exit__(kind, error, tb)
    unused = use.cassette.unused if use.cassette is not None and kind is None and not use.records else []
    if unused:
        left = "; ".join(unused)
        text = f"{shown(use.path)} holds answers that nobody asked for: {left}. To record again, {_HOW_TO_RECORD}."
        warnings.warn(text, UnusedInteractionsWarning, stacklevel=3)
