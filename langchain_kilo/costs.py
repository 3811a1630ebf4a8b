"""Cost trackers that LangChain's callbacks carry: found where a call is made. Counts nothing by itself."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from langchain_core.callbacks import BaseCallbackHandler

from kilo_gateway.adapters.costs import CostTracker, active_trackers, cost_tags, counting_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

P = ParamSpec("P")
R = TypeVar("R")

_OF_THE_FRAMEWORK = ("seq:step:", "map:key:", "graph:step:", "condition:", "branch:", "langsmith:")
"""With what tags begin that LangChain and LangGraph put on runs themselves."""

_NOT_COUNTED = nullcontext()

_started: ContextVar[tuple[tuple[CostTracker, tuple[str, ...]], ...]] = ContextVar("kilo_started_runs", default=())
"""Trackers of the run that has just started in this context; `stream` does not tell a model who listens."""


class CostCallback(BaseCallbackHandler):
    """Counts what the calls of ChatKilo cost wherever this callback goes, whatever threads they run in.

    Example:
        ```python
        callback = CostCallback()
        chain.batch(questions, config={"callbacks": [callback]})
        print(callback.costs.total.cost)
        ```

    A tracker of yours, such as one with a budget, may be given; its sums are in `costs` either way. An answer out of
    LangChain's cache costs nothing.
    """

    run_inline = True  # in the context of the call, before it
    raise_error = False

    def __init__(self, costs: CostTracker | None = None) -> None:
        super().__init__()
        self.costs = CostTracker() if costs is None else costs

    def on_chat_model_start(
        self, serialized: dict[str, Any], messages: Any, *, tags: list[str] | None = None, **kwargs: Any
    ) -> None:
        """Remember the run's trackers, for the stream that may begin in this context."""
        _started.set((*_started.get(), (self.costs, _shown(tags))))

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        """Forget it: the run has ended."""
        _started.set(())

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        """Forget it: the run has ended."""
        _started.set(())


def _shown(tags: Sequence[str] | None) -> tuple[str, ...]:
    return tuple([tag for tag in tags if not tag.startswith(_OF_THE_FRAMEWORK)]) if tags else ()


def counting(run_manager: Any) -> AbstractContextManager[None]:
    """Return a block whose calls count where the run's callbacks say, under the run's tags."""
    started = _started.get()
    if started:
        _started.set(())
    if run_manager is None:
        found = [costs for costs, _ in started]
        tags = started[-1][1] if started else ()  # of one run, which all its callbacks are told
    else:
        found = [handler.costs for handler in run_manager.handlers if isinstance(handler, CostCallback)]
        tags = _shown(run_manager.tags)
    if found or (tags and active_trackers()):
        return _counting(found, tags)
    return _NOT_COUNTED


@contextmanager
def _counting(trackers: Sequence[CostTracker], tags: Sequence[str]) -> Iterator[None]:
    with cost_tags(*tags), counting_in(trackers):
        yield


def counted(run_manager: Any, begin: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `begin` does, such as a stream, which belongs to the trackers of the run from here on."""
    with counting(run_manager):
        return begin(*args, **kwargs)
