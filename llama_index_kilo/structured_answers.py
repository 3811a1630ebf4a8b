"""Answers -> instances of the class that was asked for, whole or while they arrive. Decides; asks nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, get_origin

from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.program.utils import create_flexible_model
from pydantic import BaseModel, ValidationError

from kilo_gateway.adapters.objects import WITHHELD, choose_arguments, find_answer, find_partial_object, make_instance
from kilo_gateway.errors import AnswerError, InvalidRequestError
from kilo_gateway.errors.text import one_line

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse

M = TypeVar("M", bound=BaseModel)

_LONGEST_TYPE = 100


class StructuredAnswerError(AnswerError, ValueError):
    """The answer is not an instance of the model class that was asked for; `snippet` holds what it was."""


def check_output_class(wanted: Any) -> None:
    """Refuse what LlamaIndex cannot predict, with what to write instead.

    Raises:
        InvalidRequestError: no class of pydantic's.
    """
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        return
    shown = wanted.__name__ if isinstance(wanted, type) and get_origin(wanted) is None else repr(wanted)
    raise InvalidRequestError(
        f"LlamaIndex predicts instances of pydantic classes, and {one_line(shown, _LONGEST_TYPE)} is none: make it a "
        "field of one, such as class Answer(BaseModel): value: list[City]."
    )


def parse_structured(output_cls: type[M], response: ChatResponse, *, model: str, function_name: str | None = None) -> M:
    """Return the instance that an answer describes, in a tool call or in its text; `function_name` is the tool's.

    Raises:
        StructuredAnswerError: refused, cut off, or not what the class demands.
    """
    calls, text = _calls_of(response), response.message.content or ""
    finish_reason = response.additional_kwargs.get("finish_reason")
    is_refused = bool(response.additional_kwargs.get("refusal"))
    found = None if is_refused else find_answer(calls, text, wanted=function_name, finish_reason=finish_reason)
    flaw: ValidationError | None = None
    if found is not None:
        try:
            return make_instance(output_cls, found)
        except ValidationError as error:
            flaw = error
    raise StructuredAnswerError(
        f"Model {model!r} was asked for a {output_cls.__name__} and {_explain(response, flaw)}",
        model=model,
        snippet=str(choose_arguments(calls, text, wanted=function_name) or text)[:300],
    ) from flaw


def _explain(response: ChatResponse, flaw: ValidationError | None) -> str:
    if response.additional_kwargs.get("refusal"):
        return f"refused: {response.additional_kwargs['refusal']}"
    if response.additional_kwargs.get("finish_reason") == "length":
        return "its answer was cut off. Raise max_tokens."
    if flaw is None and response.additional_kwargs.get("finish_reason") == "content_filter":
        return f"its answer {WITHHELD}"
    if flaw is None:
        return "its answer holds no JSON object. Try again, or choose another model."
    problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in flaw.errors()[:5])
    return f"its answer does not fit ({problems}). Try again, or choose another model."


def _calls_of(response: ChatResponse) -> list[tuple[str, Any]]:
    blocks = response.message.blocks
    return [(block.tool_name, block.tool_kwargs) for block in blocks if isinstance(block, ToolCallBlock)]


class Partials:
    """The object as far as it has arrived: an instance of the class, or of one with optional fields until it fits."""

    def __init__(self, output_cls: type[BaseModel]) -> None:
        self._output_cls = output_cls
        self._loose = create_flexible_model(output_cls)
        self._latest: dict[str, Any] | None = None

    def add(self, response: ChatResponse) -> BaseModel | None:
        """Return the object so far; None when the response adds nothing to it."""
        calls = _calls_of(response)
        answer = calls[0][1] if calls else response.message.content or ""
        known = answer if isinstance(answer, dict) else find_partial_object(answer)
        if known is None or known == self._latest:
            return None
        self._latest = known
        for cls in (self._output_cls, self._loose):
            try:
                return cls.model_validate(known)
            except ValidationError:
                continue
        return None
