"""The object in an answer, or the reason why there is none. A cut-off or refused answer is never read half."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers.transform import BaseCumulativeTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel, ValidationError
from pydantic.v1 import BaseModel as BaseModelV1
from pydantic.v1 import ValidationError as ValidationErrorV1

from kilo_gateway.adapters.objects import (
    WITHHELD,
    choose_arguments,
    find_answer,
    find_object,
    find_partial_object,
    is_closed,
    make_instance,
)
from kilo_gateway.errors import AnswerError
from kilo_gateway.errors.text import one_line
from langchain_kilo.reasoning import find_noted_reasoning

_LONGEST_QUOTE = 500
_LONGEST_MESSAGE = 2000


class StructuredOutputError(AnswerError, OutputParserException):
    """The answer holds no object of the schema; `llm_output` holds its text. Its message is one printable line."""

    def __init__(
        self, error: Any, observation: str | None = None, llm_output: str | None = None, send_to_llm: bool = False
    ) -> None:
        super().__init__(str(error), snippet=None if llm_output is None else llm_output[:_LONGEST_QUOTE])
        self.observation, self.llm_output, self.send_to_llm = observation, llm_output, send_to_llm
        self.message = one_line(str(self.args[0]), _LONGEST_MESSAGE)  # LangChain has added a line about itself
        self.args = (self.message,)


class RefusedOutputError(StructuredOutputError):
    """The model refused to answer."""


class TruncatedOutputError(StructuredOutputError):
    """The answer stopped before the object was whole: raise max_tokens."""


class StructuredParser(BaseCumulativeTransformOutputParser[Any]):
    """Reads the object of a schema from a tool call, from JSON text, or from JSON text between other words.

    While an answer streams, it yields what there is so far: of a class, only what the class accepts.
    """

    schema_class: Any = None
    """A pydantic class, whose instances are made; None for plain mappings."""
    answer_type: Any = None
    """What is made instead of a class's instances, such as a list of them; an `AnswerType`."""
    function_name: str | None = None
    """The tool whose arguments are the object; None when it is in the text."""
    has_other_tools: bool = False
    """Whether the model was given other tools, whose calls are no object; without any, each call holds one."""
    hint: str = ""
    """What else to try, for errors."""

    @property
    def _type(self) -> str:
        return "kilo_structured_output"

    def parse(self, text: str) -> Any:
        """Return the object in a text."""
        return self._make(self._whole_object(AIMessage(content=text)))

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Return the object of an answer; of one that still streams, what there is so far, None for nothing.

        Raises:
            RefusedOutputError: the model refused.
            TruncatedOutputError: the answer is cut off.
            StructuredOutputError: there is no object, or the schema does not accept it.
        """
        message = result[0].message if isinstance(result[0], ChatGeneration) else AIMessage(content=result[0].text)
        if partial and not _is_whole(message):
            return self._partial_object(message)
        if self._calls_other_tools(message):
            return None
        return self._make(self._whole_object(message))

    def _calls_other_tools(self, message: BaseMessage) -> bool:
        """Return whether the answer is not the object yet, but calls of tools that were given beside it."""
        return self.has_other_tools and bool(_calls_of(message)) and self._call_arguments(message) is None

    def _partial_object(self, message: BaseMessage) -> Any:
        found = self._call_arguments(message)
        if found is None and self.function_name is None:
            found = find_partial_object(message.text)
        if not isinstance(found, dict):
            return None
        try:
            return self._accept(found)
        except (ValidationError, ValidationErrorV1, ValueError, TypeError):
            return None

    def _call_arguments(self, message: BaseMessage) -> dict[str, Any] | None:
        calls = [(call["name"], call["args"]) for call in _calls_of(message)]
        found: dict[str, Any] | None = choose_arguments(
            calls, message.text, wanted=self.function_name, only_wanted=self.has_other_tools
        )
        return found

    def _whole_object(self, message: BaseMessage) -> Any:
        metadata = message.response_metadata
        if refusal := metadata.get("refusal"):
            raise RefusedOutputError(f"The model refused to answer: {refusal}", llm_output=message.text)
        finish_reason = metadata.get("finish_reason")
        found = find_answer(
            [(call["name"], call["args"]) for call in (*_calls_of(message), *_invalid_calls_of(message))],
            _text_of(message),
            wanted=self.function_name,
            finish_reason=finish_reason,
            only_wanted=self.has_other_tools,
            read=find_object if self.answer_type is None else self.answer_type.find,
        )
        if found is not None:
            return found
        if finish_reason == "length" and not is_closed(message.text):
            raise TruncatedOutputError(
                "The answer was cut off before the object was whole (finish reason 'length'): raise max_tokens.",
                llm_output=_answer_text(message),
            )
        if finish_reason == "content_filter":
            raise RefusedOutputError(f"The answer {WITHHELD}", llm_output=_answer_text(message))
        raise StructuredOutputError(self._describe_failure(message), llm_output=_answer_text(message))

    def _describe_failure(self, message: BaseMessage) -> str:
        said = _answer_text(message)
        quoted = f" It says: {said[:_LONGEST_QUOTE]}" if said else " It is empty."
        if self.function_name is not None and _invalid_calls_of(message):
            return f"The arguments of {self.function_name!r} are not a JSON object.{quoted}"
        wanted = "a JSON object" if self.function_name is None else f"a call of {self.function_name!r} or a JSON object"
        return f"The answer holds no {wanted.removeprefix('a ')}.{quoted}{self.hint}"

    def _make(self, found: dict[str, Any]) -> Any:
        try:
            return self._accept(found)
        except (ValidationError, ValidationErrorV1, ValueError, TypeError) as error:
            text = json.dumps(found, ensure_ascii=False, default=str)
            raise StructuredOutputError(f"The schema does not accept the answer: {error}", llm_output=text) from error

    def _accept(self, found: dict[str, Any]) -> Any:
        if self.answer_type is not None:
            return self.answer_type.accept(found)
        cls = self.schema_class
        if cls is None:
            return found
        if issubclass(cls, BaseModelV1):
            return cls.parse_obj(found)
        return make_instance(cls, found) if issubclass(cls, BaseModel) else cls(**found)


def _calls_of(message: BaseMessage) -> list[Any]:
    return getattr(message, "tool_calls", None) or []


def _invalid_calls_of(message: BaseMessage) -> list[Any]:
    return getattr(message, "invalid_tool_calls", None) or []


def _is_whole(message: BaseMessage) -> bool:
    return not isinstance(message, AIMessageChunk) or message.chunk_position == "last"


def _text_of(message: BaseMessage) -> str:
    """Return the text; of a finished answer that says all it has to say in its reasoning, the reasoning."""
    is_finished = message.response_metadata.get("finish_reason") == "stop"
    return message.text or (find_noted_reasoning(message) if is_finished and not _calls_of(message) else "")


def _answer_text(message: BaseMessage) -> str:
    return message.text or "".join(str(call.get("args") or "") for call in _invalid_calls_of(message))
