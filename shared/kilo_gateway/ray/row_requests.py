"""A row of a dataset -> the request that asks about it, or why there is none. Never sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kilo_gateway.batch.requests import EMBEDDINGS_URL, PreparedRequest, Request, prepare
from kilo_gateway.batch.template import Template
from kilo_gateway.errors import InvalidRequestError, KiloError
from kilo_gateway.errors.text import one_line
from kilo_gateway.ray.tables import cells_of, digest_of_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kilo_gateway.ray.plan import RunPlan

_LONGEST_SAID = 300


class RowRequests:
    """Makes the requests of batches, by the plan of a run; `usual_model` is taken where nothing else names one."""

    def __init__(self, plan: RunPlan, usual_model: str | None = None) -> None:
        self._plan = plan
        self._usual_model = usual_model
        self._template = Template(plan.prompt) if isinstance(plan.prompt, str) else None

    def render(self, rows: Sequence[dict[str, Any]]) -> list[PreparedRequest]:
        """Return the request of each row. A row that none can be made of has one with its problem."""
        return [self._prepare(row) for row in rows]

    def _prepare(self, row: dict[str, Any]) -> PreparedRequest:
        named_by = self._plan.id_column
        custom_id = f"row-{digest_of_row(row)}" if named_by is None else str(row[named_by])
        try:
            request = Request(custom_id, self._body(row), self._plan.url)
            return prepare(request, default_model=self._plan.model, usual_model=self._usual_model)
        except KiloError as problem:
            return PreparedRequest(custom_id, "chat", "", {}, problem=problem)

    def _body(self, row: dict[str, Any]) -> dict[str, Any]:
        asked = self._ask(row)
        if isinstance(asked, Mapping):
            return {**self._plan.options, **asked}
        if self._plan.url == EMBEDDINGS_URL:
            return {**self._plan.options, "input": asked}
        messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        if not isinstance(messages, list):
            raise InvalidRequestError(
                f"The prompt of this row is {type(asked).__name__}; it must be text, a list of messages, or a body."
            )
        if self._plan.system is not None:
            messages = [{"role": "system", "content": self._plan.system}, *messages]
        return {**self._plan.options, "messages": messages}

    def _ask(self, row: dict[str, Any]) -> Any:
        if self._template is not None:
            return self._template.fill(cells_of({name: row[name] for name in self._template.columns}))
        try:
            return self._plan.prompt(row)  # type: ignore[operator] # it is no template
        except Exception as failure:
            raise InvalidRequestError(
                f"The prompt of this row could not be made. Its function failed with {type(failure).__name__}: "
                f"{one_line(str(failure), _LONGEST_SAID)}"
            ) from failure
