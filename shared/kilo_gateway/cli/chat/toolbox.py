"""Functions of a Python file as tools: which ones, how a model is told of them, how one is run."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import os
import sys
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.statuses import TerminatedError, wrong_usage
from kilo_gateway.cli.text import show_on_one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType


class Toolbox:
    """The functions that a model may ask for."""

    def __init__(self, functions: Sequence[Callable[..., Any]]) -> None:
        self._functions = {function.__name__: function for function in functions}
        self.descriptions = [_describe(function) for function in functions]
        """As they go on the wire."""

    def run(self, name: str, arguments: str) -> str:
        """Return what a function says to the model; what it prints goes to stderr, what it raises to the model."""
        function = self._functions.get(name)
        if function is None:
            return f"Error: there is no tool {name!r}, only {', '.join(self._functions)}."
        from pydantic import ValidationError, validate_call  # noqa: PLC0415 - for tools only

        try:
            given = json.loads(arguments or "{}")
            if not isinstance(given, dict):
                return "Error: the arguments must be a JSON object."
            with _stdout_to_stderr():
                result = validate_call(function)(**given)
                if inspect.isawaitable(result):
                    result = asyncio.run(_awaited(result))
        except (KeyboardInterrupt, TerminatedError):
            raise
        except ValidationError as error:
            return f"Error: {error}"
        except BaseException as error:  # noqa: BLE001 - whatever it is, the model is told
            return f"Error: {type(error).__name__}: {error}"
        return result if isinstance(result, str) else json.dumps(result, default=str, ensure_ascii=False)


async def _awaited(result: Any) -> Any:
    return await result


def load_toolbox(words: Sequence[str]) -> Toolbox | None:
    """Return the functions of the files, each `FILE` or `FILE:NAME`; None when none is given.

    Raises:
        CommandError: a file without functions, one that cannot be imported, a name twice.
    """
    functions: list[Callable[..., Any]] = []
    for word in words:
        for function in _load(word):
            if any(function.__name__ == known.__name__ for known in functions):
                raise wrong_usage(f"Two tools are called {function.__name__}. Name one of them: --tool FILE:NAME.")
            functions.append(function)
    return Toolbox(functions) if functions else None


def _load(word: str) -> list[Callable[..., Any]]:
    path, colon, name = word.rpartition(":")
    if not colon or Path(word).is_file() or not name.isidentifier():
        path, name = word, ""
    if not Path(path).is_file():
        raise wrong_usage(f"There is no file {path}. Check --tool.")
    found = _functions_of(_import(Path(path)))
    if name and name not in found:
        known = f"It has {', '.join(found)}." if found else "Tools are public functions with a docstring."
        raise wrong_usage(f"{path} has no tool {name}. {known}")
    if not found:
        raise wrong_usage(f"{path} has no tools. Tools are its public functions with a docstring.")
    return [found[name]] if name else list(found.values())


def _import(path: Path) -> ModuleType:
    name = f"kilo_tools_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise wrong_usage(f"{path} is no Python file. Give one that ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _stdout_to_stderr():
            spec.loader.exec_module(module)
    except (KeyboardInterrupt, TerminatedError):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, the file cannot be used
        reason = show_on_one_line(f"{type(error).__name__}: {error}")
        raise wrong_usage(f"{path} cannot be imported: {reason}. Mend it.") from None
    return module


def _functions_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the public functions with a docstring that the file itself defines."""
    return {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and not name.startswith("_")
        and value.__module__ == module.__name__
        and (value.__doc__ or "").strip()
    }


def _describe(function: Callable[..., Any]) -> dict[str, Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - for tools only

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(function)  # type: ignore[arg-type] # a function, too
        schema = adapter.json_schema()
    except Exception as error:  # noqa: BLE001 - pydantic and the annotations may raise anything
        reason = show_on_one_line(str(error))
        raise wrong_usage(f"The parameters of {function.__name__} cannot be described: {reason}. Mend them.") from None
    if schema.get("type") != "object":
        raise wrong_usage(f"The parameters of {function.__name__} must be given by name. Mend them.")
    described = {"name": function.__name__, "description": inspect.getdoc(function) or "", "parameters": schema}
    return {"type": "function", "function": described}


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    """Send to stderr what is printed, by programs that are started too."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.close(kept)
