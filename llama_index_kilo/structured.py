"""Structured prediction: by JSON schema where the catalog says the model takes one, else by a tool it must call."""

from __future__ import annotations

from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any, TypeVar, cast

from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined] # not in its __all__
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.program.function_program import get_function_tool
from llama_index.core.program.utils import get_program_for_llm
from llama_index.core.types import PydanticProgramMode
from pydantic import BaseModel

from kilo_gateway.adapters.schemas import object_schema, render_answer_format
from llama_index_kilo.parameters import KiloParameters
from llama_index_kilo.structured_answers import Partials, parse_structured

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.prompts import PromptTemplate

M = TypeVar("M", bound=BaseModel)

dispatcher = get_dispatcher(__name__)

_OWN_MODES = (PydanticProgramMode.DEFAULT, PydanticProgramMode.FUNCTION)
"""Modes that are served here; the others are LlamaIndex's own programs."""
_OWN_KEYS = ("tools", "tool_choice", "tool_required", "allow_parallel_tool_calls", "response_format")
"""What a caller cannot ask for in a structured prediction, because it is how one is made."""


class StructuredPrediction(KiloParameters):
    """The four ways to predict an instance of a class, streamed and not, blocking and not."""

    def structured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Return the instance that the model makes of the prompt.

        Raises:
            StructuredAnswerError: the answer is not an instance of the class.
        """
        dispatcher.event(_start(output_cls, prompt, prompt_args))
        request = self._render_structured(output_cls, llm_kwargs)
        if request is None:
            result = self._program(output_cls, prompt)(llm_kwargs=dict(llm_kwargs or {}), **prompt_args)
        else:
            response = self.chat(self._format(prompt, prompt_args), **request)
            result = parse_structured(output_cls, response, model=self.model)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return cast("M", result)

    async def astructured_predict(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> M:
        """Return what `structured_predict` does."""
        dispatcher.event(_start(output_cls, prompt, prompt_args))
        request = self._render_structured(output_cls, llm_kwargs)
        if request is None:
            result = await self._program(output_cls, prompt).acall(llm_kwargs=dict(llm_kwargs or {}), **prompt_args)
        else:
            response = await self.achat(self._format(prompt, prompt_args), **request)
            result = parse_structured(output_cls, response, model=self.model)
        dispatcher.event(LLMStructuredPredictEndEvent(output=result))
        return cast("M", result)

    def _structured_stream_call(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any, None, None]:
        """Yield the object as it grows; the last one is an instance of the class."""
        request = self._render_structured(output_cls, llm_kwargs)
        if request is None:
            yield from self._program(output_cls, prompt).stream_call(llm_kwargs=dict(llm_kwargs or {}), **prompt_args)
            return
        partials = Partials(output_cls)
        with closing(self.stream_chat(self._format(prompt, prompt_args), **request)) as responses:
            for response in responses:
                if (partial := partials.add(response)) is not None:
                    yield partial
        yield parse_structured(output_cls, response, model=self.model)

    async def _structured_astream_call(
        self,
        output_cls: type[M],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any, None]:
        """Return what `_structured_stream_call` yields, as an asynchronous generator."""
        request = self._render_structured(output_cls, llm_kwargs)
        if request is None:
            program = self._program(output_cls, prompt)
            objects: AsyncGenerator[Any, None] = await program.astream_call(
                llm_kwargs=dict(llm_kwargs or {}), **prompt_args
            )
            return objects
        return self._astream_structured(output_cls, self._format(prompt, prompt_args), request)

    async def _astream_structured(
        self, output_cls: type[M], messages: list[ChatMessage], request: dict[str, Any]
    ) -> AsyncGenerator[Any, None]:
        partials = Partials(output_cls)
        async with aclosing(await self.astream_chat(messages, **request)) as responses:
            async for response in responses:
                if (partial := partials.add(response)) is not None:
                    yield partial
        yield parse_structured(output_cls, response, model=self.model)

    def _format(self, prompt: PromptTemplate, prompt_args: dict[str, Any]) -> list[ChatMessage]:
        return self._extend_messages(prompt.format_messages(llm=self, **prompt_args))

    def _render_structured(
        self, output_cls: type[BaseModel], llm_kwargs: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """Return the options that make the model answer with an instance; None to leave it to LlamaIndex's program."""
        schema = object_schema(output_cls) if self.pydantic_program_mode in _OWN_MODES else None
        if schema is None:
            return None
        kept = {name: value for name, value in (llm_kwargs or {}).items() if name not in _OWN_KEYS}
        info = self._model_info()
        is_default = self.pydantic_program_mode == PydanticProgramMode.DEFAULT
        if is_default and info is not None and info.structured_output:
            name, description = str(schema.get("title") or output_cls.__name__), schema.get("description")
            wanted = render_answer_format(name, schema, description=description, strict=self.strict or None)
            return kept | {"response_format": wanted}
        if not self.metadata.is_function_calling_model:
            return None
        forced = self._prepare_chat_with_tools([get_function_tool(output_cls)], tool_required=True, **kept)
        del forced["messages"]
        return forced

    def _program(self, output_cls: type[BaseModel], prompt: PromptTemplate) -> Any:
        """Return LlamaIndex's own program: of its default ones, the one that puts the schema into the prompt."""
        is_default = self.pydantic_program_mode == PydanticProgramMode.DEFAULT
        mode = PydanticProgramMode.LLM if is_default else self.pydantic_program_mode
        own_prompt = prompt.model_copy()  # a program puts its output parser into the prompt it is given
        return get_program_for_llm(output_cls, own_prompt, self, pydantic_program_mode=mode)


def _start(output_cls: type[BaseModel], prompt: PromptTemplate, args: dict[str, Any]) -> LLMStructuredPredictStartEvent:
    return LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=args)
