"""A trial of a feature: a contender, a gateway, a function that uses both, what it found. Knows no framework."""

from __future__ import annotations

import copy
import pickle
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing import EmbeddedGateway, Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = "anthropic/claude-sonnet-4.6"
QUESTION = "The night train leaves at 20:29. When does the night train leave?"

ERROR = {"error": {"message": "The provider fell over.", "code": 502}}
_CHOICE = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
_EVENT = {"id": "gen-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [_CHOICE], **ERROR}
ERROR_IN_A_STREAM = Fault(error_event=_EVENT, after_events=2, reply=Reply(text="Half an answer"))
CUT_STREAM = Fault(end_after_events=2, reply=Reply(text="Half an answer of many words"))

Found = bool | str
"""True: yes. False: no. Text: partly, and how far."""


@dataclass
class Contender:
    """One class of one package, imported when it is tried, and how it is told where the gateway is."""

    name: str
    distribution: str
    module: str
    base_url: str = "base_url"
    model: str = MODEL
    options: dict[str, Any] = field(default_factory=dict)
    gateway: EmbeddedGateway | None = None

    def make(self, **options: Any) -> Any:
        """Return a model object that talks to the gateway; what a trial names wins."""
        assert self.gateway is not None
        where = {self.base_url: self.gateway.base_url, "api_key": self.gateway.api_key, "model": self.model}
        cls = getattr(import_module(self.module), self.name)
        return cls(**{**where, **self.options, **options})

    def body(self) -> Any:
        """Return the body of the newest request."""
        assert self.gateway is not None
        return self.gateway.requests[-1].body

    @property
    def title(self) -> str:
        return f"{self.name} ({self.distribution} {version(self.distribution)})"


@dataclass
class Trial:
    """A feature, said in a line, and the function that tries it."""

    feature: str
    run: Callable[[Contender], Found]


@dataclass
class Cell:
    """What was found of one contender."""

    word: str
    note: str = ""


def try_out(trial: Trial, contender: Contender) -> Cell:
    """Return what the trial finds, at a gateway of its own. An error that the trial does not expect is a no."""
    with EmbeddedGateway() as gateway, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        contender = replace(contender, gateway=gateway)
        try:
            found = trial.run(contender)
        except Exception as error:  # noqa: BLE001 - whatever a package raises is what its user meets
            lines = str(error).splitlines() or [""]
            return Cell("no", f"{type(error).__name__}: {_shortened(lines[0])}".rstrip(": "))
    if isinstance(found, str):
        return Cell("partly", found)
    return Cell("yes" if found else "no")


def _shortened(text: str) -> str:
    return text if len(text) <= 90 else f"{text[:90]}..."


@contextmanager
def refused(*kinds: type[Exception]) -> Iterator[list[Exception]]:
    """Let the block end with one of these errors; what it was stands in the list."""
    seen: list[Exception] = []
    try:
        yield seen
    except kinds as error:
        seen.append(error)


def copy_both_ways(model: Any) -> Found:
    """Copy the object deeply, and through a pickle."""
    done = []
    for name, way in (("deepcopy", copy.deepcopy), ("pickle", lambda model: pickle.loads(pickle.dumps(model)))):
        with refused(Exception):
            way(model)
            done.append(name)
    return len(done) == 2 or (f"{done[0]} only" if done else False)
