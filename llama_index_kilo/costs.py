"""Cost trackers that LlamaIndex's callback managers carry: found where a call is made. Counts nothing by itself."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from llama_index.core.callbacks.base_handler import BaseCallbackHandler

from kilo_gateway.adapters.costs import CostTracker, counting_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

P = ParamSpec("P")
R = TypeVar("R")

_NOT_COUNTED = nullcontext()


class CostCallback(BaseCallbackHandler):
    """Counts what the calls of the models that have this callback cost, whatever threads they run in.

    Example:
        ```python
        callback = CostCallback()
        llm = KiloLLM(callback_manager=CallbackManager([callback]))
        llm.complete("Hello")
        print(callback.costs.total.cost)
        ```

    A tracker of yours, such as one with a budget, may be given; its sums are in `costs` either way.
    """

    def __init__(self, costs: CostTracker | None = None) -> None:
        super().__init__([], [])
        self.costs = CostTracker() if costs is None else costs

    def on_event_start(
        self, event_type: Any, payload: Any = None, event_id: str = "", parent_id: str = "", **kwargs: Any
    ) -> str:
        """Do nothing: the model finds this callback when it asks the gateway."""
        return event_id

    def on_event_end(self, event_type: Any, payload: Any = None, event_id: str = "", **kwargs: Any) -> None:
        """Do nothing."""

    def start_trace(self, trace_id: str | None = None) -> None:
        """Do nothing."""

    def end_trace(self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None) -> None:
        """Do nothing."""


def counting(callback_manager: Any) -> AbstractContextManager[None]:
    """Return a block whose calls count where the model's callbacks say."""
    handlers = getattr(callback_manager, "handlers", None) or ()
    found = [handler.costs for handler in handlers if isinstance(handler, CostCallback)]
    return counting_in(found) if found else _NOT_COUNTED


def counted(callback_manager: Any, begin: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `begin` does, such as a stream, which belongs to the model's trackers from here on."""
    with counting(callback_manager):
        return begin(*args, **kwargs)
